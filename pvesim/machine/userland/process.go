package userland

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"proximity/pvesim/machine/unix"
)

func yes(p *unix.Proc) int {
	text := "y"
	if len(p.Args) > 1 {
		text = strings.Join(p.Args[1:], " ")
	}
	block := strings.Repeat(text+"\n", 256)
	for {
		if _, err := io.WriteString(p.Stdout(), block); err != nil {
			return 1
		}
	}
}

func env(p *unix.Proc) int {
	args := p.Args[1:]
	vars := map[string]string{}
	for k, v := range p.Env {
		vars[k] = v
	}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch {
		case args[0] == "-i" || args[0] == "-":
			vars = map[string]string{}
		case args[0] == "-u" && len(args) > 1:
			delete(vars, args[1])
			args = args[1:]
		}
		args = args[1:]
	}
	for len(args) > 0 && strings.Contains(args[0], "=") {
		k, v, _ := strings.Cut(args[0], "=")
		vars[k] = v
		args = args[1:]
	}
	if len(args) == 0 {
		for _, k := range sortedKeys(vars) {
			p.Outf("%s=%s\n", k, vars[k])
		}
		return 0
	}
	p.Env = vars
	return p.Command(args)
}

func printenv(p *unix.Proc) int {
	if len(p.Args) == 1 {
		return env(p)
	}
	code := 0
	for _, name := range p.Args[1:] {
		if v, ok := p.Env[name]; ok {
			p.Outf("%s\n", v)
		} else {
			code = 1
		}
	}
	return code
}

var signalNumbers = map[string]syscall.Signal{
	"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "CONT": 18, "STOP": 19,
}

func signal(text string) (syscall.Signal, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return syscall.Signal(n), true
	}
	sig, ok := signalNumbers[strings.TrimPrefix(strings.ToUpper(text), "SIG")]
	return sig, ok
}

func kill(p *unix.Proc) int {
	args := p.Args[1:]
	sig := syscall.SIGTERM
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "--" {
		name := args[0][1:]
		args = args[1:]
		if (name == "s" || name == "n") && len(args) > 0 {
			name, args = args[0], args[1:]
		}
		var ok bool
		if sig, ok = signal(name); !ok {
			p.Errf("kill: bad signal name '%s'\n", name)
			return 1
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	code := 0
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			p.Errf("kill: invalid number '%s'\n", arg)
			code = 1
			continue
		}
		if pid < 0 {
			hit := false
			for _, other := range p.K.Procs() {
				if other.Group == -pid {
					other.Signal(sig)
					hit = true
				}
			}
			if hit {
				continue
			}
		}
		if other := p.K.Find(pid); other != nil {
			other.Signal(sig)
			continue
		}
		p.Errf("kill: can't kill pid %d: No such process\n", pid)
		code = 1
	}
	return code
}

func timeout(p *unix.Proc) int {
	f, ok := leading(p, "s:k:pfv")
	if !ok || len(f.rest) < 2 {
		p.Errf("timeout: missing operand\n")
		return 125
	}
	limit, ok := seconds(f.rest[0])
	if !ok {
		p.Errf("timeout: invalid time interval '%s'\n", f.rest[0])
		return 125
	}
	sig := syscall.SIGTERM
	if f.has('s') {
		sig, _ = signal(f.set['s'])
	}
	child, err := p.Spawn(f.rest[1:])
	if err != nil {
		p.Errf("timeout: failed to run command '%s': %s\n", f.rest[1], unix.Text(err))
		return 127
	}
	done := make(chan int, 1)
	go func() { done <- p.Await(child) }()
	t := time.NewTimer(max(p.K.Scale(limit), 10*time.Millisecond)) // time may run infinitely fast, work does not
	defer t.Stop()
	select {
	case code := <-done:
		return code
	case <-t.C:
	}
	child.SignalForeground(sig)
	select {
	case <-done:
	case <-time.After(max(p.K.Scale(5*time.Second), 10*time.Millisecond)):
		if f.has('k') {
			child.Signal(syscall.SIGKILL)
		}
		<-done
	}
	if sig == syscall.SIGKILL {
		return 137
	}
	return 124
}

// nice runs a command as it is.
func nice(p *unix.Proc) int {
	f, ok := leading(p, "n:c:p:t")
	if !ok {
		return 1
	}
	if len(f.rest) == 0 {
		return 0
	}
	return p.Command(f.rest)
}

