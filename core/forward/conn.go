package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// accept takes p's connections until its listener ends. A listener that fails by itself is handed back to Run.
func (f *Forwarder) accept(ctx context.Context, p *port, listener net.Listener) {
	const longestPause = time.Second
	pause := time.Duration(0)
	for {
		conn, err := listener.Accept()
		if err == nil {
			pause = 0
			f.serve(p, listener, conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			f.lost(p, listener, err)
			return
		}
		// Out of file descriptors and the like: connections that end make room.
		pause = min(max(2*pause, 5*time.Millisecond), longestPause)
		f.o.Logger.Warn("connection not accepted", "port", p.number, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// lost gives up a broken listener; Run opens another.
func (f *Forwarder) lost(p *port, listener net.Listener, err error) {
	f.o.Logger.Warn("port lost", "port", p.number, "error", err)
	listener.Close()
	f.mu.Lock()
	if p.listener == listener {
		p.failed(err)
	}
	f.mu.Unlock()
	f.look()
}

// serve carries one connection in its own goroutine, if there is room for it.
func (f *Forwarder) serve(p *port, listener net.Listener, conn net.Conn) {
	f.mu.Lock()
	target, live, open := p.target, p.live, p.listener == listener
	f.mu.Unlock()
	if !open {
		refuse(conn)
		return
	}
	select {
	case f.slots <- struct{}{}:
	default:
		f.o.Logger.Warn("connection refused: too many", "port", p.number, "app", target.App, "limit", cap(f.slots))
		refuse(conn)
		return
	}
	f.conns.Go(func() {
		defer func() { <-f.slots }()
		f.carry(live, target, conn)
	})
}

// carry connects conn with target until both directions have ended, or ctx has.
func (f *Forwarder) carry(ctx context.Context, target Target, conn net.Conn) {
	dialling, cancel := context.WithTimeout(ctx, dialTimeout)
	backend, err := f.o.Dial(dialling, target.Address)
	cancel()
	if err != nil {
		f.o.Logger.Debug("app does not answer", "app", target.App, "error", err)
		refuse(conn)
		return
	}
	end := sync.OnceFunc(func() {
		conn.Close()
		backend.Close()
	})
	defer end()
	defer context.AfterFunc(ctx, end)()

	var back sync.WaitGroup
	back.Go(func() { pass(conn, backend, end) })
	pass(backend, conn, end)
	back.Wait()
}

// pass copies src to dst and hands its end on: a finished src half-closes dst, a broken one ends the connection.
func pass(dst, src net.Conn, end func()) {
	if _, err := io.Copy(dst, src); err != nil {
		end()
		return
	}
	half, ok := dst.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		end()
	}
}

// refuse ends conn with a reset, so that the client sees a failure and not an empty answer.
func refuse(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
