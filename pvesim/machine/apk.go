package machine

import (
	"os"
	"path"
	"sort"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

const apkIndex = "/var/cache/apk/APKINDEX.tar.gz"

var apkRepositories = []string{"http://dl-cdn.alpinelinux.org/alpine/v3.22/main", "http://dl-cdn.alpinelinux.org/alpine/v3.22/community"}

// apk is alpine's package manager: update, upgrade, add, del, info, policy, search, version.
func (k *packages) apk(p *unix.Proc) int {
	var args []string
	set := map[string]bool{}
	for i := 1; i < len(p.Args); i++ {
		switch a := p.Args[i]; {
		case a == "-t" || a == "--virtual" || a == "--wait" || a == "--repository" || a == "-X":
			i++
		case strings.HasPrefix(a, "--"):
			set[strings.TrimPrefix(a, "--")] = true
		case strings.HasPrefix(a, "-") && len(a) > 1:
			for _, c := range a[1:] {
				set[map[rune]string{'q': "quiet", 'U': "update-cache", 'u': "upgrade", 'e': "installed", 'V': "version", 'v': "verbose", 'f': "force"}[c]] = true
			}
		default:
			args = append(args, a)
		}
	}
	if set["version"] && len(args) == 0 {
		p.Outf("apk-tools 2.14.9, compiled for x86_64.\n")
		return 0
	}
	if len(args) == 0 {
		p.Outf("apk-tools 2.14.9, compiled for x86_64.\n\nusage: apk [<OPTIONS>...] COMMAND [<ARGUMENTS>...]\n")
		return 1
	}
	verb, names := args[0], args[1:]
	switch verb {
	case "update":
		return k.apkUpdate(p, set["quiet"])
	case "upgrade":
		if set["update-cache"] {
			if code := k.apkUpdate(p, set["quiet"]); code != 0 {
				return code
			}
		}
		k.apkOK(p, set["quiet"])
		return 0
	case "add":
		return k.apkAdd(p, names, set)
	case "del":
		for _, name := range names {
			if k.drop(name) && !set["quiet"] {
				p.Outf("(1/1) Purging %s (%s)\n", name, k.table()[name].version)
			}
		}
		k.apkOK(p, set["quiet"])
		return 0
	case "info":
		return k.apkInfo(p, names, set["installed"])
	case "policy":
		for _, name := range names {
			if q, ok := k.table()[name]; ok {
				p.Outf("%s policy:\n  %s:\n", name, q.version)
				if k.has(name) {
					p.Outf("    lib/apk/db/installed\n")
				}
				p.Outf("    %s\n", apkRepositories[1])
			}
		}
		return 0
	case "search":
		for _, name := range sortedPackages(k.table()) {
			if len(names) == 0 || strings.Contains(name, names[0]) {
				p.Outf("%s-%s\n", name, k.table()[name].version)
			}
		}
		return 0
	case "version", "fix", "cache", "audit":
		return 0
	}
	p.Errf("apk: '%s' is not an apk command. See 'apk --help'.\n", verb)
	return 1
}

func (k *packages) apkUpdate(p *unix.Proc, quiet bool) int {
	for _, repo := range apkRepositories {
		if !quiet {
			p.Outf("fetch %s/x86_64/APKINDEX.tar.gz\n", repo)
		}
		if k.offline() {
			p.Sleep(5 * time.Second)
			p.Errf("WARNING: updating and opening %s: temporary error (try again later)\n", repo)
			continue
		}
		p.Sleep(700 * time.Millisecond)
	}
	if k.offline() {
		if !quiet {
			p.Outf("2 unavailable, 0 stale; %d distinct packages available\n", len(k.installed))
		}
		return 2
	}
	if p.Context().Err() != nil {
		return 1
	}
	p.K.FS.WriteFile(apkIndex, []byte("index\n"), 0o644)
	if !quiet {
		p.Outf("v3.22.2-141-g3b7c2f9b5d4 [%s]\nv3.22.2-142-gd0e2c5a8b0f [%s]\nOK: 26329 distinct packages available\n", apkRepositories[0], apkRepositories[1])
	}
	return 0
}

func (k *packages) apkAdd(p *unix.Proc, names []string, set map[string]bool) int {
	quiet := set["quiet"]
	lock, ok := held(p, apkLockFile)
	if !ok {
		p.Errf("ERROR: Unable to lock database: temporary error (try again later)\nERROR: Failed to open apk database: temporary error (try again later)\n")
		return 99
	}
	defer lock.Close()
	_, err := p.K.FS.Stat(apkIndex)
	indexed := err == nil
	if set["no-cache"] || set["update-cache"] {
		code := k.apkUpdateQuietly(p, quiet)
		indexed = code == 0
	}
	for i, name := range names {
		names[i] = strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("=<>~@", r) })[0]
	}
	list, unknown := k.plan(names)
	if !indexed && len(list) > 0 {
		unknown, list = append(unknown, names...), nil
	}
	if len(unknown) > 0 {
		p.Errf("ERROR: unable to select packages:\n")
		for _, name := range unknown {
			p.Errf("  %s (no such package):\n    required by: world[%s]\n", name, name)
		}
		return len(unknown)
	}
	for i, name := range list {
		q := k.table()[name]
		if k.offline() {
			p.Sleep(5 * time.Second)
			p.Errf("ERROR: %s-%s: temporary error (try again later)\n1 error; %d MiB in %d packages\n", name, q.version, k.megabytes(), len(k.installed))
			return 1
		}
		if !quiet {
			p.Outf("(%d/%d) Installing %s (%s)\n", i+1, len(list), name, q.version)
		}
		if !p.Sleep(60*time.Millisecond + time.Duration(q.sizeKB)*40*time.Microsecond) {
			return 1
		}
		k.put(name)
		if name == "docker-openrc" && !quiet {
			p.Outf("Executing docker-openrc-28.3.3-r3.pre-install\n")
		}
	}
	if len(list) > 0 && !quiet {
		p.Outf("Executing busybox-1.37.0-r18.trigger\n")
	}
	k.apkOK(p, quiet)
	return 0
}

