package machine

import (
	"maps"
	"sort"
	"strings"
	"sync"

	"proximity/pvesim/machine/unix"
)

// packages is what a package manager has put onto the system.
type packages struct {
	machine *Machine
	in      *inner

	mu        sync.Mutex
	installed map[string]string // name → version
}

// pkg is one package of a distribution.
type pkg struct {
	version string
	sizeKB  int
	deps    string   // space-separated
	files   []string // executables it brings, by their path; the program is the base name
	service string   // started after installation on debian
}

var catalogue = map[string]map[string]pkg{
	"alpine": {
		"docker":             {"28.3.3-r3", 20, "docker-engine docker-cli docker-openrc ca-certificates", nil, ""},
		"docker-engine":      {"28.3.3-r3", 81000, "containerd runc iptables tini-static", []string{"/usr/bin/dockerd"}, "docker"},
		"docker-cli":         {"28.3.3-r3", 39000, "ca-certificates", []string{"/usr/bin/docker"}, ""},
		"docker-openrc":      {"28.3.3-r3", 8, "", nil, ""},
		"docker-cli-compose": {"2.36.2-r5", 61000, "docker-cli", []string{"/usr/libexec/docker/cli-plugins/docker-compose"}, ""},
		"docker-compose":     {"2.36.2-r5", 61000, "docker-cli-compose", nil, ""},
		"containerd":         {"2.1.3-r2", 98000, "runc", nil, ""},
		"runc":               {"1.3.0-r3", 9500, "libseccomp", nil, ""},
		"iptables":           {"1.8.11-r1", 2300, "libmnl libnftnl", nil, ""},
		"libmnl":             {"1.0.5-r2", 24, "", nil, ""},
		"libnftnl":           {"1.2.9-r0", 170, "", nil, ""},
		"libseccomp":         {"2.6.0-r0", 140, "", nil, ""},
		"tini-static":        {"0.19.0-r3", 850, "", nil, ""},
		"ca-certificates":    {"20250619-r0", 650, "", nil, ""},
		"curl":               {"8.14.1-r2", 280, "libcurl ca-certificates", []string{"/usr/bin/curl"}, ""},
		"libcurl":            {"8.14.1-r2", 620, "", nil, ""},
		"bash":               {"5.2.37-r0", 1250, "readline", []string{"/bin/bash"}, ""},
		"readline":           {"8.2.13-r1", 300, "", nil, ""},
		"iproute2":           {"6.15.0-r0", 2100, "libmnl", []string{"/sbin/ss"}, ""},
		"iproute2-ss":        {"6.15.0-r0", 140, "libmnl", []string{"/sbin/ss"}, ""},
		"openssh":            {"10.0_p1-r9", 2500, "", nil, ""},
		"util-linux":         {"2.41-r9", 4000, "", nil, ""},
		"coreutils":          {"9.7-r1", 1200, "", nil, ""},
		"tzdata":             {"2025b-r0", 1700, "", nil, ""},
		"openrc":             {"0.62.6-r0", 2500, "", nil, ""},
		"fuse-overlayfs":     {"1.14-r1", 130, "", nil, ""},
		"shadow":             {"4.17.3-r0", 900, "", nil, ""},
		"jq":                 {"1.8.0-r0", 600, "", nil, ""},
		"busybox":            {"1.37.0-r18", 950, "", nil, ""}, "musl": {"1.2.5-r10", 650, "", nil, ""}, "apk-tools": {"2.14.9-r2", 310, "", nil, ""}, "alpine-base": {"3.22.2-r0", 1, "", nil, ""},
	},
	"debian": {
		"docker.io":               {"26.1.5+dfsg1-9+b9", 98000, "containerd runc tini iptables", []string{"/usr/sbin/dockerd"}, "docker"},
		"docker-cli":              {"26.1.5+dfsg1-9+b9", 36000, "", []string{"/usr/bin/docker"}, ""},
		"docker-compose":          {"2.26.1-4", 58000, "docker-cli", []string{"/usr/libexec/docker/cli-plugins/docker-compose", "/usr/bin/docker-compose"}, ""},
		"containerd":              {"1.7.24~ds1-6+b4", 100000, "runc", nil, "containerd"},
		"runc":                    {"1.1.15+ds1-2+b4", 11000, "libseccomp2", nil, ""},
		"libseccomp2":             {"2.6.0-2", 150, "", nil, ""},
		"tini":                    {"0.19.0-3+b3", 900, "", nil, ""},
		"iptables":                {"1.8.11-2", 2700, "libnetfilter-conntrack3 libnfnetlink0", nil, ""},
		"libnetfilter-conntrack3": {"1.1.0-1", 130, "", nil, ""}, "libnfnetlink0": {"1.0.2-3", 44, "", nil, ""},
		"docker-ce":             {"5:28.5.1-1~debian.13~trixie", 99000, "docker-ce-cli containerd.io iptables", []string{"/usr/bin/dockerd"}, "docker"},
		"docker-ce-cli":         {"5:28.5.1-1~debian.13~trixie", 41000, "docker-compose-plugin docker-buildx-plugin", []string{"/usr/bin/docker"}, ""},
		"containerd.io":         {"1.7.28-1~debian.13~trixie", 110000, "", nil, "containerd"},
		"docker-compose-plugin": {"2.40.0-1~debian.13~trixie", 60000, "", []string{"/usr/libexec/docker/cli-plugins/docker-compose"}, ""},
		"docker-buildx-plugin":  {"0.29.1-1~debian.13~trixie", 70000, "", nil, ""},
		"curl":                  {"8.14.1-2", 480, "libcurl4t64", []string{"/usr/bin/curl"}, ""},
		"libcurl4t64":           {"8.14.1-2", 900, "", nil, ""},
		"ca-certificates":       {"20250419", 400, "openssl", nil, ""},
		"openssl":               {"3.5.1-1", 2400, "", nil, ""},
		"gnupg":                 {"2.4.7-21", 900, "", nil, ""},
		"jq":                    {"1.7.1-6", 500, "", nil, ""},
		"apparmor":              {"4.1.0-1", 2400, "", nil, ""},
		"uidmap":                {"1:4.17.4-2", 300, "", nil, ""},
		"lsb-release":           {"12.1-1", 30, "", nil, ""},
		"netcat-openbsd":        {"1.229-1", 110, "", nil, ""},
		"bash":                  {"5.2.37-2+b5", 7200, "", nil, ""}, "coreutils": {"9.7-3", 18000, "", nil, ""}, "openssh-server": {"1:10.0p1-7", 2300, "", nil, ""}, "wget": {"1.25.0-2", 3700, "", nil, ""}, "iproute2": {"6.15.0-1", 3700, "", nil, ""}, "util-linux": {"2.41-5", 5200, "", nil, ""}, "dpkg": {"1.22.21", 6500, "", nil, ""}, "apt": {"3.0.3", 4200, "", nil, ""}, "systemd": {"257.8-1~deb13u2", 13000, "", nil, ""},
	},
}

