package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"proximity/core"
)

const (
	annsKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ann@laptop"
	bobsKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJ+e3pSVUKdKUyTP8xwU7LAN0sd4UFn0fVr1xsZQCZp bob@phone"
)

// The whole of access, by commands, on a real and empty installation.
func TestPeopleKeysTokensAndSettings(t *testing.T) {
	c, err := core.Open(core.Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	actor := core.LocalAdmin("root")
	as := func(e *Env) { e.Actor = actor }
	do := func(exit int, in, line, want string) string {
		t.Helper()
		got := command(t, c, in, line, as)
		if got.exit != exit || !regexp.MustCompile(want).MatchString(got.out+got.err) {
			t.Errorf("%s: %+v, want exit %d with %s", line, got, exit, want)
		}
		return got.out
	}
	do(0, annsKey, "users add ann --role admin", "ann may log in")
	do(0, "", "users add bob --no-key", "bob may log in")
	do(2, "", "users add b/b --no-key", `"b/b" is not a user name`)
	do(2, "", "users add zoe --no-key --role king", `unknown role "king" \(one of admin, operator, user, viewer\)`)
	do(2, "short", "users passwd bob", "too short")
	do(0, "correct horse battery", "users passwd bob", "bob has a new API password")
	do(0, "", "users profile bob --email bob@example.org", "bob@example.org")
	do(0, "", "users", `(?s)NAME +ROLE +KEYS.*ann +admin +1 .*bob +user +0 +0 +yes`)
	do(0, "", "users role bob operator", "bob is operator now")
	do(5, "", "users role ann viewer", "ann is the last admin")
	do(5, "", "users remove ann --yes", "ann is the last admin")
	do(2, "", "users remove bob", "add --yes if you mean it")

	c.SeenUnknownKey("SHA256:notakeyatall", bobsKey, "bob?", "203.0.113.9")
	do(0, "", "keys", `(?s)ann +SHA256:\+DiY3wvv.*ann@laptop.*waiting for approval:.*SHA256:notakeyatall +bob\? +203.0.113.9 +1`)
	do(2, "", "keys approve notakeyatall", "--user is missing")
	do(3, "", "keys approve ohnoohno --user bob", "there is no key ohnoohno")
	do(0, "", "keys deny SHA256:notakeyatall", "does not wait any more")
	do(0, bobsKey, "keys add bob", "bob may log in with it")
	do(3, bobsKey, "keys add nobody", `there is no user "nobody"`)
	do(5, bobsKey, "keys add ann", "belongs to bob")
	do(2, "", "keys revoke +DiY3wvv", "add --yes if you mean it")
	do(5, "", "keys revoke +DiY3wvv --yes", "last admin")
	var doc keyList
	if err := json.Unmarshal([]byte(do(0, "", "keys --json", "")), &doc); err != nil || len(doc.Keys) != 2 || doc.Waiting == nil {
		t.Errorf("%v: %+v", err, doc)
	}

	do(5, "", "tokens create report", "root is not a user of Proximity")
	actor = core.Actor{User: "bob", Role: core.RoleOperator, Via: core.ViaSSH}
	do(2, "", "tokens create report --scope all", `unknown scope "all"`)
	do(2, "", "tokens create report --expires soon", "--expires: \"soon\" is not a time")
	do(0, "", "tokens", "there are none")
	got := command(t, c, "", "tokens create report --scope write --expires 30d", as)
	if !regexp.MustCompile(`^px_[A-Za-z0-9]{40}\n$`).MatchString(got.out) || !strings.Contains(got.err, "it is not shown again") {
		t.Errorf("%+v", got)
	}
	a, err := c.Bearer(t.Context(), "", strings.TrimSpace(got.out))
	if err != nil || a.User != "bob" || a.Scope != core.ScopeWrite {
		t.Errorf("%+v, %v", a, err)
	}
	do(0, "", "tokens", `(?s)1 +report +bob +write +in 29d23h|30d|20`)
	do(0, "", "tokens --json", `"scope": "write"`)
	do(0, "", "tokens revoke #1", "worth nothing any more")
	do(3, "", "tokens revoke 1", "there is no token 1")
	do(0, "", "keys", `(?s)^USER.*bob +SHA256:[^\n]*\n$`) // his own, and nothing that waits
	do(5, "", "keys revoke "+doc.Keys[1].Fingerprint+" --yes", "this is your last key")
	do(3, "", "keys revoke +DiY3wvv --yes", "there is no key") // others' do not exist for him
	do(4, "", "users role bob admin", "may not change users")
	do(4, "", "users logout ann", "may not change users")
	do(0, "", "users logout bob", "0 sessions of bob ended")
	do(4, "", "settings set memory 4096", "may not change settings")
	do(0, "", "settings", `(?s)memory +2048 +2048 .*delete-wait +10m +10m`)

	actor = core.Actor{User: "ann", Role: core.RoleAdmin, Via: core.ViaSSH}
	do(0, "", "settings set memory 4096", "memory is 4096 now")
	do(0, "", "settings set dns 1.1.1.1 9.9.9.9", "dns is 1.1.1.1, 9.9.9.9 now")
	do(2, "", "settings set subnet 10.0.0.0/99", "Invalid IP address or CIDR notation: 10.0.0.0/99")
	do(2, "", "settings set colour blue", `there is no setting "colour"`)
	do(2, "", "settings set memory", "VALUE is missing")
	do(0, "", "settings show --json", `"value": "4096"`)
	do(5, "", "users remove ann --yes", "you cannot remove yourself")
	do(0, "", "users remove bob --yes", "bob may not log in any more")
	do(3, "", "users remove bob --yes", `there is no user "bob"`)
}
