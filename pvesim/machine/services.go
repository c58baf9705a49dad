package machine

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/userland"
)

// services are the long-running parts of a system and what starts them: OpenRC on alpine, systemd on debian.
type services struct {
	machine *Machine
	in      *inner

	mu    sync.Mutex
	state map[string]*service
}

type service struct {
	enabled, active, failed bool
	since                   time.Time
	pid                     int
	why                     string // of a failure, for journalctl
}

// unit is a service that a package brings.
type unit struct {
	pkg         string // "" = part of the base system
	title       string
	command     string
	rssKB       int
	description string
}

var units = map[string]map[string]unit{
	"alpine": {
		"docker":     {"docker-engine", "Docker Daemon", "/usr/bin/dockerd", 92912, ""},
		"containerd": {"containerd", "containerd", "/usr/bin/containerd", 47048, ""},
		"crond":      {"", "busybox crond", "/usr/sbin/crond -c /etc/crontabs -f", 900, ""},
		"networking": {"", "networking", "", 0, ""},
		"syslog":     {"", "busybox syslog", "/sbin/syslogd -t -n", 900, ""},
		"sshd":       {"openssh", "sshd", "sshd: /usr/sbin/sshd [listener]", 4200, ""},
	},
	"debian": {
		"docker":           {"docker.io", "", "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock", 92912, "Docker Application Container Engine"},
		"containerd":       {"containerd", "", "/usr/bin/containerd", 47048, "containerd container runtime"},
		"cron":             {"", "", "/usr/sbin/cron -f", 2600, "Regular background program processing daemon"},
		"ssh":              {"", "", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", 7200, "OpenBSD Secure Shell server"},
		"systemd-journald": {"", "", "/usr/lib/systemd/systemd-journald", 9800, "Journal Service"},
	},
}

var enabledAtFirst = map[string][]string{"alpine": {"networking", "crond", "syslog"}, "debian": {"cron", "ssh", "systemd-journald"}}

// unit finds a service that is installed.
func (s *services) unit(name string) (unit, bool) {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".service"), ".socket")
	u, ok := units[s.machine.opts.OS][name]
	if !ok {
		return unit{}, false
	}
	if u.pkg == "" || s.in.packages.has(u.pkg) || u.pkg == "docker.io" && s.in.packages.has("docker-ce") || u.pkg == "containerd" && s.in.packages.has("containerd.io") {
		return u, true
	}
	return unit{}, false
}

// get returns a service's state, making it on first sight. The caller holds the lock.
func (s *services) get(name string) *service {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".service"), ".socket")
	if s.state[name] == nil {
		s.state[name] = &service{}
		for _, n := range enabledAtFirst[s.machine.opts.OS] {
			if n == name {
				s.state[name].enabled = true
			}
		}
	}
	return s.state[name]
}

// boot starts what is enabled.
func (s *services) boot() {
	names := map[string]bool{}
	for name := range units[s.machine.opts.OS] {
		names[name] = true
	}
	for name := range names {
		s.mu.Lock()
		enabled := s.get(name).enabled
		s.mu.Unlock()
		if _, ok := s.unit(name); ok && enabled {
			s.start(name)
		}
	}
}

// halt ends all services without disabling them.
func (s *services) halt() {
	s.in.engine.Down()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, svc := range s.state {
		svc.active = false
	}
}

// start starts an installed service. On debian it is ready when this returns (Type=notify); on alpine dockerd takes a
// moment more.
func (s *services) start(name string) error {
	s.mu.Lock()
	svc := s.get(name)
	if svc.active {
		s.mu.Unlock()
		return nil
	}
	svc.failed, svc.since = false, s.machine.opts.Now()
	svc.pid = 60 + 10*len(s.state) + len(name)
	s.mu.Unlock()
	if strings.HasPrefix(name, "docker") {
		if text, err := s.in.fs.ReadFile("/etc/docker/daemon.json"); err == nil {
			var config map[string]any
			if err := json.Unmarshal(text, &config); err != nil {
				s.mu.Lock()
				defer s.mu.Unlock()
				svc.failed, svc.why = true, "unable to configure the Docker daemon with file /etc/docker/daemon.json: "+err.Error()
				return fmt.Errorf("%s", svc.why)
			}
		}
		if s.machine.opts.OS == "debian" {
			s.start("containerd")
			s.in.engine.Up()
		}
	}
	s.mu.Lock()
	svc.active = true
	s.mu.Unlock()
	if name == "docker" && s.machine.opts.OS == "alpine" {
		s.later(svc)
	}
	return nil
}

// stop ends a service.
func (s *services) stop(name string) {
	s.mu.Lock()
	s.get(name).active = false
	s.mu.Unlock()
	if strings.TrimSuffix(name, ".service") == "docker" {
		s.in.engine.Down()
	}
}

// list is what ps shows.
func (s *services) list() []userland.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	var procs []userland.Service
	for name, svc := range s.state {
		if u := units[s.machine.opts.OS][name]; svc.active && u.command != "" {
			procs = append(procs, userland.Service{PID: svc.pid, Command: u.command, RSSKB: u.rssKB})
		}
	}
	sort.Slice(procs, func(i, j int) bool { return procs[i].PID < procs[j].PID })
	return procs
}

func (s *services) kill(pid int) bool {
	s.mu.Lock()
	found := ""
	for name, svc := range s.state {
		if svc.active && svc.pid == pid {
			found = name
		}
	}
	s.mu.Unlock()
	if found == "" {
		return false
	}
	s.stop(found)
	return true
}

func (s *services) save() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	enabled := map[string]bool{}
	for name, svc := range s.state {
		enabled[name] = svc.enabled
	}
	return enabled
}

func (s *services) load(enabled map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, on := range enabled {
		s.state[name] = &service{enabled: on}
	}
}

func (s *services) enable(name string, on bool) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.get(name)
	changed = svc.enabled != on
	svc.enabled = on
	return changed
}

func (s *services) status(name string) service {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.get(name)
}

func (s *services) programs() map[string]unix.Program {
	return map[string]unix.Program{
		"rc-service": s.rcService, "rc-update": s.rcUpdate, "rc-status": s.rcStatus, "openrc": func(*unix.Proc) int { return 0 },
		"service": s.rcService, "systemctl": s.systemctl, "journalctl": s.journalctl,
	}
}
