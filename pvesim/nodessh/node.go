package nodessh

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"proximity/pvesim/machine/shell"
	"proximity/pvesim/machine/unix"
	"proximity/pvesim/machine/userland"
	"proximity/pvesim/machine/vfs"
)

// node is the node's own small system: a shell with pct, and /etc/pve/lxc as files.
type node struct {
	Options
	kernel *unix.Kernel
	booted time.Time
}

func newNode(o Options) *node {
	n := &node{Options: o, booted: time.Now()}
	fsys := vfs.New(time.Now)
	n.kernel = &unix.Kernel{FS: fsys, Hostname: o.Host.NodeName, Now: time.Now, TaskTime: o.TaskTime, Shell: shell.Program(shell.Dash)}
	n.kernel.Programs = userland.Programs(&userland.System{
		OS: "pve", Cores: 16, MemoryMB: 32768, DiskBytes: 100 << 30, MemUsed: func() int64 { return 6 << 30 }, DiskUsed: func() int64 { return 12 << 30 },
		Booted: func() time.Time { return n.booted }, Kill: func(int, int) bool { return false },
		Procs: func() []userland.Service {
			return []userland.Service{{PID: 812, Command: "/usr/bin/pmxcfs", RSSKB: 41000}, {PID: 1020, Command: "pvedaemon", RSSKB: 130000}, {PID: 1033, Command: "pveproxy", RSSKB: 140000}, {PID: 1100, Command: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", RSSKB: 7800}}
		},
	})
	for name, program := range map[string]unix.Program{
		"bash": shell.Program(shell.Bash), "sh": shell.Program(shell.Dash), "pct": n.pct, "pvesh": n.pvesh, "pveversion": n.pveversion,
	} {
		n.kernel.Programs[name] = program
	}
	for _, dir := range []string{"/root", "/run/lock", "/tmp", "/var/lib/vz/template/cache", "/var/lib/vz/dump", "/var/log", "/usr/bin", "/usr/sbin", "/etc"} {
		fsys.MkdirAll(dir, 0o755)
	}
	fsys.Symlink("usr/bin", "/bin")
	fsys.Symlink("usr/sbin", "/sbin")
	fsys.Symlink("/run", "/var/run")
	fsys.Symlink("/run/lock", "/var/lock")
	for name := range n.kernel.Programs {
		dir := "/usr/bin/"
		if name == "pct" {
			dir = "/usr/sbin/"
		}
		fsys.WriteFile(dir+name, unix.Binary(name), 0o755)
	}
	fsys.WriteFile("/etc/hostname", []byte(o.Host.NodeName()+"\n"), 0o644)
	fsys.WriteFile("/etc/os-release", []byte("PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\nID=debian\n"), 0o644)
	fsys.WriteFile("/etc/passwd", []byte("root:x:0:0:root:/root:/bin/bash\n"), 0o644)
	fsys.Device("/dev/null", null{})
	fsys.Mount("/etc/pve/nodes/"+o.Host.NodeName()+"/lxc", &configs{n: n, drafts: map[string][]byte{}})
	fsys.Symlink("nodes/"+o.Host.NodeName()+"/lxc", "/etc/pve/lxc")
	fsys.Symlink("nodes/"+o.Host.NodeName(), "/etc/pve/local")
	n.kernel.Begin()
	return n
}

type null struct{}

func (null) Read([]byte) (int, error)    { return 0, io.EOF }
func (null) Write(b []byte) (int, error) { return len(b), nil }

// configs shows the host's configuration files as a directory. Beside them it takes the temporary files that Proxmox
// itself writes there before it renames them: 100.conf.tmp.4711.
type configs struct {
	n      *node
	mu     sync.Mutex
	drafts map[string][]byte
}

var draftName = regexp.MustCompile(`^[1-9]\d{2,8}\.conf\.tmp\.\d+$`)

func (c *configs) vmid(name string) (int, bool) {
	id, ok := strings.CutSuffix(name, ".conf")
	vmid, err := strconv.Atoi(id)
	return vmid, ok && err == nil
}

func (c *configs) List() []string {
	var names []string
	if c.n.Guests != nil {
		for _, g := range c.n.Guests() {
			names = append(names, strconv.Itoa(g.VMID)+".conf")
		}
	}
	return names
}

func (c *configs) Read(name string) ([]byte, bool) {
	if draftName.MatchString(name) {
		c.mu.Lock()
		defer c.mu.Unlock()
		content, ok := c.drafts[name]
		return content, ok
	}
	vmid, ok := c.vmid(name)
	if !ok {
		return nil, false
	}
	return c.n.Host.ConfigFile(vmid)
}

func (c *configs) Write(name string, content []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if draftName.MatchString(name) {
		c.drafts[name] = slices.Clone(content)
		return nil
	}
	vmid, ok := c.vmid(name)
	if !ok {
		return &fs.PathError{Op: "open", Path: "/etc/pve/lxc/" + name, Err: fs.ErrPermission} // pmxcfs keeps such names out here
	}
	maps.DeleteFunc(c.drafts, func(draft string, _ []byte) bool { return strings.HasPrefix(draft, name) }) // renamed
	return c.n.Host.SetConfigFile(vmid, content)
}

func (n *node) pveversion(p *unix.Proc) int {
	p.Outf("pve-manager/9.2.11/14a22df3 (running kernel: 6.17.2-1-pve)\n")
	return 0
}

// pvesh knows GET /version; the API itself is served over HTTPS.
func (n *node) pvesh(p *unix.Proc) int {
	p.Sleep(pctStart)
	if len(p.Args) < 3 {
		p.Errf("ERROR: no command specified\nUSAGE: pvesh <COMMAND> [ARGS] [OPTIONS]\n")
		return 255
	}
	if p.Args[1] == "get" && p.Args[2] == "/version" {
		if strings.Contains(strings.Join(p.Args, " "), "json") {
			p.Outf("{\"release\":\"9.2\",\"repoid\":\"14a22df3\",\"version\":\"9.2.11\"}\n")
			return 0
		}
		p.Outf("┌─────────┬──────────┐\n│ key     │ value    │\n╞═════════╪══════════╡\n│ release │ 9.2      │\n├─────────┼──────────┤\n│ repoid  │ 14a22df3 │\n├─────────┼──────────┤\n│ version │ 9.2.11   │\n└─────────┴──────────┘\n")
		return 0
	}
	p.Errf("No '%s' handler defined for '%s'\n", p.Args[1], p.Args[2])
	return 1
}

// power hands a power verb to the host and prints its error.
func (n *node) power(ctx context.Context, p *unix.Proc, verb string, vmid int) int {
	if n.Power == nil {
		p.Errf("%s\n", fmt.Sprintf("pct %s is not available on this node", verb))
		return 255
	}
	if err := n.Power(ctx, verb, vmid); err != nil {
		p.Errf("%s\n", err)
		return 255
	}
	return 0
}
