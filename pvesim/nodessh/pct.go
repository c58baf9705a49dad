package nodessh

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"proximity/pvesim/machine"
	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/vfs"
)

// pctStart is what every pct call costs on a node before it does anything. FACTS of a real one: 0.5 s of Perl.
const pctStart = 500 * time.Millisecond

// usage is what pct prints after a parameter error.
var usage = map[string]string{
	"exec": "pct exec <vmid> [<extra-args>] [OPTIONS]", "enter": "pct enter <vmid> [OPTIONS]", "push": "pct push <vmid> <file> <destination> [OPTIONS]",
	"pull": "pct pull <vmid> <path> <destination> [OPTIONS]", "status": "pct status <vmid> [OPTIONS]", "config": "pct config <vmid> [OPTIONS]", "set": "pct set <vmid> [OPTIONS]",
	"start": "pct start <vmid> [OPTIONS]", "stop": "pct stop <vmid> [OPTIONS]", "shutdown": "pct shutdown <vmid> [OPTIONS]", "reboot": "pct reboot <vmid> [OPTIONS]", "list": "pct list",
}

// flags each verb knows.
var known = map[string]string{
	"exec": "keep-env", "enter": "keep-env", "push": "perms user group", "pull": "perms user group", "status": "verbose", "config": "current snapshot",
	"start": "debug skiplock", "stop": "skiplock overrule-shutdown", "shutdown": "timeout forceStop", "reboot": "timeout", "list": "",
	"set": "arch cmode console cores cpulimit cpuunits delete description digest features hookscript hostname lock memory nameserver onboot ostype protection rootfs searchdomain startup swap tags timezone tty unprivileged net0 net1 net2 net3 mp0 mp1 mp2 mp3",
}

// pct is the container tool.
func (n *node) pct(p *unix.Proc) int {
	if !p.Sleep(pctStart) {
		return 255
	}
	if len(p.Args) < 2 {
		p.Errf("ERROR: no command specified\nUSAGE: pct <COMMAND> [ARGS] [OPTIONS]\n")
		return 255
	}
	verb := p.Args[1]
	if usage[verb] == "" {
		p.Errf("ERROR: unknown command 'pct %s'\nUSAGE: pct <COMMAND> [ARGS] [OPTIONS]\n", verb)
		return 255
	}
	operands, opts, bad := pctArgs(verb, p.Args[2:])
	if bad != "" {
		p.Errf("Unknown option: %s\n400 unable to parse option\n%s\n", bad, usage[verb])
		return 255
	}
	if verb == "list" {
		return n.list(p)
	}
	if len(operands) == 0 {
		p.Errf("400 not enough arguments\n%s\n", usage[verb])
		return 255
	}
	vmid, err := strconv.Atoi(operands[0])
	if err != nil || vmid < 100 {
		why := fmt.Sprintf("type check ('integer') failed - got '%s'", operands[0])
		if err == nil {
			why = "value must have a minimum value of 100"
		}
		p.Errf("400 Parameter verification failed.\nvmid: %s\n%s\n", why, usage[verb])
		return 255
	}
	m, running, exists := n.Host.Machine(vmid)
	if !exists {
		p.Errf("Configuration file 'nodes/%s/lxc/%d.conf' does not exist\n", n.Host.NodeName(), vmid)
		return 2
	}
	call := &pctCall{node: n, p: p, vmid: vmid, m: m, running: running, args: operands[1:], opts: opts}
	switch verb {
	case "exec":
		return call.exec()
	case "enter":
		return call.enter()
	case "push":
		return call.push()
	case "pull":
		return call.pull()
	case "status":
		return call.status()
	case "config":
		return call.config()
	case "set":
		return call.set()
	}
	return n.power(p.Context(), p, verb, vmid)
}

// pctCall is one pct call on an existing container.
type pctCall struct {
	node    *node
	p       *unix.Proc
	vmid    int
	m       *machine.Machine
	running bool
	args    []string
	opts    map[string]string
}

