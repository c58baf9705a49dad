package machine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

func (s *services) systemctl(p *unix.Proc) int {
	var args []string
	now, quiet := false, false
	for _, a := range p.Args[1:] {
		switch {
		case a == "--now":
			now = true
		case a == "-q" || a == "--quiet":
			quiet = true
		case strings.HasPrefix(a, "-"):
		default:
			args = append(args, a)
		}
	}
	verb := "list-units"
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "daemon-reload", "daemon-reexec", "reset-failed", "list-units":
		return 0
	case "is-system-running":
		p.Outf("running\n")
		return 0
	}
	code := 0
	for _, arg := range args {
		name := strings.TrimSuffix(arg, ".service")
		if c := s.unitVerb(p, verb, name, now, quiet); c != 0 {
			code = c
		}
	}
	return code
}

func (s *services) unitVerb(p *unix.Proc, verb, name string, now, quiet bool) int {
	full := name
	if !strings.Contains(name, ".") {
		full += ".service"
	}
	u, ok := s.unit(name)
	state := service{}
	if ok {
		state = s.status(name)
	}
	say := func(text string) {
		if !quiet {
			p.Outf("%s\n", text)
		}
	}
	switch verb {
	case "is-active":
		switch {
		case !ok:
			say("inactive")
			return 4
		case state.failed:
			say("failed")
			return 3
		case !state.active:
			say("inactive")
			return 3
		}
		say("active")
		return 0
	case "is-enabled":
		switch {
		case !ok:
			p.Errf("Failed to get unit file state for %s: No such file or directory\n", full)
			return 1
		case !state.enabled:
			say("disabled")
			return 1
		}
		say("enabled")
		return 0
	case "is-failed":
		if state.failed {
			say("failed")
			return 0
		}
		say(map[bool]string{true: "active", false: "inactive"}[state.active])
		return 1
	}
	if !ok {
		p.Errf("Failed to %s %s: Unit %s not found.\n", verb, full, full)
		if verb == "enable" || verb == "disable" {
			return 1
		}
		return 5
	}
	switch verb {
	case "start", "restart", "reload", "try-restart":
		if verb != "start" && state.active {
			s.stop(name)
		}
		return s.startUnit(p, name)
	case "stop":
		s.stop(name)
	case "enable", "disable":
		on := verb == "enable"
		if s.enable(name, on) {
			if on {
				p.Errf("Created symlink '/etc/systemd/system/multi-user.target.wants/%s' → '/usr/lib/systemd/system/%s'.\n", full, full)
			} else {
				p.Errf("Removed '/etc/systemd/system/multi-user.target.wants/%s'.\n", full)
			}
		}
		if now && on {
			return s.startUnit(p, name)
		}
		if now {
			s.stop(name)
		}
	case "status":
		active := "inactive (dead)"
		if state.active {
			active = "active (running) since " + state.since.UTC().Format("Mon 2006-01-02 15:04:05 UTC")
		} else if state.failed {
			active = "failed (Result: exit-code)"
		}
		p.Outf("● %s - %s\n     Loaded: loaded (/usr/lib/systemd/system/%s; %s; preset: enabled)\n     Active: %s\n", full, u.description, full, map[bool]string{true: "enabled", false: "disabled"}[state.enabled], active)
		if state.active {
			p.Outf("   Main PID: %d\n", state.pid)
			return 0
		}
		return 3
	case "show":
		p.Outf("Id=%s\nActiveState=%s\n", full, map[bool]string{true: "active", false: "inactive"}[state.active])
	default:
		p.Errf("Unknown command verb '%s'.\n", verb)
		return 1
	}
	return 0
}

func (s *services) startUnit(p *unix.Proc, name string) int {
	if !s.status(name).active {
		p.Sleep(600 * time.Millisecond)
	}
	if err := s.start(name); err != nil {
		p.Errf("Job for %[1]s.service failed because the control process exited with error code.\nSee \"systemctl status %[1]s.service\" and \"journalctl -xeu %[1]s.service\" for details.\n", name)
		return 1
	}
	return 0
}

// journalctl prints the last start of one unit (-u), or of all, at most so many lines (-n). Following (-f) waits
// for lines until it is ended.
func (s *services) journalctl(p *unix.Proc) int {
	name, last, following := "", -1, false
	for i, a := range p.Args {
		value := ""
		if i+1 < len(p.Args) {
			value = p.Args[i+1]
		}
		switch a {
		case "-u", "--unit":
			name = strings.TrimSuffix(value, ".service")
		case "-n", "--lines":
			last, _ = strconv.Atoi(value)
		case "-f", "--follow":
			following = true
		}
	}
	names := []string{name}
	if name == "" {
		names = slices.Sorted(maps.Keys(units[s.machine.opts.OS]))
	}
	var lines []string
	for _, name := range names {
		lines = append(lines, s.journal(p, name)...)
	}
	if len(lines) == 0 {
		lines = []string{"-- No entries --"}
	}
	if last >= 0 && len(lines) > last {
		lines = lines[len(lines)-last:]
	}
	for _, line := range lines {
		p.Outf("%s\n", line)
	}
	for following && p.Sleep(time.Second) {
	}
	return 0
}

// journal is what a unit's last start wrote.
func (s *services) journal(p *unix.Proc, name string) (lines []string) {
	u, ok := s.unit(name)
	state := s.status(name)
	if !ok || state.since.IsZero() {
		return nil
	}
	line := func(who, text string) {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", state.since.UTC().Format("Jan 02 15:04:05"), p.K.Hostname(), who, text))
	}
	line("systemd[1]", "Starting "+name+".service - "+u.description+"...")
	if state.failed {
		line(name+"d["+"398]", state.why)
		line("systemd[1]", name+".service: Main process exited, code=exited, status=1/FAILURE")
		line("systemd[1]", name+".service: Failed with result 'exit-code'.")
		line("systemd[1]", "Failed to start "+name+".service - "+u.description+".")
		return lines
	}
	line("systemd[1]", "Started "+name+".service - "+u.description+".")
	return lines
}
