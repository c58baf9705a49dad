package userland

import (
	"errors"
	"io/fs"
	"time"

	"proximity/pvesim/machine/unix"
)

// spool is where BusyBox keeps the tables.
const spool = "/var/spool/cron/crontabs"

// crontab: FILE, - (standard input), -l, -r; always root's.
func crontab(p *unix.Proc) int {
	f, ok := parse(p, "lreu:c:", nil)
	if !ok {
		return 1
	}
	table := spool + "/root"
	switch {
	case f.has('l'):
		text, err := p.ReadAll(table)
		if errors.Is(err, fs.ErrNotExist) {
			return p.Fail("can't open 'root': No such file or directory")
		}
		p.Outf("%s", text)
		return 0
	case f.has('r'):
		p.K.FS.Remove(p.Path(table))
		return 0
	}
	name := "-"
	if len(f.rest) > 0 {
		name = f.rest[0]
	}
	text, err := p.ReadAll(name)
	if err == nil {
		err = p.K.FS.MkdirAll(p.Path(spool), 0o755)
	}
	if err == nil {
		err = p.K.FS.WriteFile(p.Path(table), text, 0o600)
	}
	if err != nil {
		return p.Fail("can't open '%s': %s", name, unix.Text(err))
	}
	return 0
}

// crond keeps running with -f, and runs nothing: what its tables call is in images, which are not run either.
func crond(p *unix.Proc) int {
	f, ok := parse(p, "fbSl:d:L:c:", nil)
	if !ok {
		return 1
	}
	if !f.has('f') {
		return 0 // in the background
	}
	p.Errf("crond: crond (busybox 1.37.0) started, log level 8\n")
	for p.Sleep(time.Hour) {
	}
	return 0
}
