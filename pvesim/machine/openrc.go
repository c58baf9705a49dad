package machine

import (
	"context"
	"sort"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

// later brings dockerd up a moment after OpenRC said ok, as start-stop-daemon does.
func (s *services) later(svc *service) {
	s.in.kernel.Go(func(ctx context.Context) {
		if s.in.kernel.Sleep(ctx, 1200*time.Millisecond) != nil {
			return
		}
		s.mu.Lock()
		wanted := svc.active
		s.mu.Unlock()
		if wanted {
			s.in.engine.Up()
		}
	})
}

func (s *services) rcService(p *unix.Proc) int {
	args := p.Args[1:]
	quiet := false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		quiet = quiet || args[0] == "-q" || args[0] == "--quiet"
		args = args[1:]
	}
	if len(args) < 2 {
		p.Errf("rc-service: you need to specify a service\n")
		return 1
	}
	name, verb := args[0], args[1]
	if s.machine.opts.OS == "debian" { // the service command of debian hands on to systemd
		p.Args = []string{"systemctl", verb, name}
		return s.systemctl(p)
	}
	u, ok := s.unit(name)
	if !ok {
		p.Errf("rc-service: service `%s' does not exist\n", name)
		return 1
	}
	say := func(format string, a ...any) {
		if !quiet {
			p.Outf(format, a...)
		}
	}
	stop := func() {
		say(" * Stopping %s ...\n", u.title)
		s.stop(name)
		say(" [ ok ]\n")
	}
	start := func() int {
		say(" * Starting %s ...\n", u.title)
		p.Sleep(300 * time.Millisecond)
		if err := s.start(name); err != nil {
			say(" [ !! ]\n")
			p.Errf(" * ERROR: %s failed to start\n", name)
			return 1
		}
		say(" [ ok ]\n")
		return 0
	}
	active := s.status(name).active
	switch verb {
	case "start":
		if active {
			p.Errf(" * WARNING: %s has already been started\n", name)
			return 0
		}
		return start()
	case "stop":
		if !active {
			p.Errf(" * WARNING: %s is already stopped\n", name)
			return 0
		}
		stop()
	case "restart", "reload":
		if active {
			stop()
		}
		return start()
	case "status":
		if !active {
			p.Outf(" * status: stopped\n")
			return 3
		}
		p.Outf(" * status: started\n")
	default:
		p.Errf(" * %s: unknown function `%s'\n", name, verb)
		return 1
	}
	return 0
}

func (s *services) rcUpdate(p *unix.Proc) int {
	var args []string
	for _, a := range p.Args[1:] {
		if !strings.HasPrefix(a, "-") {
			args = append(args, a)
		}
	}
	verb := "show"
	if len(args) > 0 {
		verb = args[0]
	}
	level := "default"
	if len(args) > 2 {
		level = args[2]
	}
	switch verb {
	case "show":
		s.mu.Lock()
		defer s.mu.Unlock()
		var names []string
		for name, svc := range s.state {
			if svc.enabled {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		for _, name := range names {
			p.Outf("%20s | default\n", name)
		}
		return 0
	case "add", "del", "delete":
		if len(args) < 2 {
			p.Errf(" * rc-update: no service specified\n")
			return 1
		}
		name := args[1]
		if _, ok := s.unit(name); !ok {
			p.Errf(" * rc-update: service `%s' does not exist\n", name)
			return 1
		}
		on := verb == "add"
		switch changed := s.enable(name, on); {
		case changed && on:
			p.Outf(" * service %s added to runlevel %s\n", name, level)
		case changed:
			p.Outf(" * service %s removed from runlevel %s\n", name, level)
		case on:
			p.Errf(" * rc-update: %s already installed in runlevel `%s'; skipping\n", name, level)
		default:
			p.Errf(" * rc-update: service `%s' is not in the runlevel `%s'\n", name, level)
			return 1
		}
		return 0
	}
	p.Errf("rc-update: unknown command `%s'\n", verb)
	return 1
}

func (s *services) rcStatus(p *unix.Proc) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Outf("Runlevel: default\n")
	for name, svc := range s.state {
		if svc.enabled {
			p.Outf(" %-60s [  %s  ]\n", name, map[bool]string{true: "started", false: "stopped"}[svc.active])
		}
	}
	return 0
}
