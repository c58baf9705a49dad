package sshd

import (
	"errors"
	"io"
	"sync"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// patient is a writer that gives a client some time to read, and then drops it.
type patient struct {
	w     io.Writer
	limit time.Duration
	timer *time.Timer
	mu    sync.Mutex
}

// closeTime is how long a client that was told to go may take at most.
const closeTime = 5 * time.Second

func newPatient(w io.Writer, sess ssh.Session, limit time.Duration) *patient {
	p := &patient{w: w, limit: limit}
	conn, _ := sess.Context().Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	p.timer = time.AfterFunc(limit, func() {
		// Only this session, if the client still answers; else all of it.
		last := time.AfterFunc(min(limit, closeTime), func() {
			if conn != nil {
				_ = conn.Close()
			}
		})
		_ = sess.Close()
		<-sess.Context().Done()
		last.Stop()
	})
	p.timer.Stop()
	return p
}

func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Reset(p.limit)
	defer p.timer.Stop()
	return p.w.Write(b)
}

func (p *patient) stop() { p.timer.Stop() }

// errInterrupted is ctrl+c.
var errInterrupted = errors.New("interrupted")

// typed is what is typed on a terminal to a command, as a terminal in its usual
// mode would hand it over: lines end in \n, ctrl+c interrupts even a command
// that reads nothing, ctrl+d ends the input.
type typed struct {
	mu    sync.Mutex
	more  *sync.Cond
	held  []byte
	ended bool
}

// maxTyped is how many bytes a command may leave unread.
const maxTyped = 64 << 10

// newTyped takes what is typed until r ends.
func newTyped(r io.Reader, interrupt func()) *typed {
	t := &typed{}
	t.more = sync.NewCond(&t.mu)
	go func() {
		b := make([]byte, 256)
		for {
			n, err := r.Read(b)
			for _, c := range b[:n] {
				switch c {
				case 0x03:
					interrupt()
					t.end()
				case 0x04:
					t.end()
				case '\r':
					t.take('\n')
				default:
					t.take(c)
				}
			}
			if err != nil {
				t.end()
				return
			}
		}
	}()
	return t
}

func (t *typed) take(c byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended && len(t.held) < maxTyped {
		t.held = append(t.held, c)
		t.more.Signal()
	}
}

func (t *typed) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.more.Broadcast()
}

// Read waits for something typed.
func (t *typed) Read(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.held) == 0 && !t.ended {
		t.more.Wait()
	}
	if len(t.held) == 0 {
		return 0, io.EOF
	}
	n := copy(b, t.held)
	t.held = t.held[n:]
	return n, nil
}
