package userland

import (
	"context"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"proximity/pvesim/machine/unix"
)

const kernelRelease = "6.17.2-1-pve"

func withScaledTimeout(p *unix.Proc, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.Context(), max(p.K.Scale(d), time.Millisecond))
}

// programs are the commands that need to know the machine.
func (s *System) programs() map[string]unix.Program {
	return map[string]unix.Program{
		"uname": s.uname, "df": s.df, "free": s.free, "ps": s.ps, "pgrep": s.pgrep, "pidof": s.pgrep, "pkill": s.pkill, "killall": s.pkill,
		"nproc": s.nproc, "uptime": s.uptime, "arch": func(p *unix.Proc) int { p.Outf("x86_64\n"); return 0 },
		"mount": s.mount, "fallocate": s.fallocate,
	}
}

func (s *System) uname(p *unix.Proc) int {
	f, ok := parse(p, "asnrvmpo", nil)
	if !ok {
		return 1
	}
	parts := []struct {
		letter byte
		text   string
	}{
		{'s', "Linux"}, {'n', p.K.Hostname()}, {'r', kernelRelease}, {'v', "#1 SMP PREEMPT_DYNAMIC PMX 6.17.2-1"}, {'m', "x86_64"}, {'o', map[bool]string{true: "Linux", false: "GNU/Linux"}[s.OS == "alpine"]},
	}
	var out []string
	for _, part := range parts {
		if f.has('a') || f.has(part.letter) || len(f.set) == 0 && part.letter == 's' {
			out = append(out, part.text)
		}
	}
	p.Outf("%s\n", strings.Join(out, " "))
	return 0
}

func (s *System) nproc(p *unix.Proc) int { p.Outf("%d\n", s.Cores); return 0 }

func (s *System) uptime(p *unix.Proc) int {
	up := p.K.Now().Sub(s.Booted())
	p.Outf(" %s up %d min,  0 users,  load average: 0.08, 0.05, 0.01\n", p.K.Now().UTC().Format("15:04:05"), int(up.Minutes()))
	return 0
}

func (s *System) df(p *unix.Proc) int {
	f, ok := parse(p, "hkPTmBi", nil)
	if !ok {
		return 1
	}
	for _, name := range f.rest {
		if _, err := p.K.FS.Stat(p.Path(name)); err != nil {
			return complain(p, name, err)
		}
	}
	used := s.DiskUsed()
	avail := max(s.DiskBytes-used-s.DiskBytes/20, 0)
	percent := int((used*100 + s.DiskBytes - 1) / s.DiskBytes)
	size := func(n int64) string {
		switch {
		case f.has('h'):
			return human(n)
		case f.has('m'):
			return strconv.FormatInt(n>>20, 10)
		}
		return strconv.FormatInt(n>>10, 10)
	}
	unit := "1K-blocks"
	switch {
	case f.has('h'):
		unit = "Size"
	case f.has('P'):
		unit = "1024-blocks"
	case f.has('m'):
		unit = "1M-blocks"
	}
	p.Outf("%-20s %10s %10s %10s Use%% Mounted on\n", "Filesystem", unit, "Used", "Available")
	p.Outf("%-20s %10s %10s %10s %3d%% /\n", "/dev/loop1", size(s.DiskBytes), size(used), size(avail), percent)
	return 0
}

func (s *System) free(p *unix.Proc) int {
	f, ok := parse(p, "mghkbt", nil)
	if !ok {
		return 1
	}
	total, used := int64(s.MemoryMB)<<20, s.MemUsed()
	size := func(n int64) string {
		switch {
		case f.has('m'):
			return strconv.FormatInt(n>>20, 10)
		case f.has('g'):
			return strconv.FormatInt(n>>30, 10)
		case f.has('b'):
			return strconv.FormatInt(n, 10)
		case f.has('h'):
			return human(n)
		}
		return strconv.FormatInt(n>>10, 10)
	}
	cache := (total - used) / 8
	p.Outf("%19s %11s %11s %11s %11s %11s\n", "total", "used", "free", "shared", "buff/cache", "available")
	p.Outf("Mem:    %11s %11s %11s %11s %11s %11s\n", size(total), size(used), size(total-used-cache), size(0), size(cache), size(total-used))
	p.Outf("Swap:   %11s %11s %11s\n", size(0), size(0), size(0))
	return 0
}

type row struct {
	pid, ppid int
	command   string
	rss       int
	started   time.Time
}

func (s *System) rows(p *unix.Proc) []row {
	init := "/sbin/init"
	rows := []row{{1, 0, init, 10240, s.Booted()}}
	for _, svc := range s.Procs() {
		rows = append(rows, row{svc.PID, 1, svc.Command, svc.RSSKB, s.Booted()})
	}
	for _, proc := range p.K.Procs() {
		rows = append(rows, row{proc.PID, proc.PPID, proc.Title(), 1800, proc.Started})
	}
	return rows
}

