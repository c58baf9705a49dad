package forward_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"proximity/core/forward"
)

const patience = 10 * time.Second

// start runs a forwarder on loopback until the test ends.
func start(t *testing.T, o forward.Options) *forward.Forwarder {
	t.Helper()
	o.ListenHost = "127.0.0.1"
	if o.Allowed == nil {
		o.Allowed = func(netip.Addr) bool { return true }
	}
	f := forward.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	return f
}

// backend is an app that gives each connection to handle.
func backend(t *testing.T, handle func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

func echo(c *net.TCPConn) { io.Copy(c, c) }

func says(word string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		io.WriteString(c, word)
		io.Copy(io.Discard, c)
	}
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func ready(t *testing.T, f *forward.Forwarder, port int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.Ready(ctx, port); err != nil {
		t.Fatalf("port %d: %v", port, err)
	}
}

func dial(t *testing.T, port int) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func ask(t *testing.T, c net.Conn, word string) {
	t.Helper()
	if _, err := io.WriteString(c, word); err != nil {
		t.Fatal(err)
	}
	expect(t, c, word)
}

func expect(t *testing.T, c net.Conn, word string) {
	t.Helper()
	got := make([]byte, len(word))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != word {
		t.Fatalf("read %q, %v; want %q", got, err, word)
	}
}

// eventually polls cond, for what has no event.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func ended(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	var slow net.Error
	return err != nil && !(errors.As(err, &slow) && slow.Timeout())
}

// refused reports whether a client of port is turned away, be it so fast that it never sees the connection.
func refused(t *testing.T, port int) bool {
	t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), patience)
	if err != nil {
		return errors.Is(err, syscall.ECONNRESET)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	return ended(c)
}

func TestPublishedAppAnswersOnItsPort(t *testing.T) {
	f := start(t, forward.Options{})
	port := freePort(t)
	f.Set(map[int]forward.Target{port: {App: "gitea", Address: backend(t, echo)}})
	ready(t, f, port)
	ask(t, dial(t, port), "hello")
	if problems := f.Problems(); len(problems) != 0 {
		t.Errorf("problems: %v", problems)
	}
	if err := forward.PortFree("127.0.0.1", port); err == nil {
		t.Error("the port counts as free")
	}
}

func TestHalfCloseReachesTheOtherSide(t *testing.T) {
	f := start(t, forward.Options{})
	port := freePort(t)
	f.Set(map[int]forward.Target{port: {App: "a", Address: backend(t, func(c *net.TCPConn) {
		all, _ := io.ReadAll(c) // ends only when the client's half-close comes through
		fmt.Fprintf(c, "got %d", len(all))
	})}})
	ready(t, f, port)
	c := dial(t, port)
	io.WriteString(c, strings.Repeat("x", 1<<20))
	c.CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil || string(answer) != "got 1048576" {
		t.Fatalf("%q, %v", answer, err)
	}
}

func TestAppThatClosesFirstStillReads(t *testing.T) {
	f := start(t, forward.Options{})
	port, heard := freePort(t), make(chan string, 1)
	f.Set(map[int]forward.Target{port: {App: "a", Address: backend(t, func(c *net.TCPConn) {
		c.CloseWrite()
		all, _ := io.ReadAll(c)
		heard <- string(all)
	})}})
	ready(t, f, port)
	c := dial(t, port)
	if rest, err := io.ReadAll(c); err != nil || len(rest) != 0 {
		t.Fatalf("%q, %v", rest, err)
	}
	io.WriteString(c, "late word")
	c.CloseWrite()
	if got := <-heard; got != "late word" {
		t.Fatalf("app heard %q", got)
	}
}

func TestUnchangedPortsKeepTheirConnections(t *testing.T) {
	f := start(t, forward.Options{})
	one, two, address := freePort(t), freePort(t), backend(t, echo)
	keep := forward.Target{App: "keep", Address: address}
	f.Set(map[int]forward.Target{one: keep})
	ready(t, f, one)
	c := dial(t, one)
	ask(t, c, "before")

	f.Set(map[int]forward.Target{one: keep, two: {App: "new", Address: address}})
	ready(t, f, two)
	ask(t, c, "during")
	f.Set(map[int]forward.Target{one: keep})
	eventually(t, "second port closed", func() bool { return forward.PortFree("127.0.0.1", two) == nil })
	ask(t, c, "after")
}

func TestPortThatLeadsElsewhereDropsItsConnections(t *testing.T) {
	f := start(t, forward.Options{})
	port := freePort(t)
	f.Set(map[int]forward.Target{port: {App: "a", Address: backend(t, says("old"))}})
	ready(t, f, port)
	c := dial(t, port)
	expect(t, c, "old")

	f.Set(map[int]forward.Target{port: {App: "a", Address: backend(t, says("new"))}})
	ready(t, f, port)
	if !ended(c) {
		t.Error("the connection to the old address lives on")
	}
	expect(t, dial(t, port), "new")
}

func TestStoppedAppIsNotListenedOn(t *testing.T) {
	f := start(t, forward.Options{})
	port, address := freePort(t), backend(t, echo)
	f.Set(map[int]forward.Target{port: {App: "wiki", Address: address}})
	ready(t, f, port)
	c := dial(t, port)
	ask(t, c, "hello")

	f.Set(map[int]forward.Target{port: {App: "wiki"}})
	eventually(t, "port closed", func() bool { return forward.PortFree("127.0.0.1", port) == nil })
	if !ended(c) {
		t.Error("a connection to a stopped app lives on")
	}
	if err := f.Ready(t.Context(), port); err == nil || !strings.Contains(err.Error(), "wiki") {
		t.Errorf("Ready says %v", err)
	}
	if err := f.Ready(t.Context(), port+1); err == nil {
		t.Error("a port that nobody wants is ready")
	}
	f.Set(map[int]forward.Target{port: {App: "wiki", Address: address}})
	ready(t, f, port)
	ask(t, dial(t, port), "again")
}

