package userland

import (
	"io"
	"strings"

	"proximity/pvesim/machine/unix"
)

func id(p *unix.Proc) int {
	f, ok := parse(p, "ugGnr", nil)
	if !ok {
		return 1
	}
	switch {
	case f.has('n'):
		p.Outf("root\n")
	case f.has('u') || f.has('g') || f.has('G'):
		p.Outf("0\n")
	default:
		p.Outf("uid=0(root) gid=0(root) groups=0(root)\n")
	}
	return 0
}

func whoami(p *unix.Proc) int { p.Outf("root\n"); return 0 }

func getent(p *unix.Proc) int {
	if len(p.Args) < 3 {
		return 1
	}
	file, ok := map[string]string{"passwd": "/etc/passwd", "group": "/etc/group", "hosts": "/etc/hosts"}[p.Args[1]]
	if !ok {
		return 1
	}
	text, _ := p.K.FS.ReadFile(file)
	for _, line := range strings.Split(string(text), "\n") {
		for _, field := range strings.FieldsFunc(line, func(r rune) bool { return r == ':' || r == ' ' || r == '\t' }) {
			if field == p.Args[2] {
				p.Outf("%s\n", line)
				return 0
			}
		}
	}
	return 2
}

func chpasswd(p *unix.Proc) int {
	in, _ := io.ReadAll(p.Stdin())
	for _, line := range strings.Split(strings.TrimSpace(string(in)), "\n") {
		user, _, ok := strings.Cut(line, ":")
		if _, known := accountID(p, user, "/etc/passwd"); !ok || !known {
			p.Errf("chpasswd: unknown user %s\n", user)
			return 1
		}
	}
	return 0
}
