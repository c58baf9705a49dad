package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// port is one public port: its listener, or why it has none. Its fields are guarded by Forwarder.mu.
type port struct {
	number   int
	target   Target
	live     context.Context // of the connections to target
	drop     context.CancelFunc
	listener net.Listener
	err      error
	wait     time.Duration // before the next try
	retryAt  time.Time
}

// lead sends the port's further connections to target and ends those that lead elsewhere.
func (p *port) lead(ctx context.Context, target Target) {
	if p.drop != nil {
		p.drop()
	}
	p.target = target
	p.live, p.drop = context.WithCancel(ctx)
}

func (p *port) close() {
	p.drop()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
}

// failed notes why the port has no listener and when to try again.
func (p *port) failed(err error) {
	p.wait = min(max(2*p.wait, firstRetry), lastRetry)
	p.listener, p.err, p.retryAt = nil, err, time.Now().Add(p.wait)
}

// PortFree says whether host:port can be listened on right now ("" = all addresses); the error says why not.
func PortFree(host string, port int) error {
	listener, err := listen(host, port)
	if err != nil {
		return err
	}
	return listener.Close()
}

func listen(host string, port int) (net.Listener, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("port %d cannot be opened: ports go from 1 to 65535", port)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d cannot be opened: another program uses it; stop that, or choose another port: %w", port, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %d cannot be opened: ports below 1024 need root; choose a higher one: %w", port, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("port %d cannot be opened: %s is not an address of this machine; correct the listen address: %w", port, host, err)
	}
	return nil, fmt.Errorf("port %d cannot be opened: %w", port, err)
}
