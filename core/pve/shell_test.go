package pve

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestAnInteractiveShell(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	sizes := make(chan Size)
	type end struct {
		exit int
		err  error
	}
	done := make(chan end, 1)
	go func() {
		exit, err := c.Shell(testContext(t), "pve1", 100, Terminal{Type: "xterm", Size: Size{100, 30}, New: sizes}, in, out)
		done <- end{exit, err}
	}()
	io.WriteString(typed, "hello\n")
	got := make([]byte, 6)
	if _, err := io.ReadFull(shown, got); err != nil || string(got) != "HELLO\n" {
		t.Errorf("shown %q, %v", got, err)
	}
	sizes <- Size{120, 40}
	eventually(t, "the new size arrives", func() bool { return slices.Equal(n.noted(), []string{"xterm 100x30", "120x40"}) })
	io.WriteString(typed, "exit\n")
	if e := <-done; e.err != nil || e.exit != 3 {
		t.Errorf("ended with %d, %v", e.exit, e.err)
	}
}

func TestAShellEndsWithItsContext(t *testing.T) {
	c := newFakeNode(t).client(t, SSHConfig{})
	ctx, cancel := context.WithCancel(testContext(t))
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := c.Shell(ctx, "pve1", 100, Terminal{}, in, out)
		done <- err
	}()
	io.WriteString(typed, "a")
	shown.Read(make([]byte, 1))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	typed.Close()
}

func TestAShellInAStoppedContainer(t *testing.T) {
	n := newFakeNode(t)
	_, err := n.client(t, SSHConfig{}).Shell(testContext(t), "pve1", 201, Terminal{}, strings.NewReader(""), io.Discard)
	if !errors.Is(err, ErrNotRunning) || len(n.ran()) != 0 {
		t.Errorf("got %v, ran %v", err, n.ran())
	}
	if _, err := newFake(t).client(t, Config{}).Shell(testContext(t), "pve1", 100, Terminal{}, strings.NewReader(""), io.Discard); !errors.Is(err, ErrNoSSH) {
		t.Errorf("got %v", err)
	}
}