// pctArgs splits a command line; everything after -- (or, for exec, after the first word of the command) is operands.
func pctArgs(verb string, args []string) (operands []string, opts map[string]string, bad string) {
	opts = map[string]string{}
	flags := " " + known[verb] + " "
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return append(operands, args[i+1:]...), opts, ""
		case !strings.HasPrefix(arg, "-") || len(arg) == 1:
			if verb == "exec" && len(operands) > 0 {
				return append(operands, args[i:]...), opts, ""
			}
			operands = append(operands, arg)
		default:
			name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if !strings.Contains(flags, " "+name+" ") {
				return nil, nil, name
			}
			if !given {
				value = "1"
				if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") && (name != "verbose") {
					i++
					value = args[i]
				}
			}
			opts[name] = value
		}
	}
	return operands, opts, ""
}

func (c *pctCall) notRunning() int {
	c.p.Errf("container '%d' not running!\n", c.vmid)
	return 255
}

// environment is what lxc-attach gives the command: the node's own unless --keep-env 0.
func (c *pctCall) environment() []string {
	if c.opts["keep-env"] == "0" {
		return nil
	}
	var env []string
	for k, v := range c.p.Env {
		env = append(env, k+"="+v)
	}
	return append(env, "PATH=/sbin:/bin:/usr/sbin:/usr/bin", "TERM=linux", "container=lxc", "_=/usr/sbin/pct")
}

func (c *pctCall) exec() int {
	if len(c.args) == 0 {
		c.p.Errf("400 not enough arguments\n%s\n", usage["exec"])
		return 255
	}
	if !c.running || c.m == nil {
		return c.notRunning()
	}
	if !c.m.Known(c.args[0]) {
		c.p.Errf("lxc-attach: %d: ../src/lxc/attach.c: lxc_attach_run_command: 1841 No such file or directory - Failed to exec %q\n", c.vmid, c.args[0])
		return 127
	}
	return c.attach(c.args, c.environment())
}

func (c *pctCall) enter() int {
	if !c.running || c.m == nil {
		return c.notRunning()
	}
	env := append(c.environment(), "HOME=/root", "USER=root")
	return c.attach([]string{c.m.LoginShell()}, env)
}

// attach runs a command inside with this process's input and output; Ctrl-C goes inside.
func (c *pctCall) attach(argv, env []string) int {
	p := c.p
	tty := p.File(0) != nil && p.File(0).TTY
	stdout, stderr := p.Stdout(), p.Stderr()
	if tty { // one screen: prompts and output must keep their order
		stderr = stdout
	}
	var s *machine.Session
	begun := make(chan struct{})
	p.OnSignal(func(sig syscall.Signal) bool { // heard from the first: a prompt may be answered before Start returns
		<-begun
		switch sig {
		case syscall.SIGINT:
			s.Interrupt()
			return true
		case syscall.SIGHUP:
			s.Hangup()
		}
		return false
	})
	s = c.m.Start(argv, env, p.Stdin(), stdout, stderr, tty)
	close(begun)
	return s.Wait(p.Context())
}

