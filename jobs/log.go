package jobs

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"proximity/store"
)

const (
	flushEvery  = 200 * time.Millisecond
	maxLines    = 10_000  // of one job; only warnings and errors come after them
	hardMax     = 12_000  // and nothing after these, but what the engine itself says
	maxLineText = 4 << 10 // bytes
)

// book is the part of a job's log that is not stored yet. A line becomes visible when it gets its number; readers go
// by the numbers, so no line may get one that is smaller than a visible one's. That is why lines that come during a
// commit (whose own lines become visible with it) and during a look that may come to nothing are staged.
// It is guarded by live.mu.
type book struct {
	last   uint64    // number of the newest visible line
	lines  []LogLine // visible, not stored
	staged []LogLine // not visible
	busy   bool      // a commit is going on
}

// add stages a line.
func (b *book) add(line LogLine) {
	if len(line.Text) > maxLineText {
		cut := maxLineText
		for cut > 0 && !utf8.RuneStart(line.Text[cut]) {
			cut--
		}
		line.Text = line.Text[:cut] + "…"
	}
	line.Text = strings.ToValidUTF8(line.Text, "\uFFFD")
	switch n := b.last + uint64(len(b.staged)); {
	case n >= hardMax:
		return
	case n == maxLines:
		line.Level, line.Text = Warning, "the log is full: from here on only warnings and errors are kept"
	case n > maxLines && line.Level == Info:
		return
	}
	b.staged = append(b.staged, line)
}

// release makes staged lines visible.
func (b *book) release() {
	for _, line := range b.staged {
		b.last++
		line.Seq = b.last
		b.lines = append(b.lines, line)
	}
	b.staged = nil
}

// close ends a commit.
func (b *book) close(probing bool) {
	b.busy = false
	if !probing {
		b.release()
	}
}

func (b *book) unwritten() []LogLine { return append([]LogLine(nil), b.lines...) }

// written forgets lines that are stored now.
func (b *book) written(lines []LogLine) {
	if len(lines) == 0 {
		return
	}
	upTo := lines[len(lines)-1].Seq
	b.last = max(b.last, upTo)
	for len(b.lines) > 0 && b.lines[0].Seq <= upTo {
		b.lines = b.lines[1:]
	}
}

// flushLoop stores lines soon after they come, all jobs' together.
func (e *Engine) flushLoop(ctx context.Context) {
	pause := flushEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.dirty:
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		pause = flushEvery
		if !e.flush() {
			pause = e.o.WaitEvery
			knock(e.dirty)
		}
	}
}

// flush stores all visible lines, and reports false when the store would not have them.
func (e *Engine) flush() bool {
	e.mu.Lock()
	all := make([]*live, 0, len(e.live))
	for _, l := range e.live {
		all = append(all, l)
	}
	e.mu.Unlock()
	pending := map[*live][]LogLine{}
	for _, l := range all {
		l.mu.Lock()
		if len(l.book.lines) > 0 {
			pending[l] = l.book.unwritten()
		}
		l.mu.Unlock()
	}
	if len(pending) == 0 {
		return true
	}
	err := e.store.Batch(func(tx *store.Tx) error {
		for _, lines := range pending {
			for _, line := range lines {
				// A commit may have stored it in between: it is the same line.
				if err := lineTable.Put(tx, line); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		e.o.Logger.Error("job logs cannot be stored", "error", err)
		return false
	}
	for l, lines := range pending {
		l.mu.Lock()
		l.book.written(lines)
		l.mu.Unlock()
	}
	return true
}

func lastSeq(tx *store.Tx, job uint64) (uint64, error) {
	for line, err := range lineTable.BackwardsFrom(tx, lineKey(job+1, 0)) {
		if err != nil || line.Job != job {
			return 0, err
		}
		return line.Seq, nil
	}
	return 0, nil
}

// Log returns up to limit lines of a job's log whose Seq is greater than after, in order; limit 0 means all. Lines
// that are not stored yet are among them. An unknown job has no lines.
func (e *Engine) Log(id, after uint64, limit int) ([]LogLine, error) {
	var fresh []LogLine
	e.mu.Lock()
	l := e.live[id]
	e.mu.Unlock()
	if l != nil { // before the store: a line that is stored in between is then in both, not in none
		l.mu.Lock()
		fresh = l.book.unwritten()
		l.mu.Unlock()
	}
	var lines []LogLine
	full := func() bool { return limit > 0 && len(lines) >= limit }
	err := e.store.View(func(tx *store.Tx) error {
		for line, err := range lineTable.From(tx, lineKey(id, after+1)) {
			if err != nil {
				return err
			}
			if line.Job != id || full() {
				break
			}
			lines = append(lines, line)
			after = line.Seq
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, line := range fresh {
		if line.Seq > after && !full() {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
