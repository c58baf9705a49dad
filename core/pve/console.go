package pve

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	consolePing  = 30 * time.Second
	consoleChunk = 16 << 10 // bytes of input a frame; Proxmox refuses frames above 128 KiB
)

// Console shows a running container's own console (its tty, where somebody has to log in), for hosts whose
// nodes' SSH is not open to us. It ends when the console is closed, or in or ctx ends. in is read until it
// ends, which may be after Console has returned. All who look at one container's console share one screen.
//
// Proxmox: API tokens can do this from 9.1 on; before, only a login with a password.
func (c *Client) Console(ctx context.Context, node string, vmid int, t Terminal, in io.Reader, out io.Writer) error {
	name := request{op: "open the console of CT", node: node, vmid: vmid}
	ws, first, err := c.dialConsole(ctx, name)
	if e := asError(ctx, err); e != nil {
		return name.explain(e)
	}
	stop := context.AfterFunc(ctx, func() { ws.Close() })
	defer stop()
	wire := &consoleWire{ws: ws}
	ended := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() { wire.tend(t, ended) })
	go func() { // ends with in
		wire.send(in)
		ws.Close()
	}()
	_, err = out.Write(first)
	for err == nil {
		var frame []byte
		if _, frame, err = ws.ReadMessage(); err == nil {
			_, err = out.Write(frame)
		}
	}
	close(ended)
	ws.Close()
	helpers.Wait()
	if ctx.Err() != nil {
		return name.explain(networkError(ctx, ctx.Err()))
	}
	return nil
}

// dialConsole asks for a console and connects to it; first is what it showed at once.
func (c *Client) dialConsole(ctx context.Context, name request) (ws *websocket.Conn, first []byte, err error) {
	var offer struct{ User, Ticket, Port text }
	ask := name
	ask.method, ask.path, ask.into = http.MethodPost, guestPath(name.node, name.vmid, "termproxy"), &offer
	if err := c.do(ctx, ask); err != nil {
		return nil, nil, err
	}
	at := c.endpoint()
	s, err := c.session(ctx, at, nil)
	if err != nil {
		return nil, nil, err
	}
	transport := at.http.Transport.(guard).next
	dialer := websocket.Dialer{
		NetDialContext:   transport.DialContext,
		TLSClientConfig:  transport.TLSClientConfig.Clone(),
		HandshakeTimeout: 10 * time.Second,
		Subprotocols:     []string{"binary"}, // Proxmox: hangs up without it
	}
	query := url.Values{"port": {string(offer.Port)}, "vncticket": {string(offer.Ticket)}}
	address := "wss://" + at.url.Host + "/api2/json" + guestPath(name.node, name.vmid, "vncwebsocket") + "?" + query.Encode()
	ws, answer, err := dialer.DialContext(ctx, address, s.header())
	if errors.Is(err, websocket.ErrBadHandshake) && answer != nil {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, maxErrorBody))
		return nil, nil, failure(answer.StatusCode, answer.Status, body)
	}
	if err != nil {
		return nil, nil, networkError(ctx, err)
	}
	if first, err = greet(ws, string(offer.User), string(offer.Ticket)); err != nil {
		ws.Close()
		return nil, nil, err
	}
	return ws, first, nil
}

// greet says who we are. Proxmox: termproxy answers OK, with the first bytes of the screen perhaps in the
// same frame, or hangs up.
func greet(ws *websocket.Conn, user, ticket string) (first []byte, err error) {
	refused := &Error{Kind: ErrAuth, Message: "the console refuses us: a token can open one from Proxmox VE 9.1 on only, and the container must run"}
	ws.SetReadDeadline(time.Now().Add(15 * time.Second))
	defer ws.SetReadDeadline(time.Time{})
	if err := ws.WriteMessage(websocket.BinaryMessage, []byte(user+":"+ticket+"\n")); err != nil {
		return nil, refused
	}
	_, first, err = ws.ReadMessage()
	rest, ok := bytes.CutPrefix(first, []byte("OK"))
	if err != nil || !ok {
		refused.cause = err
		return nil, refused
	}
	return rest, nil
}

// consoleWire lets several write to one console.
type consoleWire struct {
	mu sync.Mutex
	ws *websocket.Conn
}

func (w *consoleWire) write(message []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
	return w.ws.WriteMessage(websocket.BinaryMessage, message)
}

func (w *consoleWire) size(s Size) error {
	return w.write(fmt.Appendf(nil, "1:%d:%d:", s.Columns, s.Rows))
}

// send passes input on until it ends or the console does. Proxmox: "0:LENGTH:DATA", the length in bytes.
func (w *consoleWire) send(in io.Reader) {
	chunk := make([]byte, consoleChunk)
	for {
		n, err := in.Read(chunk)
		if n > 0 && w.write(append(fmt.Appendf(nil, "0:%d:", n), chunk[:n]...)) != nil || err != nil {
			return
		}
	}
}

// tend keeps the console alive and at the terminal's size until ended.
func (w *consoleWire) tend(t Terminal, ended <-chan struct{}) {
	w.size(cmp.Or(t.Size, Size{80, 24}))
	ping := time.NewTicker(consolePing)
	defer ping.Stop()
	sizes := t.New
	for {
		select {
		case <-ended:
			return
		case <-ping.C:
			w.write([]byte("2"))
		case s, open := <-sizes:
			if !open {
				sizes = nil
			} else if s.Columns > 0 && s.Rows > 0 {
				w.size(s)
			}
		}
	}
}
