package pvesim

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"proximity/pvesim/machine"
	"proximity/pvesim/wire"
)

// console is a terminal that waits for its websocket, or has it.
type console struct {
	guest  *guest
	user   string
	ticket string
	until  time.Time // when the ticket ends
	joined chan struct{}
	closed chan struct{}
	taken  bool
}

const (
	firstConsole = 5900
	lastConsole  = 5999
	consoleWait  = 10 * time.Second // until termproxy gives up
	consoleLife  = 40 * time.Second // of the ticket
)

// openConsole starts termproxy, which waits for a websocket.
func openConsole(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	port := firstConsole
	for q.consoles[port] != nil {
		if port++; port > lastConsole {
			return nil, failf("unable to find free port (%d-%d)", firstConsole, lastConsole)
		}
	}
	at := fmt.Sprintf("PVEVNC:%08X", q.now().Unix())
	c := &console{guest: g, user: q.who.String(), until: time.Now().Add(consoleLife), joined: make(chan struct{}), closed: make(chan struct{})}
	c.ticket = at + "::" + q.sign("vnc", fmt.Sprintf("%s:%s:/vms/%d:%d", at, c.user, g.VMID, port))
	q.consoles[port] = c
	upid := q.spawn("vncproxy", vmidText(g.VMID), func(t *task) error {
		t.logf("starting lxc termproxy %s", t.UPID)
		defer t.locked(func() { delete(t.c.consoles, port) })
		limit := time.NewTimer(consoleWait)
		defer limit.Stop()
		select {
		case <-c.joined:
		case <-limit.C:
			return fmt.Errorf("command '/usr/bin/termproxy %d --path /vms/%d --perm VM.Console -- /usr/bin/dtach -A /var/run/dtach/vzctlconsole%d -r winch -z lxc-console -n %d -e -1' failed: exit code 1", port, g.VMID, g.VMID, g.VMID)
		case <-t.ctx.Done():
			return errInterrupted
		}
		select {
		case <-c.closed:
			return nil
		case <-t.ctx.Done():
			return errInterrupted
		}
	})
	return map[string]any{"user": c.user, "ticket": c.ticket, "port": fmt.Sprint(port), "upid": upid}, nil
}

// joinConsole connects a websocket to a waiting console.
func joinConsole(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	c := q.consoles[q.number("port")]
	if c == nil || c.guest != g || c.taken || time.Now().After(c.until) || c.user != q.who.String() ||
		subtle.ConstantTimeCompare([]byte(c.ticket), []byte(q.p["vncticket"])) != 1 {
		return nil, unauthorized("permission denied - invalid PVEVNC ticket")
	}
	c.taken = true
	close(c.joined)
	cluster := q.Cluster
	return takeover(func(ctx context.Context, r *wire.Request) error {
		defer close(c.closed)
		return cluster.terminal(ctx, r, c)
	}), nil
}

// terminal speaks termproxy's protocol on a websocket.
func (c *Cluster) terminal(ctx context.Context, r *wire.Request, con *console) error {
	ws, err := upgrade(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = ws.conn.Close() })
	defer stop()
	hello, err := ws.read()
	if err != nil || strings.TrimSuffix(string(hello), "\n") != con.user+":"+con.ticket {
		return wire.ErrDrop
	}
	if _, err := ws.Write([]byte("OK")); err != nil {
		return wire.ErrDrop
	}
	keys := &keyboard{}
	go func() { // ends with the connection, and ends the terminal
		defer cancel()
		defer keys.close()
		var rest []byte
		for {
			b, err := ws.read()
			if err != nil {
				return
			}
			rest = keys.feed(append(rest, b...))
		}
	}()
	c.screen(ctx, con, keys, ws)
	return nil
}

// screen is what a person sees until the connection ends: a login prompt, or with cmode=shell a shell at once.
func (c *Cluster) screen(ctx context.Context, con *console, keys *keyboard, out io.Writer) {
	for ctx.Err() == nil {
		c.mu.Lock()
		g, running := con.guest, con.guest.Running
		var m *machine.Machine
		if running {
			m = c.inside(g)
		}
		name, mode, password := g.name(), g.Conf["cmode"], g.Password
		c.mu.Unlock()
		if !running {
			return
		}
		in := keys.attach()
		if mode != "shell" && !login(bufio.NewReaderSize(in, 1), out, name, password) {
			_ = in.Close()
			continue
		}
		m.Console(ctx, nil, []string{"TERM=linux", "USER=root", "LOGNAME=root"}, in, out)
		_ = in.Close()
		if mode == "shell" {
			return
		}
	}
}

