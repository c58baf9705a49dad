// Package userland is the everyday commands of simulated machines: files, text, processes and system facts.
package userland

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

// System is what the commands tell about the machine.
type System struct {
	OS        string // "alpine", "debian" or "pve"
	Cores     int
	MemoryMB  int
	DiskBytes int64
	MemUsed   func() int64 // bytes
	DiskUsed  func() int64 // bytes
	Booted    func() time.Time
	// Procs lists processes that are not the kernel's own: services.
	Procs func() []Service
	// Kill delivers a signal to a service's process; false = no such process.
	Kill func(pid int, sig int) bool
}

// Service is a long-running process as ps shows it.
type Service struct {
	PID     int
	Command string
	RSSKB   int
}

// Programs returns the commands by name.
func Programs(sys *System) map[string]unix.Program {
	all := map[string]unix.Program{
		"true": func(*unix.Proc) int { return 0 }, "false": func(*unix.Proc) int { return 1 }, "sync": func(*unix.Proc) int { return 0 },
		"echo": echo, "printf": printf, "test": test, "[": test, "[[": test, "sleep": sleep, "yes": yes,
		"cat": cat, "ls": ls, "mkdir": mkdir, "rmdir": rmdir, "rm": rm, "mv": mv, "cp": cp, "ln": ln, "chmod": chmod,
		"chown": chown, "chgrp": chown, "touch": touch, "stat": stat, "readlink": readlink, "realpath": realpath, "mktemp": mktemp,
		"dirname": dirname, "basename": basename, "install": install, "find": find, "du": du, "truncate": truncate, "dd": dd, "cmp": cmp,
		"head": head, "tail": tail, "grep": grep, "egrep": grep, "fgrep": grep, "sed": sed, "cut": cut, "tr": tr, "sort": sortLines, "uniq": uniq, "wc": wc,
		"tee": tee, "base64": encode64, "sha256sum": sum, "md5sum": sum, "sha1sum": sum, "sha512sum": sum, "seq": seq, "rev": rev, "tac": tac, "expr": expr, "xargs": xargs,
		"env": env, "printenv": printenv, "id": id, "whoami": whoami, "hostname": hostname, "tty": tty, "pwd": func(p *unix.Proc) int { p.Outf("%s\n", p.Dir); return 0 },
		"date": date, "kill": kill, "flock": flock, "setsid": setsid, "nohup": nohup, "timeout": timeout, "nice": nice, "ionice": nice, "which": which, "getent": getent, "clear": func(*unix.Proc) int { return 0 },
		"chpasswd": chpasswd, "sysctl": sysctl, "crontab": crontab, "crond": crond,
	}
	for name, program := range sys.programs() {
		all[name] = program
	}
	return all
}

// flags parses short options as getopt does: spec names the letters, a colon after one means that it takes a value.
// Long options are looked up in long, which maps them to letters.
type flags struct {
	set  map[byte]string
	rest []string
}

func (f flags) has(letter byte) bool { _, ok := f.set[letter]; return ok }

func parse(p *unix.Proc, spec string, long map[string]byte) (flags, bool) {
	f := flags{set: map[byte]string{}}
	args := p.Args[1:]
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			f.rest = append(f.rest, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			f.rest = append(f.rest, arg)
			continue
		}
		if strings.HasPrefix(arg, "--") {
			name, value, given := strings.Cut(arg[2:], "=")
			letter, ok := long[name]
			if !ok {
				p.Errf("%s: unrecognized option: %s\n", p.Name(), name)
				return f, false
			}
			if !given && takesValue(spec, letter) && i+1 < len(args) {
				i++
				value = args[i]
			}
			f.set[letter] = value
			continue
		}
		for j := 1; j < len(arg); j++ {
			letter := arg[j]
			if !strings.Contains(spec, string(letter)) || letter == ':' {
				p.Errf("%s: unrecognized option: %c\n", p.Name(), letter)
				return f, false
			}
			if !takesValue(spec, letter) {
				f.set[letter] = ""
				continue
			}
			if j+1 < len(arg) {
				f.set[letter] = arg[j+1:]
			} else if i+1 < len(args) {
				i++
				f.set[letter] = args[i]
			} else {
				p.Errf("%s: option requires an argument: %c\n", p.Name(), letter)
				return f, false
			}
			break
		}
	}
	return f, true
}

func takesValue(spec string, letter byte) bool {
	i := strings.IndexByte(spec, letter)
	return i >= 0 && i+1 < len(spec) && spec[i+1] == ':'
}

// complain prints "name: file: Reason" and returns 1.
func complain(p *unix.Proc, file string, err error) int {
	p.Errf("%s: %s: %s\n", p.Name(), file, unix.Text(err))
	return 1
}

// human prints bytes as df -h and du -h do.
func human(n int64) string {
	units := "BKMGT"
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d", n)
	}
	if f < 10 {
		return fmt.Sprintf("%.1f%c", f, units[i])
	}
	return fmt.Sprintf("%.0f%c", f, units[i])
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
