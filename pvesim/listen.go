package pvesim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"proximity/pvesim/nodessh"
	"proximity/pvesim/wire"
)

// ports are the addresses of the nodes' listeners, and what listens there now.
type ports struct {
	mu    sync.Mutex
	doors []*door
}

// door is what one node listens on.
type door struct {
	api, ssh  netip.AddrPort
	listeners []net.Listener // open ones, not yet served
	close     func()         // nil = shut
}

// Automatic ports come from below the range that the kernel takes for outgoing connections, so that a port is still
// free when a node comes back to it.
const firstPort, lastPort = 20000, 32000

// listen opens every node's listeners and serves them.
func (c *Cluster) listen() error {
	api, err := loopback(c.o.Listen)
	if err != nil {
		return err
	}
	ssh, err := loopback(c.o.SSHListen)
	if err != nil {
		return err
	}
	apiPorts, err := openAll(api, len(c.nodes))
	if err != nil {
		return err
	}
	sshPorts, err := openAll(ssh, len(c.nodes))
	if err != nil {
		closeListeners(apiPorts)
		return err
	}
	c.ports.mu.Lock()
	defer c.ports.mu.Unlock()
	for i, n := range c.nodes {
		d := &door{api: addrPort(apiPorts[i]), ssh: addrPort(sshPorts[i])}
		d.listeners = []net.Listener{apiPorts[i], sshPorts[i]}
		n.ip = d.api.Addr()
		c.ports.doors = append(c.ports.doors, d)
	}
	for i := range c.nodes {
		if err := c.openDoor(i); err != nil {
			return err
		}
	}
	return nil
}

func addrPort(l net.Listener) netip.AddrPort { return netip.MustParseAddrPort(l.Addr().String()) }

// loopback reads an address to listen on; only loopback is allowed, since anybody who reaches the simulator owns it.
func loopback(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen address %q: %w", s, err)
	}
	if host == "localhost" || host == "" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is4() || !addr.IsLoopback() {
		return netip.AddrPort{}, fmt.Errorf("listen address %q is not inside 127.0.0.0/8: the simulator listens on loopback only", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen address %q: port %q is not a number", s, port)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// openAll opens n listeners on one port of following addresses.
func openAll(first netip.AddrPort, n int) ([]net.Listener, error) {
	var err error
	for range 50 {
		port := int(first.Port())
		if port == 0 {
			port = firstPort + rand.IntN(lastPort-firstPort)
		}
		var all []net.Listener
		addr := first.Addr()
		for range n {
			var l net.Listener
			if l, err = net.Listen("tcp", netip.AddrPortFrom(addr, uint16(port)).String()); err != nil {
				break
			}
			all = append(all, l)
			addr = addr.Next()
		}
		if err == nil {
			return all, nil
		}
		closeListeners(all)
		if first.Port() != 0 {
			break
		}
	}
	return nil, err
}

func closeListeners(all []net.Listener) {
	for _, l := range all {
		_ = l.Close()
	}
}

// openDoor serves a node's listeners, opening them again if they are shut. ports.mu is held.
func (c *Cluster) openDoor(i int) error {
	d, n := c.ports.doors[i], c.nodes[i]
	if d.close != nil {
		return nil
	}
	if d.listeners == nil {
		for _, at := range []netip.AddrPort{d.api, d.ssh} {
			l, err := reopen(at)
			if err != nil {
				closeListeners(d.listeners)
				d.listeners = nil
				return err
			}
			d.listeners = append(d.listeners, l)
		}
	}
	ctx, cancel := context.WithCancel(c.ctx)
	var wg sync.WaitGroup
	api, shell := d.listeners[0], d.listeners[1]
	server := &wire.Server{
		TLS: &tls.Config{Certificates: []tls.Certificate{n.cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
		Now: c.now,
		Handler: func(ctx context.Context, r *wire.Request) (wire.Response, error) {
			return c.serve(ctx, n, r)
		},
	}
	wg.Go(func() { server.Serve(ctx, api) })
	wg.Go(func() {
		if err := nodessh.Serve(ctx, shell, c.sshOptions(n)); err != nil && ctx.Err() == nil {
			c.log.Error("node SSH ended", "node", n.Name, "err", err)
		}
	})
	d.listeners = nil
	d.close = func() {
		cancel()
		wg.Wait()
	}
	return nil
}

// reopen listens on an address that was just given up; others may hold it for a moment.
func reopen(at netip.AddrPort) (net.Listener, error) {
	for try := 0; ; try++ {
		l, err := net.Listen("tcp", at.String())
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || try == 40 {
			return l, err
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// shut closes a node's listeners and cuts its connections.
func (p *ports) shut(i int) {
	p.mu.Lock()
	if i >= len(p.doors) {
		p.mu.Unlock()
		return
	}
	d := p.doors[i]
	end := d.close
	d.close = nil
	closeListeners(d.listeners)
	d.listeners = nil
	p.mu.Unlock()
	if end != nil {
		end()
	}
}

func (p *ports) closeAll() {
	p.mu.Lock()
	n := len(p.doors)
	p.mu.Unlock()
	for i := range n {
		p.shut(i)
	}
}

func (p *ports) https(i int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doors[i].api.String()
}

func (p *ports) sshPort() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.doors[0].ssh.Port())
}

// Disconnect makes the whole cluster stop answering: listeners are closed and connections cut. Tasks go on.
func (c *Cluster) Disconnect() {
	c.ports.closeAll()
}

// Reconnect undoes Disconnect, on the same ports; nodes that are down stay down.
func (c *Cluster) Reconnect() {
	for i := range c.nodes {
		c.mu.Lock()
		up := c.nodes[i].up
		c.mu.Unlock()
		if up {
			c.enter(i)
		}
	}
}

func (c *Cluster) enter(i int) {
	c.ports.mu.Lock()
	defer c.ports.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	if err := c.openDoor(i); err != nil {
		c.log.Error("node cannot listen again", "node", c.nodes[i].Name, "err", err)
	}
}
