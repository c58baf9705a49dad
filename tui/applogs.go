package tui

import (
	"context"
	"strconv"
	"sync"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// tailLines is how much of the past a log starts with; tailMost how many lines
// may wait to be shown before older ones are dropped.
const (
	tailLines = 500
	tailMost  = 2000
)

// appTail follows what an app prints, as long as its tab is in front.
type appTail struct {
	lines  *ui.Log
	gen    uint64
	cancel context.CancelFunc // of the stream; nil = none runs
	inbox  *inbox
	err    error
	ended  bool
	retry  int // beats until it is tried again
}

func newTail() *appTail { return &appTail{lines: ui.NewLog()} }

// inbox is what a stream has brought and nobody has shown yet. It is the only
// thing shared between the stream's goroutine and the event loop.
type inbox struct {
	mu      sync.Mutex
	lines   []string
	dropped int
	first   chan struct{} // closed with the first line
	once    sync.Once
}

func (b *inbox) put(s string) {
	b.mu.Lock()
	if len(b.lines) >= tailMost {
		b.lines = b.lines[1:]
		b.dropped++
	}
	b.lines = append(b.lines, s)
	b.mu.Unlock()
	b.once.Do(func() { close(b.first) })
}

func (b *inbox) take() (lines []string, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, dropped = b.lines, b.dropped
	b.lines, b.dropped = nil, 0
	return lines, dropped
}

// Messages of the stream.
type (
	tailBegan struct{} // the first lines are there
	tailEnded struct{ err error }
)

// start opens the stream, from the beginning of its tail.
func (t *appTail) start(c *Console, p *app) tea.Cmd {
	if t.cancel != nil {
		return nil
	}
	query := t.lines.Query()
	t.lines = ui.NewLog()
	t.lines.Search(query)
	t.gen++
	t.err, t.ended = nil, false
	ctx, cancel := context.WithCancel(c.ctx)
	t.cancel = cancel
	t.inbox = &inbox{first: make(chan struct{})}
	gen, box, name := t.gen, t.inbox, p.view.Hostname
	if name == "" {
		name = p.id
	}
	stream := func() tea.Msg {
		err := c.core.AppLogs(ctx, c.actor, name, tailLines, true, box.put)
		return answer{p, gen, tailEnded{err}}
	}
	began := func() tea.Msg {
		select {
		case <-box.first:
			return answer{p, gen, tailBegan{}}
		case <-ctx.Done():
			return nil
		}
	}
	return tea.Batch(stream, began)
}

func (t *appTail) stop() {
	if t.cancel != nil {
		t.cancel()
		t.cancel = nil
	}
}

// again opens a stream that broke once more, a few seconds later.
func (t *appTail) again(c *Console, p *app) tea.Cmd {
	if !t.ended || t.cancel != nil {
		return nil
	}
	if t.retry--; t.retry > 0 {
		return nil
	}
	return t.start(c, p)
}

func (t *appTail) receive(_ *Console, gen uint64, body any) tea.Cmd {
	if gen != t.gen {
		return nil
	}
	t.collect()
	if e, ok := body.(tailEnded); ok {
		t.stop()
		t.err, t.ended, t.retry = e.err, true, 5
	}
	return nil
}

// collect shows what has come since the last beat.
func (t *appTail) collect() {
	if t.inbox == nil {
		return
	}
	lines, dropped := t.inbox.take()
	if dropped > 0 {
		t.lines.Append(ui.LogLine{Role: ui.Muted, Text: "── " + strconv.Itoa(dropped) + " lines left out: they came faster than they can be shown ──"})
	}
	add := make([]ui.LogLine, len(lines))
	for i, s := range lines {
		add[i] = ui.LogLine{Text: s}
	}
	t.lines.Append(add...)
}

func (t *appTail) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	l.Space(1).Add(ui.Heading, "LOG")
	if q := t.lines.Query(); q != "" {
		l.Space(2).Add(ui.Muted, "\""+q+"\" in "+ui.Count(t.lines.Matches(), "line"))
	}
	sign := followSign(c, t.lines)
	if t.ended {
		sign = c.theme.NewLine(w)
		sign.Add(ui.Warn, ui.Ring+" not connected").Space(1)
	}
	out := []string{l.Ends(sign).String()}
	if t.err != nil {
		for i, s := range ui.Wrap(refusal(t.err), w-6) {
			l := c.theme.NewLine(w)
			sign := ui.Cross
			if i > 0 {
				sign = " "
			}
			out = append(out, l.Space(2).Add(ui.Error, sign+" "+s).String())
		}
	}
	if t.lines.Len() == 0 {
		l := c.theme.NewLine(w)
		text := "… asking for the log"
		if t.ended {
			text = "the app has printed nothing"
			if t.err != nil {
				text = "it is asked for again in a moment"
			}
		}
		return append(out, l.Space(2).Add(ui.Muted, text).String())
	}
	return append(out, t.lines.Lines(c.theme, w, h-len(out))...)
}