func TestTakenPortIsReportedAndRetried(t *testing.T) {
	f := start(t, forward.Options{})
	squatter, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, fine, address := squatter.Addr().(*net.TCPAddr).Port, freePort(t), backend(t, echo)
	if err := forward.PortFree("127.0.0.1", port); err == nil {
		t.Error("a taken port counts as free")
	}
	f.Set(map[int]forward.Target{port: {App: "a", Address: address}, fine: {App: "b", Address: address}})
	ready(t, f, fine)
	if err := f.Ready(t.Context(), port); err == nil || !strings.Contains(err.Error(), "another program uses it") {
		t.Errorf("Ready says %v", err)
	}
	if problems := f.Problems(); len(problems) != 1 || problems[port] == nil {
		t.Errorf("problems: %v", problems)
	}
	squatter.Close()
	eventually(t, "port opened after all", func() bool { return len(f.Problems()) == 0 })
	ask(t, dial(t, port), "hello")
}

func TestOnlyGuestNetworksAreDialled(t *testing.T) {
	var asked atomic.Value
	f := start(t, forward.Options{Allowed: func(a netip.Addr) bool {
		asked.Store(a.String())
		return !a.IsLoopback()
	}})
	port, reached := freePort(t), make(chan struct{}, 1)
	address := backend(t, func(c *net.TCPConn) { reached <- struct{}{} })
	for _, a := range []string{address, "[::ffff:127.0.0.1]" + address[strings.LastIndex(address, ":"):], strings.Replace(address, "127.0.0.1", "localhost", 1)} {
		f.Set(map[int]forward.Target{port: {App: "a", Address: a}})
		ready(t, f, port)
		if !refused(t, port) {
			t.Errorf("%s: the client was let through", a)
		}
	}
	if asked.Load() != "127.0.0.1" {
		t.Errorf("asked for %v", asked.Load())
	}
	select {
	case <-reached:
		t.Error("the app on a forbidden address was reached")
	default:
	}
}

func TestDeadAppResetsTheClient(t *testing.T) {
	f := start(t, forward.Options{})
	port := freePort(t)
	f.Set(map[int]forward.Target{port: {App: "a", Address: fmt.Sprintf("127.0.0.1:%d", freePort(t))}})
	ready(t, f, port)
	if !refused(t, port) {
		t.Error("the client waits for an app that is not there")
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	f := start(t, forward.Options{MaxConns: 2})
	port := freePort(t)
	f.Set(map[int]forward.Target{port: {App: "a", Address: backend(t, echo)}})
	ready(t, f, port)
	first, second := dial(t, port), dial(t, port)
	ask(t, first, "one")
	ask(t, second, "two")
	if !refused(t, port) {
		t.Error("a third connection got through")
	}
	first.Close()
	eventually(t, "room again", func() bool {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), patience)
		if err != nil {
			return false
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, "x")
		_, err = c.Read(make([]byte, 1))
		return err == nil
	})
}

func TestShutdownEndsEverything(t *testing.T) {
	f := forward.New(forward.Options{ListenHost: "127.0.0.1", Allowed: func(netip.Addr) bool { return true }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	port := freePort(t)
	f.Set(map[int]forward.Target{port: {App: "a", Address: backend(t, echo)}})
	ready(t, f, port)
	c := dial(t, port)
	ask(t, c, "hello")

	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !ended(c) {
		t.Error("the connection lives on")
	}
	if err := forward.PortFree("127.0.0.1", port); err != nil {
		t.Error(err)
	}
	if err := f.Ready(t.Context(), port); err == nil {
		t.Error("ready after the end")
	}
	if err := f.Run(t.Context()); err == nil {
		t.Error("ran twice")
	}
}

func TestReadyGivesUpWithItsContext(t *testing.T) {
	f := forward.New(forward.Options{}) // never run
	f.Set(map[int]forward.Target{8100: {App: "a", Address: "10.0.0.5:80"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Ready(ctx, 8100); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestManyClientsAndChangesAtOnce(t *testing.T) {
	f := start(t, forward.Options{})
	port, other, address := freePort(t), freePort(t), backend(t, echo)
	steady := forward.Target{App: "a", Address: address}
	f.Set(map[int]forward.Target{port: steady})
	ready(t, f, port)
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range 20 {
				io.WriteString(c, "ping")
				if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		f.Set(map[int]forward.Target{port: steady, other: {App: fmt.Sprint(i), Address: address}})
		f.Problems()
	}
	clients.Wait()
}

func TestPortFreeNamesTheReason(t *testing.T) {
	for _, c := range []struct {
		host string
		port int
		want string
	}{
		{"127.0.0.1", 0, "1 to 65535"},
		{"127.0.0.1", 70000, "1 to 65535"},
		{"192.0.2.1", freePort(t), "not an address of this machine"},
	} {
		if err := forward.PortFree(c.host, c.port); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:%d: %v", c.host, c.port, err)
		}
	}
	if err := forward.PortFree("127.0.0.1", freePort(t)); err != nil {
		t.Error(err)
	}
}
