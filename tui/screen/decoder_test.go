package screen

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

// events decodes pieces that arrive one after the other, each in good time, and
// then nothing more.
func events(pieces ...string) (out []string) {
	var d decoder
	send := func(m tea.Msg) { out = append(out, fmt.Sprintf("%T %+v", m, m)) }
	for _, p := range pieces {
		d.feed([]byte(p), send)
	}
	for d.wait() > 0 {
		d.expire(send)
	}
	return out
}

// stock is how ultraviolet's own reader decodes s.
func stock(s string) (out []string) {
	r, w := io.Pipe()
	tr := uv.NewTerminalReader(r, "xterm-256color")
	ch := make(chan uv.Event, 64)
	go func() {
		_, _ = io.WriteString(w, s)
		time.Sleep(70 * time.Millisecond) // its patience with an Escape
		_ = w.Close()
	}()
	_ = tr.StreamEvents(context.Background(), ch)
	close(ch)
	for e := range ch {
		out = append(out, fmt.Sprintf("%T %+v", e, e))
	}
	return out
}

// sequences is what terminals send.
func sequences() []string {
	s := []string{
		"a", "A", " ", "\r", "\t", "\x7f", "\x08", "\x03", "\x00", "\x1b", "\x1ba", "\x1bA", "\x1b\r", "\x1b\x7f", "\x1b\x1b[A",
		"é", "日", "👍", "👨\u200d👩\u200d👧", "jjkk", "\x1b[", "\x1bO", "\x1b]", "\x1bP", "\x1b_",
	}
	for _, c := range "ABCDEFHPQS" {
		s = append(s, "\x1b["+string(c), "\x1bO"+string(c))
		for m := 2; m <= 8; m++ {
			s = append(s, fmt.Sprintf("\x1b[1;%d%c", m, c))
		}
	}
	for n := 1; n <= 34; n++ {
		s = append(s, fmt.Sprintf("\x1b[%d;5~", n), fmt.Sprintf("\x1b[%d^", n), fmt.Sprintf("\x1b[%d@", n))
		if n != 27 {
			s = append(s, fmt.Sprintf("\x1b[%d~", n))
		}
	}
	return append(s, "\x1b[Z", "\x1b[[A", "\x1b[[E", "\x1b[a", "\x1b[b", "\x1bOa", "\x1bOM", "\x1bOj", "\x1b[97;5u", "\x1b[27;5;97~", "\x1b[I", "\x1b[O",
		"\x1b[<0;10;20M", "\x1b[<0;10;20m", "\x1b[<64;10;20M", "\x1b[M !!", "\x1b[?2026;2$y",
		"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\", "\x1b]11;rgb:1e1e/1e1e/2e2e\x07", "\x1bP1+r5463\x1b\\", "\x1b[?1u", "\x1b[?62;22c",
		"\x1bP>|kitty 0.30\x1b\\", "\x1b[10;20R", "\x1b]52;c;aGk=\x07",
		"\x1b[200~hello\nj world é\x1b[201~", "\x1b[200~a\x1b[Ab\x1b[201~x", "\x1b[200~\x1b[201~")
}

func TestInputIsDecodedAsBubbleTeaDoes(t *testing.T) {
	all := sequences()
	theirs := make([]string, len(all))
	var wait sync.WaitGroup
	for i, s := range all { // at once, for theirs sleeps
		wait.Go(func() { theirs[i] = fmt.Sprint(stock(s)) })
	}
	wait.Wait()
	for i, s := range all {
		if ours := fmt.Sprint(events(s)); ours != theirs[i] && !known[s] {
			t.Errorf("%q\nours   %s\ntheirs %s", s, ours, theirs[i])
		}
	}
}

// known differences: F1 and F5 of the Linux console, which are typing to it.
var known = map[string]bool{"\x1b[[A": true, "\x1b[[E": true}

// Wherever a slow link cuts a sequence, it means the same.
func TestASequenceCutInTwoMeansTheSame(t *testing.T) {
	for _, s := range append(sequences(), "日本", "a日b", "\x1b日") {
		want := fmt.Sprint(events(s))
		for i := 1; i < len(s); i++ {
			if s == "👨\u200d👩\u200d👧" {
				continue // cut between its people it is several keys, as it is for everybody
			}
			if got := fmt.Sprint(events(s[:i], s[i:])); got != want {
				t.Errorf("%q cut at %d: %s\nwhole: %s", s, i, got, want)
			}
		}
		var bytes []string
		for i := range len(s) {
			bytes = append(bytes, s[i:i+1])
		}
		if s != "👨\u200d👩\u200d👧" {
			if got := fmt.Sprint(events(bytes...)); got != want {
				t.Errorf("%q byte by byte: %s\nwhole: %s", s, got, want)
			}
		}
	}
}

// keys are the printable keys among events.
func typing(events []string) (n int) {
	for _, e := range events {
		if strings.HasPrefix(e, "uv.KeyPressEvent") {
			n++
		}
	}
	return n
}

// Half a reply must never become typing: hex digits are commands.
func TestHalfAReplyIsNotTyping(t *testing.T) {
	for _, s := range []string{
		"\x1b]11;rgb:1e1e/", "\x1b]11;rgb:1e1e/1e1e/2e2e", "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b", "\x1bP1+r54", "\x1bP>|kitty d", "\x1b[?2026;", "\x1b[<0;10;2", "\x1b[3", "\x1b_Gd",
		"\x1b]11;rgb:1e\x18", "\x1b]11;d\x1b[?1;2c", "\x1b[12\x01",
	} {
		for _, e := range events(s) {
			if strings.HasPrefix(e, "uv.KeyPressEvent") && !strings.Contains(e, "ctrl") {
				t.Errorf("%q became %s", s, e)
			}
		}
		var d decoder
		d.feed([]byte(s), func(tea.Msg) {})
		if len(d.held) > 0 && d.wait() < time.Second {
			t.Errorf("%q has only %v to be completed", s, d.wait())
		}
	}
}

func TestKeysAfterSomethingBrokenWork(t *testing.T) {
	for _, s := range []string{"\xff", "\x80\x81", "\x1b[99999z", "\x1b[12\x01", "\x1b]0;x\x18", "\x1b[?;;;q", "\x1bO!", "\xe6\x97"} {
		if got := events(s + "j"); len(got) == 0 || typing(got[len(got)-1:]) != 1 || !strings.HasSuffix(got[len(got)-1], "j") {
			t.Errorf("%q, then j: %v", s, got)
		}
	}
}

func TestTheLinuxConsolesFunctionKeysAreKeys(t *testing.T) {
	for i, c := range "ABCDE" {
		if got, want := fmt.Sprint(events("\x1b[["+string(c))), fmt.Sprint(events(fmt.Sprintf("\x1b[%d~", 11+i))); got != want {
			t.Errorf("F%d: got %s, want %s", i+1, got, want)
		}
	}
}

func TestEscapeTwiceIsEscapeTwice(t *testing.T) {
	if got, want := fmt.Sprint(events("\x1b\x1b")), fmt.Sprint(append(events("\x1b"), events("\x1b")...)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var d decoder
	d.feed([]byte("\x1b"), nil)
	if d.wait() != escTime {
		t.Errorf("Escape takes %v", d.wait())
	}
}

func TestALongReplyIsDroppedToItsEnd(t *testing.T) {
	long := strings.Repeat("d", maxReply)
	for _, end := range []string{"\x07", "\x1b\\"} {
		got := events("\x1b]52;c;"+long, long, "dd"+end, "j")
		if typing(got) > 2 || !strings.HasSuffix(got[len(got)-1], "j") {
			t.Errorf("ended by %q: %d keys", end, typing(got))
		}
	}
	var d decoder
	for range 10 {
		d.feed([]byte("\x1b]52;c;"+long), func(tea.Msg) {})
		if len(d.held) > 2*maxReply {
			t.Fatalf("%d bytes are held", len(d.held))
		}
	}
}

func TestAPasteIsOneMessageHoweverLong(t *testing.T) {
	var pasted []string
	var other int
	send := func(m tea.Msg) {
		switch m := m.(type) {
		case uv.PasteEvent:
			pasted = append(pasted, m.Content)
		case uv.PasteStartEvent, uv.PasteEndEvent:
		default:
			other++
		}
	}
	var d decoder
	d.feed([]byte("\x1b[200~"), send)
	for range 300 {
		d.feed([]byte(strings.Repeat("delete\n", 1000)), send)
	}
	d.feed([]byte("\x1b[201~"), send)
	if len(pasted) != 1 || other > 0 || len(pasted[0]) != maxPaste {
		t.Fatalf("%d pastes, %d other events", len(pasted), other)
	}
	pasted = nil
	d.feed([]byte("\x1b[200~cut off"), send) // its end never comes
	if d.wait() != pasteTime {
		t.Errorf("a paste gets %v", d.wait())
	}
	d.expire(send)
	if len(pasted) != 1 || pasted[0] != "cut off" || d.wait() != 0 {
		t.Errorf("got %q, and still waits %v", pasted, d.wait())
	}
}

func FuzzDecoder(f *testing.F) {
	for _, s := range sequences() {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		var d decoder
		send := func(tea.Msg) {}
		if cut > 0 && cut < len(b) {
			d.feed(b[:cut], send)
			d.feed(b[cut:], send)
		} else {
			d.feed(b, send)
		}
		for range 3 {
			if d.wait() == 0 {
				break
			}
			d.expire(send)
		}
		if len(d.held) > 0 || d.wait() > 0 {
			t.Errorf("%q is never done with: holds %q", b, d.held)
		}
	})
}
