package machine

import (
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

const aptLists = "/var/lib/apt/lists/deb.debian.org_debian_dists_trixie_InRelease"

// apt is apt-get and apt: update, install, remove, purge, upgrade, clean.
func (k *packages) apt(p *unix.Proc) int {
	var args []string
	yes, quiet := false, 0
	for i := 1; i < len(p.Args); i++ {
		switch a := p.Args[i]; {
		case a == "-o" || a == "-t":
			i++
		case a == "--yes" || a == "--assume-yes":
			yes = true
		case strings.HasPrefix(a, "-o") || strings.HasPrefix(a, "--"):
		case strings.HasPrefix(a, "-") && len(a) > 1:
			yes = yes || strings.Contains(a, "y")
			quiet += strings.Count(a, "q")
			if quiet >= 2 {
				yes = true // apt-get: -qq means -y
			}
		default:
			args = append(args, a)
		}
	}
	if len(args) == 0 {
		p.Outf("apt 3.0.3 (amd64)\nUsage: apt-get [options] command\n")
		return 0
	}
	say := func(format string, a ...any) {
		if quiet < 2 {
			p.Outf(format, a...)
		}
	}
	verb, names := args[0], args[1:]
	switch verb {
	case "update":
		return k.aptUpdate(p, quiet)
	case "install", "reinstall":
		return k.aptInstall(p, names, yes, quiet)
	case "remove", "purge", "autoremove":
		for _, name := range names {
			if k.drop(name) {
				say("Removing %s (%s) ...\n", name, k.table()[name].version)
			}
		}
		return 0
	case "upgrade", "dist-upgrade", "full-upgrade":
		say("Reading package lists...\nBuilding dependency tree...\nReading state information...\nCalculating upgrade...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")
		return 0
	case "clean", "autoclean", "check":
		return 0
	}
	p.Errf("E: Invalid operation %s\n", verb)
	return 100
}

func (k *packages) upstream() bool {
	entries, err := k.in.fs.ReadDir("/etc/apt/sources.list.d")
	if err != nil {
		return false
	}
	for _, e := range entries {
		text, _ := k.in.fs.ReadFile("/etc/apt/sources.list.d/" + e.Name())
		if strings.Contains(string(text), "download.docker.com") {
			return true
		}
	}
	return false
}

func (k *packages) aptUpdate(p *unix.Proc, quiet int) int {
	sources := []string{"http://deb.debian.org/debian trixie", "http://deb.debian.org/debian trixie-updates", "http://security.debian.org trixie-security"}
	if k.upstream() {
		sources = append(sources, "https://download.docker.com/linux/debian trixie")
	}
	if k.offline() { // FACTS: 32 s, and still 0
		for range 3 {
			p.Outf("Ign:1 http://deb.debian.org/debian trixie InRelease\n")
			p.Sleep(10 * time.Second)
		}
		p.Outf("Err:1 http://deb.debian.org/debian trixie InRelease\n  Temporary failure resolving 'deb.debian.org'\nReading package lists...\n")
		p.Errf("W: Failed to fetch http://deb.debian.org/debian/dists/trixie/InRelease  Temporary failure resolving 'deb.debian.org'\nW: Some index files failed to download. They have been ignored, or old ones used instead.\n")
		return 0
	}
	for i, source := range sources {
		if quiet < 2 {
			p.Outf("Get:%d %s InRelease [140 kB]\n", i+1, source)
		}
		if !p.Sleep(600 * time.Millisecond) {
			return 100
		}
	}
	if quiet < 2 {
		p.Outf("Fetched 9973 kB in 2s (4986 kB/s)\nReading package lists...\n")
	}
	p.K.FS.WriteFile(aptLists, []byte("lists\n"), 0o644)
	return 0
}

func (k *packages) aptInstall(p *unix.Proc, names []string, yes bool, quiet int) int {
	lock := "/var/lib/dpkg/lock-frontend"
	h, ok := held(p, lock)
	if !ok {
		p.Errf("E: Could not get lock %s. It is held by process 1234 (apt-get)\nE: Unable to acquire the dpkg frontend lock (%s), is another process using it?\n", lock, lock)
		return 100
	}
	defer h.Close()
	say := func(format string, a ...any) {
		if quiet < 2 {
			p.Outf(format, a...)
		}
	}
	say("Reading package lists...\nBuilding dependency tree...\n")
	_, err := p.K.FS.Stat(aptLists)
	list, unknown := k.plan(names)
	var missing []string
	for _, name := range append(unknown, list...) {
		vendor := strings.HasPrefix(name, "docker-ce") || name == "containerd.io" || strings.HasSuffix(name, "-plugin")
		_, known := k.table()[name]
		if !known || err != nil && contains(names, name) || vendor && !k.upstream() {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		for _, name := range missing {
			if _, known := k.table()[name]; known && err == nil {
				p.Errf("E: Package '%s' has no installation candidate\n", name)
				continue
			}
			p.Errf("E: Unable to locate package %s\n", name)
			if strings.Contains(name, ".") {
				p.Errf("E: Couldn't find any package by glob '%s'\nE: Couldn't find any package by regex '%s'\n", name, name)
			}
		}
		return 100
	}
	say("Reading state information...\n")
	if len(list) == 0 {
		for _, name := range names {
			say("%s is already the newest version (%s).\n", name, k.table()[name].version)
		}
		say("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")
		return 0
	}
	total := 0
	for _, name := range list {
		total += k.table()[name].sizeKB
	}
	say("The following NEW packages will be installed:\n  %s\n0 upgraded, %d newly installed, 0 to remove and 0 not upgraded.\nNeed to get %.1f MB of archives.\nAfter this operation, %d MB of additional disk space will be used.\n", strings.Join(list, " "), len(list), float64(total)/3500, total/1000)
	if !yes {
		p.Outf("Do you want to continue? [Y/n] Abort.\n")
		return 1
	}
	if k.offline() {
		p.Sleep(5 * time.Second)
		for _, name := range list {
			p.Errf("E: Failed to fetch http://deb.debian.org/debian/pool/main/%c/%s/%s_%s_amd64.deb  Temporary failure resolving 'deb.debian.org'\n", name[0], name, name, k.table()[name].version)
		}
		p.Errf("E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?\n")
		return 100
	}
	for i, name := range list {
		say("Get:%d http://deb.debian.org/debian trixie/main amd64 %s amd64 %s [%d kB]\n", i+1, name, k.table()[name].version, k.table()[name].sizeKB/4)
		if !p.Sleep(50*time.Millisecond + time.Duration(k.table()[name].sizeKB)*12*time.Microsecond) {
			return 100
		}
	}
	for _, name := range list {
		say("Selecting previously unselected package %s.\nUnpacking %s (%s) ...\n", name, name, k.table()[name].version)
		if !p.Sleep(100*time.Millisecond + time.Duration(k.table()[name].sizeKB)*20*time.Microsecond) {
			return 100
		}
	}
	for _, name := range list {
		say("Setting up %s (%s) ...\n", name, k.table()[name].version)
		k.put(name)
		if service := k.table()[name].service; service != "" {
			if k.in.services.enable(service, true) {
				p.Errf("Created symlink '/etc/systemd/system/multi-user.target.wants/%[1]s.service' → '/usr/lib/systemd/system/%[1]s.service'.\n", service)
			}
			k.in.services.start(service)
		}
	}
	say("Processing triggers for libc-bin (2.41-12) ...\n")
	return 0
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (k *packages) aptCache(p *unix.Proc) int {
	if len(p.Args) < 3 {
		return 0
	}
	q, ok := k.table()[p.Args[2]]
	if !ok {
		p.Errf("N: Unable to locate package %s\n", p.Args[2])
		return map[bool]int{true: 0, false: 100}[p.Args[1] == "policy"]
	}
	installed := "(none)"
	if k.has(p.Args[2]) {
		installed = q.version
	}
	p.Outf("%s:\n  Installed: %s\n  Candidate: %s\n", p.Args[2], installed, q.version)
	return 0
}

// dpkg shows what is installed: -s, -l, -W.
func (k *packages) dpkg(p *unix.Proc) int {
	installed := k.save()
	args := p.Args[1:]
	if len(args) == 0 {
		p.Errf("dpkg: error: need an action option\n")
		return 2
	}
	verb, format := args[0], ""
	var names []string
	for i, a := range args[1:] {
		switch {
		case strings.HasPrefix(a, "-f="):
			format = a[3:]
		case strings.HasPrefix(a, "--showformat="):
			format = strings.TrimPrefix(a, "--showformat=")
		case a == "-f" && i+2 < len(args):
			format = args[i+2]
		case !strings.HasPrefix(a, "-") && a != format:
			names = append(names, a)
		}
	}
	if verb == "--print-architecture" {
		p.Outf("amd64\n")
		return 0
	}
	if len(names) == 0 && (verb == "-l" || verb == "--list") {
		for name := range installed {
			names = append(names, name)
		}
	}
	code := 0
	for _, name := range names {
		version, ok := installed[name]
		switch {
		case !ok && (verb == "-l" || verb == "-W" || verb == "--list" || verb == "--show"):
			p.Errf("dpkg-query: no packages found matching %s\n", name)
			code = 1
		case !ok:
			p.Errf("dpkg-query: package '%s' is not installed and no information is available\nUse dpkg --info (= dpkg-deb --info) to examine archive files.\n", name)
			code = 1
		case format != "":
			p.Outf("%s", strings.NewReplacer("${Status}", "install ok installed", "${db:Status-Status}", "installed", "${Version}", version, "${Package}", name, `\n`, "\n").Replace(format))
		case verb == "-s" || verb == "--status":
			p.Outf("Package: %s\nStatus: install ok installed\nPriority: optional\nInstalled-Size: %d\nArchitecture: amd64\nVersion: %s\n", name, k.table()[name].sizeKB, version)
		case verb == "-l" || verb == "--list":
			p.Outf("ii  %-25s %-25s amd64\n", name, version)
		default:
			p.Outf("%s\t%s\n", name, version)
		}
	}
	return code
}
