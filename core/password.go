package core

import (
	"slices"
	"strings"
)

// minPassword is how short a password may be, in bytes.
const minPassword = 8

// goodPassword refuses what is guessed first: among that is what is known of
// them, their name and their e-mail address.
func goodPassword(password string, known ...string) error {
	lower := strings.ToLower(password)
	switch {
	case len(password) < minPassword:
		return invalid("password", "a sentence is easy to remember", "this password is too short: it must have at least %d characters", minPassword)
	case len(password) > 1024:
		return invalid("password", "at most 1024 bytes", "this password is too long")
	case strings.Trim(password, "0123456789") == "":
		return invalid("password", "add letters", "this password is entirely numeric")
	case slices.ContainsFunc(known, func(word string) bool { return similar(lower, strings.ToLower(word)) }):
		return invalid("", "choose another", "the password is too similar to the name or the e-mail address")
	case slices.Contains(strings.Fields(commonPasswords), lower):
		return invalid("password", "choose another", "this password is too common")
	}
	return nil
}

// similar reports whether one is a part of the other; short words are in
// everything.
func similar(password, word string) bool {
	return len(word) > 3 && (strings.Contains(password, word) || strings.Contains(word, password))
}

// commonPasswords are those of eight characters and more that every list of
// leaked ones begins with.
const commonPasswords = `password password1 password12 password123 passw0rd p@ssw0rd p@ssword pa55word qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 1q2w3e4r 1q2w3e4r5t
1qaz2wsx zaq12wsx q1w2e3r4 q1w2e3r4t5 abcd1234 abc12345 abcdefgh a1b2c3d4 asdfghjkl asdfasdf zxcvbnm1 iloveyou iloveyou1 sunshine princess football baseball basketball
superman batman123 spiderman starwars trustno1 computer internet whatever michelle jennifer jessica1 danielle victoria samantha corvette mercedes dragon12 monkey12
letmein1 letmein123 welcome1 welcome123 changeme changeme1 changeme123 secret123 default1 administrator admin123 admin1234 administrator1 rootroot root1234 toor1234
proximity proximity1 proxmox1 proxmox123 homelab1 homelab123 test1234 testtest testing1 temp1234 guest123 user1234 master12 shadow12 access14 blink182 liverpool
arsenal1 chelsea1 charlie1 jordan23 mustang1 maverick midnight lovelove november december february caroline elephant einstein chocolate snowball bismillah qazwsxedc`
