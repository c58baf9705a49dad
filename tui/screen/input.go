package screen

import (
	"context"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
)

// read takes bytes from the terminal until it ends, and gives them to whoever
// has the terminal.
func (s *Screen) read(ctx context.Context, in io.Reader, bytes chan<- []byte) {
	defer close(bytes)
	b := make([]byte, 1024)
	for {
		n, err := in.Read(b)
		if n > 0 && !s.divert(b[:n]) {
			select {
			case bytes <- append([]byte(nil), b[:n]...):
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// feed tells the program what the user types and how large the terminal is. It
// ends the program when the user has hung up.
func (s *Screen) feed(ctx context.Context, bytes <-chan []byte, resized <-chan struct{}) {
	var d decoder
	send := func(m tea.Msg) { s.program.Send(m) }
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case b, ok := <-bytes:
			if !ok {
				d.expire(send)
				s.program.Quit()
				return
			}
			d.feed(b, send)
		case <-timer.C:
			d.expire(send)
		case <-resized:
			size := s.Size()
			send(tea.WindowSizeMsg{Width: size.Width, Height: size.Height})
			continue
		case <-ctx.Done():
			return
		}
		timer.Stop()
		if w := d.wait(); w > 0 {
			timer.Reset(w)
		}
	}
}