func (s *System) ps(p *unix.Proc) int {
	columns := []string{"pid", "user", "time", "args"}
	args := p.Args[1:]
	for i, arg := range args {
		switch {
		case (arg == "-o" || strings.HasSuffix(arg, "o")) && i+1 < len(args):
			columns = strings.Split(args[i+1], ",")
		case strings.HasPrefix(arg, "-o") && len(arg) > 2:
			columns = strings.Split(arg[2:], ",")
		case strings.Contains(arg, "f") && strings.HasPrefix(arg, "-") && len(arg) < 5:
			columns = []string{"user", "pid", "ppid", "stime", "args"}
		case arg == "aux":
			columns = []string{"user", "pid", "rss", "stime", "args"}
		}
	}
	var head []string
	for _, c := range columns {
		name, title, given := strings.Cut(c, "=")
		if !given {
			title = strings.ToUpper(map[string]string{"args": "COMMAND", "comm": "COMMAND", "etimes": "ELAPSED"}[name])
			if title == "" {
				title = strings.ToUpper(name)
			}
		}
		head = append(head, title)
	}
	if strings.TrimSpace(strings.Join(head, "")) != "" {
		p.Outf("%s\n", layout(columns, head))
	}
	for _, r := range s.rows(p) {
		var cells []string
		for _, c := range columns {
			name, _, _ := strings.Cut(c, "=")
			command, _, _ := strings.Cut(r.command, " ")
			cells = append(cells, map[string]string{
				"pid": strconv.Itoa(r.pid), "ppid": strconv.Itoa(r.ppid), "user": "root", "uid": "0", "args": r.command, "cmd": r.command, "command": r.command,
				"comm": path.Base(command), "rss": strconv.Itoa(r.rss), "etimes": strconv.Itoa(int(p.K.Now().Sub(r.started).Seconds())),
				"time": "00:00:00", "stime": r.started.UTC().Format("15:04"), "stat": "S",
			}[name])
		}
		p.Outf("%s\n", layout(columns, cells))
	}
	return 0
}

func layout(columns, cells []string) string {
	var b strings.Builder
	for i, cell := range cells {
		name, _, _ := strings.Cut(columns[i], "=")
		switch {
		case i == len(cells)-1:
			b.WriteString(cell)
		case name == "user":
			fmt.Fprintf(&b, "%-8s ", cell)
		default:
			fmt.Fprintf(&b, "%5s ", cell)
		}
	}
	return b.String()
}

// matching lists the processes that a name means, without the asker itself.
func (s *System) matching(p *unix.Proc, name string, full bool) []row {
	var found []row
	for _, r := range s.rows(p) {
		command, _, _ := strings.Cut(r.command, " ")
		if r.pid == p.PID || r.pid == p.PPID {
			continue
		}
		if path.Base(command) == name || full && strings.Contains(r.command, name) {
			found = append(found, r)
		}
	}
	return found
}

func (s *System) pgrep(p *unix.Proc) int {
	f, ok := parse(p, "fxlaos", nil)
	if !ok || len(f.rest) == 0 {
		return 2
	}
	found := s.matching(p, f.rest[0], f.has('f'))
	for _, r := range found {
		p.Outf("%d\n", r.pid)
	}
	if len(found) == 0 {
		return 1
	}
	return 0
}

func (s *System) pkill(p *unix.Proc) int {
	sig, full, name := syscall.SIGTERM, false, ""
	for _, arg := range p.Args[1:] {
		if n, ok := signal(strings.TrimPrefix(arg, "-")); ok && strings.HasPrefix(arg, "-") {
			sig = n
		} else if strings.HasPrefix(arg, "-") {
			full = full || strings.Contains(arg, "f")
		} else {
			name = arg
		}
	}
	found := s.matching(p, name, full)
	for _, r := range found {
		if proc := p.K.Find(r.pid); proc != nil {
			proc.Signal(sig)
		} else if r.pid > 1 {
			s.Kill(r.pid, int(sig))
		}
	}
	if len(found) == 0 {
		return 1
	}
	return 0
}

func (s *System) mount(p *unix.Proc) int {
	if len(p.Args) > 1 {
		p.Errf("mount: permission denied (are you root?)\n")
		return 1
	}
	p.Outf("/dev/loop1 on / type ext4 (rw,relatime)\nproc on /proc type proc (rw,nosuid,nodev,noexec,relatime)\nsysfs on /sys type sysfs (ro,nosuid,nodev,noexec,relatime)\ncgroup2 on /sys/fs/cgroup type cgroup2 (rw,nosuid,nodev,noexec,relatime)\n")
	return 0
}

func (s *System) fallocate(p *unix.Proc) int {
	f, ok := parse(p, "l:", map[string]byte{"length": 'l'})
	if !ok || len(f.rest) == 0 {
		return 1
	}
	size := byteCount(f.set['l'])
	if s.DiskUsed()+size > s.DiskBytes {
		p.Errf("fallocate: fallocate failed: No space left on device\n")
		return 1
	}
	h, err := p.Open(f.rest[0], os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return complain(p, f.rest[0], err)
	}
	defer h.Close()
	if _, err := p.Writer(h).Write(make([]byte, min(size, 1<<26+1))); err != nil {
		p.Errf("fallocate: fallocate failed: %s\n", unix.Text(err))
		return 1
	}
	return 0
}
