package sshd

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"proximity/core"
	"proximity/keys"
)

// door is one connection on its way in.
type door struct {
	net.Conn
	s       *Server
	ctx     ssh.Context
	address string      // of the client, as counted
	peer    *core.Actor // who it is, on the machine's own door
	once    sync.Once
	in      atomic.Bool // a key has proved itself

	mu      sync.Mutex
	offered []offer
}

// offer is a key that was refused.
type offer struct{ fingerprint, line, name string }

// maxOffers is how many keys of one connection are remembered.
const maxOffers = 8

type doorKey struct{}

// admitNetwork takes a connection from the network, or nil to refuse it: too
// many from there, or too many that failed.
func (s *Server) admitNetwork(ctx ssh.Context, c net.Conn) net.Conn {
	address := countedAs(c.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return nil
	case s.byAddr[address] >= s.o.MaxPerAddress:
		s.log.Warn("too many connections", "from", address, "limit", s.o.MaxPerAddress)
		return nil
	case s.knocked[address].over(time.Now(), s.o.MaxRefusals):
		return nil
	}
	s.byAddr[address]++
	return s.enterLocked(ctx, c, address, nil)
}

// admitLocal takes a connection from the machine's own socket. The file's mode
// is the lock; where the system tells who is on the other side, that is
// checked too.
func (s *Server) admitLocal(ctx ssh.Context, c net.Conn) net.Conn {
	name, err := peerName(c)
	if err != nil {
		s.log.Warn("refused a connection to the socket", "error", err)
		return nil
	}
	actor := core.LocalAdmin(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil
	}
	return s.enterLocked(ctx, c, "", &actor)
}

func (s *Server) enterLocked(ctx ssh.Context, c net.Conn, address string, peer *core.Actor) net.Conn {
	d := &door{Conn: c, s: s, ctx: ctx, address: address, peer: peer}
	s.doors[d] = true
	s.open.Add(1)
	ctx.SetValue(doorKey{}, d)
	return d
}

// Close closes the connection. One that was never let in has failed to log in.
func (d *door) Close() error {
	err := d.Conn.Close()
	d.once.Do(func() {
		defer d.s.open.Done()
		d.mu.Lock()
		offered := d.offered
		d.mu.Unlock()
		failed := !d.in.Load() && len(offered) > 0
		d.s.leave(d, failed)
		if failed {
			d.knock(offered)
		}
	})
	return err
}

// leave forgets a connection.
func (s *Server) leave(d *door, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doors, d)
	if d.peer != nil {
		return
	}
	if s.byAddr[d.address]--; s.byAddr[d.address] <= 0 {
		delete(s.byAddr, d.address)
	}
	if failed {
		s.refused.Add(1)
		now := time.Now()
		for address, r := range s.knocked {
			if now.Sub(r.since) > refusalWindow {
				delete(s.knocked, address)
			}
		}
		s.knocked[d.address] = s.knocked[d.address].and(now)
	}
}

// knock hands the keys of a login that failed to core, for an admin to approve.
func (d *door) knock(offered []offer) {
	from := host(d.RemoteAddr())
	for _, o := range offered {
		d.s.log.Info("unknown key", "fingerprint", o.fingerprint, "name", o.name, "from", from)
		d.s.o.Core.SeenUnknownKey(o.fingerprint, o.line, o.name, from)
	}
}

// publicKey decides whether a key may log in. It is asked for every key a
// client merely has, so it only says yes or no: who is in is decided later, by
// the key that proved itself.
func (s *Server) publicKey(ctx ssh.Context, key ssh.PublicKey) bool {
	d, ok := ctx.Value(doorKey{}).(*door)
	if !ok || d.peer != nil {
		return false
	}
	fingerprint := keys.FingerprintOf(key)
	if _, err := s.o.Core.Login(fingerprint, host(d.RemoteAddr())); err == nil {
		return true
	}
	if cert, ok := key.(*gossh.Certificate); ok {
		key = cert.Key
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.offered) < maxOffers {
		line := strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))
		d.offered = append(d.offered, offer{fingerprint, line, core.SafeText(ctx.User(), 32)})
	}
	return false
}

// localKey lets in whoever came through the socket, with any key.
func (s *Server) localKey(ctx ssh.Context, _ ssh.PublicKey) bool {
	d, ok := ctx.Value(doorKey{}).(*door)
	return ok && d.peer != nil
}

// refusalWindow is how long failed logins count.
const refusalWindow = time.Minute

// refusals counts an address's failed logins.
type refusals struct {
	n     int
	since time.Time
}

func (r refusals) and(now time.Time) refusals {
	if now.Sub(r.since) > refusalWindow {
		return refusals{1, now}
	}
	r.n++
	return r
}

func (r refusals) over(now time.Time, limit int) bool {
	return r.n >= limit && now.Sub(r.since) <= refusalWindow
}

// host is an address without its port.
func host(a net.Addr) string {
	if a == nil {
		return ""
	}
	if h, _, err := net.SplitHostPort(a.String()); err == nil {
		return h
	}
	return a.String()
}

// countedAs is what an address counts as: one IPv6 customer has a whole /64.
func countedAs(a net.Addr) string {
	ip, err := netip.ParseAddr(host(a))
	if err != nil {
		return host(a)
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