func (k *packages) apkUpdateQuietly(p *unix.Proc, quiet bool) int {
	if quiet || !k.offline() {
		for _, repo := range apkRepositories {
			if !quiet {
				p.Outf("fetch %s/x86_64/APKINDEX.tar.gz\n", repo)
			}
			p.Sleep(500 * time.Millisecond)
		}
		if !k.offline() {
			return 0
		}
	}
	for _, repo := range apkRepositories {
		p.Errf("WARNING: updating and opening %s: temporary error (try again later)\n", repo)
	}
	return 2
}

const apkLockFile = "/lib/apk/db/lock"

// held takes the lock by which a package manager keeps a second one of its kind away. As with the real ones it is the
// kernel's, not the file's: it does not outlive its process, however that ends.
func held(p *unix.Proc, file string) (*unix.File, bool) {
	p.K.FS.MkdirAll(path.Dir(file), 0o755)
	f, err := p.Open(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false
	}
	if f.Lock(p.Context(), true, false) != nil {
		f.Close()
		return nil, false
	}
	return f, true
}

func (k *packages) megabytes() int64 { return (baseDisk["alpine"] + k.size()) >> 20 }

func (k *packages) apkOK(p *unix.Proc, quiet bool) {
	if !quiet {
		p.Outf("OK: %d MiB in %d packages\n", k.megabytes(), len(k.save())+19)
	}
}

func (k *packages) apkInfo(p *unix.Proc, names []string, installedOnly bool) int {
	installed := k.save()
	if len(names) == 0 {
		var all []string
		for name := range installed {
			all = append(all, name)
		}
		sort.Strings(all)
		for _, name := range all {
			p.Outf("%s\n", name)
		}
		return 0
	}
	code := 0
	for _, name := range names {
		version, ok := installed[name]
		switch {
		case !ok:
			code = 1
		case installedOnly:
			p.Outf("%s\n", name)
		default:
			p.Outf("%s-%s installed size:\n%d KiB\n\n", name, version, k.table()[name].sizeKB)
		}
	}
	return code
}

func sortedPackages(m map[string]pkg) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
