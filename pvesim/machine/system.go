package machine

import (
	"fmt"
	"strings"

	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/vfs"
)

// applets are BusyBox's commands on alpine; debian has them from coreutils, util-linux, procps and friends.
const applets = `[ ash base64 basename cat chgrp chmod chown chpasswd clear cmp cp crond crontab cut date dd df dirname du echo egrep env expr
	fallocate false fgrep find flock free grep head hostname id ifconfig install ionice ip kill killall ln ls md5sum mkdir mktemp mount mv nc
	netstat nice nohup nproc nslookup pgrep pidof ping pkill printenv printf ps pwd readlink realpath rev rm rmdir sed seq
	setsid sha1sum sha256sum sha512sum sleep sort stat sync sysctl tac tail tee test timeout touch tr true truncate tty uname uniq uptime wc
	wget which whoami xargs yes getent arch`

// install lays a fresh system out.
func install(f *vfs.FS, o Options) {
	for _, dir := range []string{"/dev", "/etc", "/home", "/mnt", "/opt", "/proc", "/root", "/run/lock", "/srv", "/sys", "/tmp", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/lib", "/usr/libexec", "/var/log", "/var/lib", "/var/cache", "/var/tmp"} {
		f.MkdirAll(dir, 0o755)
	}
	f.Change("/root", func(a *vfs.Attributes) { a.Perm = 0o700 })
	f.Change("/tmp", func(a *vfs.Attributes) { a.Perm = 0o777 })
	f.Symlink("/run", "/var/run")
	f.Symlink("/run/lock", "/var/lock")
	files := map[string]string{
		"/etc/hostname":    o.Hostname + "\n",
		"/etc/hosts":       "127.0.0.1\tlocalhost\n::1\tlocalhost\n# --- BEGIN PVE ---\n127.0.1.1 " + o.Hostname + "\n# --- END PVE ---\n",
		"/etc/resolv.conf": "# --- BEGIN PVE ---\nsearch lan\nnameserver 10.10.10.1\n# --- END PVE ---\n",
		"/etc/passwd":      "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"/etc/group":       "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n",
		"/etc/shadow":      "root:*:20000:0:99999:7:::\n",
		"/etc/profile":     "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
		"/etc/fstab":       "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n",
	}
	if o.OS == "debian" {
		debian(f, files)
	} else {
		alpine(f, files)
	}
	for name, text := range files {
		f.WriteFile(name, []byte(text), 0o644)
	}
	f.Change("/etc/shadow", func(a *vfs.Attributes) { a.Perm = 0o640 })
}

func alpine(f *vfs.FS, files map[string]string) {
	files["/etc/os-release"] = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.22.2\nPRETTY_NAME=\"Alpine Linux v3.22\"\nHOME_URL=\"https://alpinelinux.org/\"\nBUG_REPORT_URL=\"https://gitlab.alpinelinux.org/alpine/aports/-/issues\"\n"
	files["/etc/alpine-release"] = "3.22.2\n"
	files["/etc/apk/repositories"] = "http://dl-cdn.alpinelinux.org/alpine/v3.22/main\nhttp://dl-cdn.alpinelinux.org/alpine/v3.22/community\n"
	f.WriteFile("/bin/busybox", unix.Binary("busybox"), 0o755)
	f.MkdirAll("/sbin", 0o755)
	f.Symlink("/bin/busybox", "/bin/sh")
	for _, name := range strings.Fields(applets) {
		f.Symlink("/bin/busybox", "/bin/"+name)
	}
	for _, name := range []string{"apk", "rc-service", "rc-update", "rc-status", "openrc", "service"} {
		f.WriteFile("/sbin/"+name, unix.Binary(name), 0o755)
	}
}

func debian(f *vfs.FS, files map[string]string) {
	files["/etc/os-release"] = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"13\"\nVERSION=\"13 (trixie)\"\nVERSION_CODENAME=trixie\nDEBIAN_VERSION_FULL=13.1\nID=debian\nHOME_URL=\"https://www.debian.org/\"\nSUPPORT_URL=\"https://www.debian.org/support\"\nBUG_REPORT_URL=\"https://bugs.debian.org/\"\n"
	files["/etc/debian_version"] = "13.1\n"
	files["/etc/apt/sources.list"] = "deb http://deb.debian.org/debian trixie main contrib\n\ndeb http://deb.debian.org/debian trixie-updates main contrib\n\ndeb http://security.debian.org trixie-security main contrib\n"
	f.MkdirAll("/etc/apt/sources.list.d", 0o755)
	f.MkdirAll("/etc/apt/keyrings", 0o755)
	f.Symlink("usr/bin", "/bin")
	f.Symlink("usr/sbin", "/sbin")
	f.Symlink("usr/lib", "/lib")
	for _, name := range strings.Fields(applets) {
		if name != "ash" && name != "ifconfig" && name != "netstat" {
			f.WriteFile("/usr/bin/"+name, unix.Binary(name), 0o755)
		}
	}
	for _, name := range []string{"sh", "bash", "ss", "dpkg", "dpkg-query", "apt-get", "apt", "apt-cache", "systemctl", "journalctl", "netstat", "perl"} {
		if name != "netstat" && name != "perl" {
			f.WriteFile("/usr/bin/"+name, unix.Binary(name), 0o755)
		}
	}
	f.WriteFile("/usr/sbin/service", unix.Binary("service"), 0o755)
}