func nohup(p *unix.Proc) int {
	if len(p.Args) < 2 {
		p.Errf("nohup: missing operand\n")
		return 125
	}
	p.OnSignal(func(sig syscall.Signal) bool { return sig == syscall.SIGHUP })
	return p.Command(p.Args[1:])
}

// setsid starts a session: the command keeps running whatever happens to the one who called.
func setsid(p *unix.Proc) int {
	f, ok := leading(p, "cfw")
	if !ok || len(f.rest) == 0 {
		p.Errf("setsid: missing operand\n")
		return 1
	}
	program, args, err := p.Resolve(f.rest)
	if err != nil {
		p.Errf("setsid: failed to execute %s: %s\n", f.rest[0], unix.Text(err))
		return 127
	}
	child, err := p.Fork(args)
	if err != nil {
		return 1
	}
	child.Group = child.PID
	child.Start(program)
	if f.has('f') {
		return 0
	}
	return p.Await(child)
}

// flock locks a path or a descriptor: flock [-n] [-s] FILE COMMAND…, flock FILE -c 'script', flock [-n] FD.
func flock(p *unix.Proc) int {
	f, ok := leading(p, "nsxeuw:E:ocv")
	if !ok || len(f.rest) == 0 {
		p.Errf("flock: requires file descriptor, file or directory\n")
		return 1
	}
	conflict := 1
	if f.has('E') {
		conflict, _ = strconv.Atoi(f.set['E'])
	}
	var file *unix.File
	command := f.rest[1:]
	if fd, err := strconv.Atoi(f.rest[0]); err == nil && len(command) == 0 {
		if file = p.File(fd); file == nil {
			p.Errf("flock: %d: Bad file descriptor\n", fd)
			return 65
		}
	} else {
		file, err = p.Open(f.rest[0], os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			p.Errf("flock: cannot open lock file %s: %s\n", f.rest[0], unix.Text(err))
			return 66
		}
		defer file.Close()
	}
	if f.has('u') {
		file.Unlock()
		return 0
	}
	ctx, cancel := p.Context(), func() {}
	if f.has('w') {
		limit, _ := seconds(f.set['w'])
		ctx, cancel = withScaledTimeout(p, limit)
	}
	defer cancel()
	if err := file.Lock(ctx, !f.has('s'), !f.has('n')); err != nil {
		return conflict
	}
	if len(command) == 0 {
		return 0
	}
	defer file.Unlock()
	if (command[0] == "-c" || command[0] == "--command") && len(command) > 1 {
		command = []string{"sh", "-c", command[1]}
	}
	return p.Command(command)
}

func which(p *unix.Proc) int {
	code := 0
	for _, name := range p.Args[1:] {
		if strings.HasPrefix(name, "-") {
			continue
		}
		file, err := p.Lookup(name)
		if err != nil {
			code = 1
			continue
		}
		p.Outf("%s\n", file)
	}
	return code
}

func tty(p *unix.Proc) int {
	if f := p.File(0); f != nil && f.TTY {
		p.Outf("/dev/pts/1\n")
		return 0
	}
	p.Outf("not a tty\n")
	return 1
}

func hostname(p *unix.Proc) int {
	f, ok := parse(p, "fisdI", nil)
	if !ok {
		return 1
	}
	if len(f.rest) > 0 {
		p.K.FS.WriteFile("/etc/hostname", []byte(f.rest[0]+"\n"), 0o644)
		return 0
	}
	if f.has('i') || f.has('I') {
		text, _ := p.K.FS.ReadFile("/run/address")
		p.Outf("%s\n", strings.TrimSpace(string(text)))
		return 0
	}
	p.Outf("%s\n", p.K.Hostname())
	return 0
}

func sysctl(p *unix.Proc) int {
	for _, arg := range p.Args[1:] {
		if strings.HasPrefix(arg, "-") {
			continue
		}
		key, value, write := strings.Cut(arg, "=")
		file := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
		if write {
			if err := p.K.FS.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
				return complain(p, "cannot access "+file, err)
			}
		}
		text, err := p.K.FS.ReadFile(file)
		if err != nil {
			return complain(p, "cannot stat "+file, err)
		}
		p.Outf("%s = %s\n", key, strings.TrimSpace(string(text)))
	}
	return 0
}
