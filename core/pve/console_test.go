package pve

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// consoleServer adds a console to a fake: it greets with words and echoes input in capitals.
func consoleServer(t *testing.T, answer string) (f *fakePVE, got chan string) {
	f = newFake(t)
	got = make(chan string, 100)
	f.data("POST /nodes/pve1/lxc/100/termproxy", `{"port":"5900","ticket":"PVEVNC:6B03::a+b/c==","user":"app@pve!proximity","upid":"`+someUPID+`"}`)
	upgrader := websocket.Upgrader{Subprotocols: []string{"binary"}}
	f.on("GET /nodes/pve1/lxc/100/vncwebsocket", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("port") != "5900" || q.Get("vncticket") != "PVEVNC:6B03::a+b/c==" || r.Header.Get("Authorization") == "" {
			reply(w, 401, "permission denied - invalid PVEVNC ticket", "")
			return
		}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		_, who, _ := ws.ReadMessage()
		got <- string(who)
		if answer == "" {
			return
		}
		ws.WriteMessage(websocket.BinaryMessage, []byte(answer))
		for {
			_, message, err := ws.ReadMessage()
			if err != nil {
				close(got)
				return
			}
			got <- string(message)
			if parts := strings.SplitN(string(message), ":", 3); parts[0] == "0" {
				if parts[2] == "exit\n" {
					return
				}
				ws.WriteMessage(websocket.BinaryMessage, []byte(strings.ToUpper(parts[2])))
			}
		}
	})
	return f, got
}

func TestAConsole(t *testing.T) {
	f, got := consoleServer(t, "OKweb login: ")
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	sizes := make(chan Size)
	done := make(chan error, 1)
	go func() {
		done <- f.client(t, Config{}).Console(testContext(t), "pve1", 100, Terminal{Size: Size{100, 30}, New: sizes}, in, out)
	}()
	screen := make([]byte, len("web login: "))
	if _, err := io.ReadFull(shown, screen); err != nil || string(screen) != "web login: " {
		t.Fatalf("shown %q, %v", screen, err)
	}
	for _, want := range []string{"app@pve!proximity:PVEVNC:6B03::a+b/c==\n", "1:100:30:"} {
		if s := <-got; s != want {
			t.Errorf("sent %q, want %q", s, want)
		}
	}
	io.WriteString(typed, "grüß\n")
	io.ReadFull(shown, screen[:len("GRÜß\n")])
	if s := <-got; s != "0:7:grüß\n" { // bytes, not letters
		t.Errorf("sent %q", s)
	}
	sizes <- Size{120, 40}
	if s := <-got; s != "1:120:40:" {
		t.Errorf("sent %q", s)
	}
	io.WriteString(typed, "exit\n")
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
	typed.Close()
}

func TestAConsoleEndsWithItsUser(t *testing.T) {
	f, got := consoleServer(t, "OK")
	in, typed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- f.client(t, Config{}).Console(testContext(t), "pve1", 100, Terminal{}, in, io.Discard)
	}()
	<-got
	typed.Close()
	if err := <-done; err != nil {
		t.Errorf("got %v", err)
	}

	f, got = consoleServer(t, "OK")
	ctx, cancel := context.WithCancel(testContext(t))
	in, typed = io.Pipe()
	defer typed.Close()
	go func() { done <- f.client(t, Config{}).Console(ctx, "pve1", 100, Terminal{}, in, io.Discard) }()
	<-got
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAConsoleThatRefuses(t *testing.T) {
	f, _ := consoleServer(t, "") // hangs up: a token before 9.1
	if err := f.client(t, Config{}).Console(testContext(t), "pve1", 100, Terminal{}, strings.NewReader(""), io.Discard); !errors.Is(err, ErrAuth) {
		t.Errorf("got %v", err)
	}
	f.status("GET /nodes/pve1/lxc/100/vncwebsocket", 403, "Permission check failed (/vms/100, VM.Console)", "")
	err := f.client(t, Config{}).Console(testContext(t), "pve1", 100, Terminal{}, strings.NewReader(""), io.Discard)
	var e *Error
	if !errors.As(err, &e) || e.Privilege != "VM.Console" || e.VMID != 100 {
		t.Errorf("got %v", err)
	}
}