var baseSystem = map[string]string{
	"alpine": "alpine-base apk-tools busybox musl openrc",
	"debian": "apt bash coreutils dpkg iproute2 openssh-server systemd util-linux wget",
}

func (k *packages) table() map[string]pkg { return catalogue[k.machine.opts.OS] }

// base records the packages of a fresh system, whose files are there.
func (k *packages) base(os string) {
	for _, name := range strings.Fields(baseSystem[os]) {
		k.installed[name] = catalogue[os][name].version
	}
}

func (k *packages) has(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.installed[name]
	return ok
}

func (k *packages) save() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.installed)
}

func (k *packages) load(installed map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.installed = maps.Clone(installed)
}

// size is what was installed on top of the base system takes on disk, in bytes.
func (k *packages) size() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	var total int64
	for name := range k.installed {
		if !strings.Contains(" "+baseSystem[k.machine.opts.OS]+" ", " "+name+" ") {
			total += int64(k.table()[name].sizeKB) << 10
		}
	}
	return total
}

// plan lists what must be installed for some packages, dependencies first; unknown ones are named apart.
func (k *packages) plan(names []string) (list, unknown []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if _, have := k.installed[name]; have {
			return
		}
		p, ok := k.table()[name]
		if !ok {
			unknown = append(unknown, name)
			return
		}
		deps := strings.Fields(p.deps)
		sort.Strings(deps)
		for _, dep := range deps {
			add(dep)
		}
		list = append(list, name)
	}
	for _, name := range names {
		add(name)
	}
	return list, unknown
}

// put installs one package's files.
func (k *packages) put(name string) {
	p := k.table()[name]
	for _, file := range p.files {
		program := file[strings.LastIndexByte(file, '/')+1:]
		k.in.fs.WriteFile(file, unix.Binary(program), 0o755)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.installed[name] = p.version
}

// drop removes one package's files.
func (k *packages) drop(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.installed[name]; !ok {
		return false
	}
	delete(k.installed, name)
	for _, file := range k.table()[name].files {
		k.in.fs.Remove(file)
	}
	return true
}

func (k *packages) programs() map[string]unix.Program {
	return map[string]unix.Program{
		"apk": k.apk, "apt-get": k.apt, "apt": k.apt, "apt-cache": k.aptCache, "dpkg": k.dpkg, "dpkg-query": k.dpkg,
	}
}

func (k *packages) offline() bool {
	_, off := k.machine.Fault("no-network")
	return off
}