type device func(b []byte) (int, error)

func (d device) Read(b []byte) (int, error)  { return d(b) }
func (d device) Write(b []byte) (int, error) { return len(b), nil }

// virtual puts in what is no file on a disk: devices and /proc.
func virtual(f *vfs.FS, m *Machine, in *inner) {
	f.Device("/dev/null", device(func([]byte) (int, error) { return 0, eof }))
	f.Device("/dev/tty", device(func([]byte) (int, error) { return 0, eof }))
	f.Device("/dev/zero", device(func(b []byte) (int, error) { clear(b); return len(b), nil }))
	random := device(randomBytes(uint64(m.opts.Seed)))
	f.Device("/dev/urandom", random)
	f.Device("/dev/random", random)
	f.MkdirAll("/dev/shm", 0o777)
	for _, name := range m.opts.Devices {
		f.Device(name, device(func([]byte) (int, error) { return 0, eof }))
	}
	text := func(name string, read func() string) {
		f.Virtual(name, func() []byte { return []byte(read()) }, nil)
	}
	total := int64(m.opts.MemoryMB) << 10
	text("/proc/meminfo", func() string {
		used := m.Usage().MemBytes >> 10
		return fmt.Sprintf("MemTotal:       %8d kB\nMemFree:        %8d kB\nMemAvailable:   %8d kB\nBuffers:               0 kB\nCached:         %8d kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n", total, (total-used)*7/8, total-used, (total-used)/8)
	})
	text("/proc/uptime", func() string {
		m.mu.Lock()
		up := m.opts.Now().Sub(m.booted).Seconds()
		m.mu.Unlock()
		return fmt.Sprintf("%.2f %.2f\n", up, up)
	})
	text("/proc/loadavg", func() string { return "0.08 0.05 0.01 1/120 2000\n" })
	text("/proc/version", func() string {
		return "Linux version 6.17.2-1-pve (build@proxmox) #1 SMP PREEMPT_DYNAMIC PMX 6.17.2-1\n"
	})
	text("/proc/1/cgroup", func() string { return "0::/init.scope\n" })
	text("/proc/1/comm", func() string { return map[string]string{"alpine": "init\n", "debian": "systemd\n"}[m.opts.OS] })
	text("/proc/cpuinfo", func() string {
		var b strings.Builder
		for i := range m.opts.Cores {
			fmt.Fprintf(&b, "processor\t: %d\nmodel name\t: Simulated CPU\nflags\t\t: %s\n\n", i, cpuFlags)
		}
		return b.String()
	})
	text("/proc/sys/kernel/hostname", func() string { return m.opts.Hostname + "\n" })
	value := "1024\n"
	f.Virtual("/proc/sys/net/ipv4/ip_unprivileged_port_start", func() []byte { return []byte(value) }, nil)
	text("/proc/sys/net/ipv4/ip_forward", func() string { return "1\n" })
	text("/proc/sys/vm/overcommit_memory", func() string { return "0\n" })
	text("/proc/sys/vm/max_map_count", func() string { return "262144\n" })
	text("/sys/fs/cgroup/cgroup.controllers", func() string { return "cpuset cpu io memory hugetlb pids rdma misc\n" })
	for _, name := range nodeModules {
		text("/sys/module/"+name+"/initstate", func() string { return "live\n" })
	}
	text("/proc/net/tcp", func() string { return in.net.procTCP() })
}

// cpuFlags are the node's, some of them: containers see its processor.
const cpuFlags = "fpu tsc cx8 cmov mmx sse sse2 ht syscall nx lm pni ssse3 fma sse4_1 sse4_2 popcnt aes xsave avx f16c rdrand hypervisor bmi1 avx2 bmi2"

// nodeModules are kernel modules that a node in use has loaded: containers share its kernel and can load none.
var nodeModules = []string{"overlay", "br_netfilter", "veth", "nf_tables", "nf_nat", "ip_tables", "iptable_filter", "iptable_nat", "tun", "fuse", "wireguard"}