// login asks for root's password as agetty does.
func login(in *bufio.Reader, out io.Writer, name, password string) bool {
	fmt.Fprintf(out, "\r\n%s login: ", name)
	who, err := typed(in, out)
	if err != nil {
		return false
	}
	fmt.Fprint(out, "Password: ")
	given, err := typed(in, nil)
	if err != nil {
		return false
	}
	fmt.Fprint(out, "\r\n")
	if who != "root" || password == "" || given != password {
		fmt.Fprint(out, "\r\nLogin incorrect\r\n")
		return false
	}
	return true
}

// typed reads a line of keys; with echo it shows them.
func typed(in *bufio.Reader, echo io.Writer) (string, error) {
	var line []byte
	for {
		b, err := in.ReadByte()
		if err != nil {
			return "", err
		}
		switch {
		case b == '\r' || b == '\n':
			if echo != nil {
				fmt.Fprint(echo, "\r\n")
			}
			return string(line), nil
		case b == 0x7f || b == 8:
			if len(line) > 0 {
				line = line[:len(line)-1]
				if echo != nil {
					fmt.Fprint(echo, "\b \b")
				}
			}
		case b >= ' ':
			line = append(line, b)
			if echo != nil {
				fmt.Fprintf(echo, "%c", b)
			}
		}
	}
}

// websocket is the server's end of one, for unfragmented messages.
type websocket struct {
	conn    io.ReadWriteCloser
	br      *bufio.Reader
	sending sync.Mutex
}

const maxFrame = 128 << 10

var errFrame = errors.New("websocket frame that the proxy does not take")

func upgrade(r *wire.Request) (*websocket, error) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		return nil, wire.ErrDrop
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	conn, br := r.Take()
	protocol := ""
	if strings.Contains(r.Header.Get("Sec-WebSocket-Protocol"), "binary") {
		protocol = "Sec-WebSocket-Protocol: binary\r\n"
	}
	_, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n%sSec-WebSocket-Accept: %s\r\nUpgrade: WebSocket\r\n\r\n", protocol, base64.StdEncoding.EncodeToString(sum[:]))
	return &websocket{conn: conn, br: br}, err
}

// read returns the next message's bytes.
func (w *websocket) read() ([]byte, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(w.br, head[:]); err != nil {
			return nil, err
		}
		op, n := head[0]&0x0f, int(head[1]&0x7f)
		if head[0]&0x80 == 0 || head[1]&0x80 == 0 {
			return nil, errFrame
		}
		var more [8]byte
		switch n {
		case 126:
			if _, err := io.ReadFull(w.br, more[:2]); err != nil {
				return nil, err
			}
			n = int(more[0])<<8 | int(more[1])
		case 127:
			if _, err := io.ReadFull(w.br, more[:]); err != nil {
				return nil, err
			}
			if n = int(more[5])<<16 | int(more[6])<<8 | int(more[7]); more[0]|more[1]|more[2]|more[3]|more[4] != 0 {
				return nil, errFrame
			}
		}
		if n > maxFrame {
			return nil, errFrame
		}
		var mask [4]byte
		if _, err := io.ReadFull(w.br, mask[:]); err != nil {
			return nil, err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(w.br, b); err != nil {
			return nil, err
		}
		for i := range b {
			b[i] ^= mask[i%4]
		}
		switch op {
		case 1, 2:
			return b, nil
		case 8:
			return nil, io.EOF
		case 9:
			if err := w.send(10, b); err != nil {
				return nil, err
			}
		}
	}
}

// Write sends one binary message.
func (w *websocket) Write(b []byte) (int, error) { return len(b), w.send(2, b) }

func (w *websocket) send(op byte, b []byte) error {
	head := []byte{0x80 | op, byte(len(b))}
	switch {
	case len(b) > 0xffff:
		head = []byte{0x80 | op, 127, 0, 0, 0, 0, byte(len(b) >> 24), byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}
	case len(b) > 125:
		head = []byte{0x80 | op, 126, byte(len(b) >> 8), byte(len(b))}
	}
	w.sending.Lock()
	defer w.sending.Unlock()
	_, err := w.conn.Write(append(head, b...))
	return err
}