// owner reads --user and --group.
func owner(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func (c *pctCall) push() int {
	if len(c.args) < 2 {
		c.p.Errf("400 not enough arguments\n%s\n", usage["push"])
		return 255
	}
	if !c.running || c.m == nil {
		c.p.Errf("can only push files to a running CT\n")
		return 255
	}
	content, err := c.p.ReadAll(c.args[0])
	if err != nil {
		c.p.Errf("failed to open %s for reading\n", c.args[0])
		return 0 // FACTS: pct push of a missing file prints an error and still exits 0
	}
	perm := uint64(0o644)
	if text, ok := c.opts["perms"]; ok {
		if perm, err = strconv.ParseUint(text, 8, 16); err != nil {
			c.p.Errf("400 Parameter verification failed.\nperms: value does not match the regex pattern\n%s\n", usage["push"])
			return 255
		}
	}
	if err := c.m.WriteFile(c.args[1], content, uint32(perm), owner(c.opts["user"]), owner(c.opts["group"])); err != nil {
		c.p.Errf("failed to create file %s: %s\n", c.args[1], unix.Text(err))
	}
	return 0
}

func (c *pctCall) pull() int {
	if len(c.args) < 2 {
		c.p.Errf("400 not enough arguments\n%s\n", usage["pull"])
		return 255
	}
	if !c.running || c.m == nil {
		c.p.Errf("can only pull files from a running CT\n")
		return 255
	}
	content, err := c.m.ReadFile(c.args[0])
	if err != nil {
		c.p.Errf("failed to open %s: %s\n", c.args[0], unix.Text(err))
		return 0
	}
	f, err := c.p.Open(c.args[1], os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		c.p.Errf("failed to open %s for writing: %s\n", c.args[1], unix.Text(err))
		return 0
	}
	defer f.Close()
	c.p.Writer(f).Write(content)
	if perm, err := strconv.ParseUint(c.opts["perms"], 8, 16); err == nil {
		c.p.K.FS.Change(c.p.Path(c.args[1]), func(a *vfs.Attributes) { a.Perm = os.FileMode(perm) })
	}
	return 0
}

func (c *pctCall) status() int {
	status := "stopped"
	if c.running {
		status = "running"
	}
	if _, verbose := c.opts["verbose"]; !verbose {
		c.p.Outf("status: %s\n", status)
		return 0
	}
	u := machine.Usage{}
	if c.m != nil {
		u = c.m.Usage()
	}
	c.p.Outf("disk: %d\ndiskread: 0\ndiskwrite: 0\nmem: %d\nnetin: %d\nnetout: %d\nstatus: %s\nswap: 0\ntype: lxc\nvmid: %d\n", u.DiskBytes, u.MemBytes, u.NetIn, u.NetOut, status, c.vmid)
	return 0
}

// settings are the lines of a configuration before its first snapshot section.
func settings(file []byte) (lines []string, sections string) {
	head, tail, found := strings.Cut("\n"+string(file), "\n[")
	if found {
		sections = "[" + tail
	}
	return strings.Split(strings.Trim(head, "\n"), "\n"), sections
}

func (c *pctCall) config() int {
	file, _ := c.node.Host.ConfigFile(c.vmid)
	lines, _ := settings(file)
	var shown []string
	for _, line := range lines {
		if line != "" && !strings.HasPrefix(line, "#") {
			shown = append(shown, line)
		}
	}
	sort.Strings(shown)
	for _, line := range shown {
		c.p.Outf("%s\n", line)
	}
	return 0
}

func (c *pctCall) set() int {
	if len(c.opts) == 0 {
		c.p.Errf("no options specified\n%s\n", usage["set"])
		return 255
	}
	file, _ := c.node.Host.ConfigFile(c.vmid)
	lines, sections := settings(file)
	drop := map[string]bool{}
	for _, key := range strings.FieldsFunc(c.opts["delete"], func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		drop[key] = true
	}
	fresh := map[string]string{}
	for key, value := range c.opts {
		if key != "delete" && key != "digest" {
			drop[key], fresh[key] = true, value
		}
	}
	var kept []string
	for _, line := range lines {
		if key, _, _ := strings.Cut(line, ":"); line != "" && !drop[key] {
			kept = append(kept, line)
		}
	}
	keys := make([]string, 0, len(fresh))
	for key := range fresh {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		kept = append(kept, key+": "+fresh[key])
	}
	text := strings.Join(kept, "\n") + "\n"
	if sections != "" {
		text += "\n" + sections
	}
	if err := c.node.Host.SetConfigFile(c.vmid, []byte(text)); err != nil {
		c.p.Errf("%s\n", err)
		return 255
	}
	return 0
}

func (n *node) list(p *unix.Proc) int {
	if n.Guests == nil {
		return 0
	}
	guests := n.Guests()
	if len(guests) == 0 {
		return 0
	}
	sort.Slice(guests, func(i, j int) bool { return guests[i].VMID < guests[j].VMID })
	p.Outf("%-10s %-10s %-12s %-20s\n", "VMID", "Status", "Lock", "Name")
	for _, g := range guests {
		p.Outf("%-10d %-10s %-12s %-20s\n", g.VMID, g.Status, g.Lock, g.Name)
	}
	return 0
}
