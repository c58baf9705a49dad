package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"proximity/pvesim/machine/docker"
	"proximity/pvesim/machine/unix"
)

// network is the machine's ports: what listens on them inside, and real listeners on its address for the outside.
type network struct {
	machine *Machine
	kernel  *unix.Kernel

	mu          sync.Mutex
	ports       map[portKey]*socket
	in, out     atomic.Int64
	unreachable []string // why ports could not be opened for the outside
}

type portKey struct {
	ip   string // "" = every address
	port int
}

// socket is one listening port.
type socket struct {
	endpoint *docker.Endpoint
	process  string
	real     net.Listener
	conns    map[net.Conn]bool
	done     chan struct{}
}

// errInUse is what bind says of a taken port.
var errInUse = errors.New("address already in use")

// listen opens a port for docker. A port that the simulator itself may not open on the machine's address still works
// inside; whoever comes from outside finds it closed.
func (n *network) listen(ip string, port int, e *docker.Endpoint) (release func(), err error) {
	addr := n.machine.addr()
	if port == 22 && n.sshd() {
		return nil, errInUse
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	key := portKey{ip, port}
	for k := range n.ports {
		if k.port == port && (k.ip == ip || k.ip == "" || ip == "") {
			return nil, errInUse
		}
	}
	process := cmp.Or(e.Process, "docker-proxy")
	if e.Image == "" {
		process = e.Service
	}
	s := &socket{endpoint: e, process: process, conns: map[net.Conn]bool{}, done: make(chan struct{})}
	if ip == "" || ip == addr.String() {
		if s.real, err = net.Listen("tcp", netip.AddrPortFrom(addr, uint16(port)).String()); err != nil {
			n.unreachable = append(n.unreachable, fmt.Sprintf("port %d: %s", port, err))
		}
	}
	n.ports[key] = s
	if s.real != nil {
		n.kernel.Go(func(ctx context.Context) { n.accept(ctx, s) })
	} else {
		close(s.done)
	}
	return func() { n.release(key, s) }, nil
}

// serve opens the ports of a service of the system itself.
func (n *network) serve(ports []int) {
	for _, port := range ports {
		e := &docker.Endpoint{Kind: "http", Service: n.machine.opts.Hostname, Ready: func() bool { return true }}
		if _, err := n.listen("", port, e); err != nil { // docker has it
			n.mu.Lock()
			n.unreachable = append(n.unreachable, fmt.Sprintf("port %d: %s", port, err))
			n.mu.Unlock()
		}
	}
}

func (n *network) release(key portKey, s *socket) {
	n.mu.Lock()
	if n.ports[key] == s {
		delete(n.ports, key)
	}
	conns := s.close()
	n.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// close closes the listener and returns the connections to close. The caller holds the network's lock.
func (s *socket) close() []net.Conn {
	if s.real != nil {
		s.real.Close()
	}
	var conns []net.Conn
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func (n *network) closeAll() {
	n.mu.Lock()
	var conns []net.Conn
	var ended []*socket
	for key, s := range n.ports {
		conns = append(conns, s.close()...)
		ended = append(ended, s)
		delete(n.ports, key)
	}
	n.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	for _, s := range ended {
		<-s.done
	}
}

// accept serves the outside until the listener is closed.
func (n *network) accept(ctx context.Context, s *socket) {
	defer close(s.done)
	stop := context.AfterFunc(ctx, func() { s.real.Close() })
	defer stop()
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		c, err := s.real.Accept()
		if err != nil {
			n.mu.Lock()
			for c := range s.conns {
				c.Close()
			}
			n.mu.Unlock()
			return
		}
		n.mu.Lock()
		s.conns[c] = true
		n.mu.Unlock()
		serving.Add(1)
		go func() {
			defer serving.Done()
			s.endpoint.Serve(&counted{c, n})
			c.Close()
			n.mu.Lock()
			delete(s.conns, c)
			n.mu.Unlock()
		}()
	}
}

// counted counts a connection's bytes as the machine's traffic.
type counted struct {
	net.Conn
	n *network
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.in.Add(int64(n))
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.out.Add(int64(n))
	return n, err
}

func (n *network) traffic() (in, out int64) { return n.in.Load(), n.out.Load() }

func (n *network) sshd() bool {
	in := n.machine.build()
	return in.services.status("ssh").active || in.services.status("sshd").active
}

// listener is a row of ss and netstat.
type listener struct {
	ip      string
	port    int
	process string
}

func (n *network) listeners() []listener {
	ssh := n.sshd()
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []listener
	if ssh {
		list = append(list, listener{"", 22, "sshd"})
	}
	for key, s := range n.ports {
		list = append(list, listener{key.ip, key.port, s.process})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].port < list[j].port })
	return list
}

// errors of connecting from inside.
var (
	errRefused = syscall.ECONNREFUSED
	errNoHost  = errors.New("bad address")
)

// local reports whether a name means the machine itself.
func (n *network) local(host string) bool {
	switch host {
	case "localhost", "0.0.0.0", "::1", "host.docker.internal", n.machine.opts.Hostname, n.machine.addr().String():
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() && strings.HasPrefix(host, "127.0.")
}

// dial finds what answers at host:port for a process inside.
func (n *network) dial(p *unix.Proc, host string, port int) (*docker.Endpoint, error) {
	if e := n.machine.build().engine.Inside(p.Root, host, port); e != nil {
		return e, nil
	}
	if n.local(host) {
		n.mu.Lock()
		defer n.mu.Unlock()
		for key, s := range n.ports {
			if key.port == port && (key.ip == "" || key.ip == host || key.ip == "127.0.0.1" && host == "localhost") {
				return s.endpoint, nil
			}
		}
		return nil, errRefused
	}
	_, off := n.machine.Fault("no-network")
	if !off && outside(host) {
		return &docker.Endpoint{Kind: "http", Image: host, Service: "outside", Ready: func() bool { return true }}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsValid() {
		return nil, syscall.EHOSTUNREACH
	}
	return nil, errNoHost
}

// outside are hosts of the wide world that scripts look for.
func outside(host string) bool {
	for _, known := range []string{"alpinelinux.org", "debian.org", "docker.com", "docker.io", "github.com", "ghcr.io", "google.com", "cloudflare.com", "1.1.1.1", "8.8.8.8", "quay.io", "proxmox.com"} {
		if host == known || strings.HasSuffix(host, "."+known) {
			return true
		}
	}
	return false
}

func (n *network) procTCP() string {
	var b strings.Builder
	b.WriteString("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n")
	for i, l := range n.listeners() {
		fmt.Fprintf(&b, "%4d: 00000000:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 %d\n", i, l.port, 10000+i)
	}
	return b.String()
}

const dialTimeout = 5 * time.Second
