package docker

import (
	"fmt"
	"strconv"
	"time"

	"proximity/pvesim/machine/unix"
)

type logOptions struct {
	follow, timestamps bool
	tail               int // -1 = all
	since              time.Time
}

func parseLogOptions(o options, now time.Time) logOptions {
	l := logOptions{follow: o.has("follow"), timestamps: o.has("timestamps"), tail: -1}
	if n, err := strconv.Atoi(o.set["tail"]); err == nil {
		l.tail = n
	}
	if d, err := time.ParseDuration(o.set["since"]); err == nil {
		l.since = now.Add(-d)
	} else if t, err := time.Parse(time.RFC3339, o.set["since"]); err == nil {
		l.since = t
	}
	return l
}

// follow prints the logs of containers in the order of time; with follow, until all have ended or the process must.
func (e *Engine) follow(p *unix.Proc, list []*Container, o logOptions, prefix func(*Container, LogLine) string) {
	type place struct {
		at    time.Time
		count int // lines with that time printed
	}
	printed := map[*Container]place{}
	emit := func(c *Container, l LogLine) {
		out := p.Stdout()
		if l.Stderr && prefix(c, l) == "" {
			out = p.Stderr()
		}
		text := prefix(c, l)
		if o.timestamps {
			text += l.At.UTC().Format("2006-01-02T15:04:05.000000000Z") + " "
		}
		fmt.Fprintf(out, "%s%s\n", text, l.Text)
	}
	for first := true; ; first = false {
		e.mu.Lock()
		changed := e.changed
		alive := false
		type entry struct {
			c *Container
			l LogLine
		}
		var fresh []entry
		for _, c := range list {
			alive = alive || e.running[c.ID] != nil
			seen := printed[c]
			var lines []LogLine
			same := 0
			for _, l := range c.Log {
				if l.At.Before(seen.at) || l.At.Before(o.since) {
					continue
				}
				if l.At.Equal(seen.at) {
					if same++; same <= seen.count {
						continue
					}
				}
				lines = append(lines, l)
			}
			if first && o.tail >= 0 && len(lines) > o.tail {
				lines = lines[len(lines)-o.tail:]
			}
			for _, l := range lines {
				fresh = append(fresh, entry{c, l})
			}
			if len(c.Log) > 0 {
				last := place{at: c.Log[len(c.Log)-1].At}
				for _, l := range c.Log {
					if l.At.Equal(last.at) {
						last.count++
					}
				}
				printed[c] = last
			}
		}
		e.mu.Unlock()
		for i := 1; i < len(fresh); i++ { // merge by time, stable
			for j := i; j > 0 && fresh[j].l.At.Before(fresh[j-1].l.At); j-- {
				fresh[j], fresh[j-1] = fresh[j-1], fresh[j]
			}
		}
		for _, f := range fresh {
			emit(f.c, f.l)
		}
		if !o.follow || !alive {
			return
		}
		select {
		case <-changed:
		case <-p.Context().Done():
			return
		}
	}
}

func (e *Engine) cmdLogs(p *unix.Proc, args []string) int {
	o := parseFlags(args, "tail since until", map[string]string{"f": "follow", "t": "timestamps", "n": "tail"}, false)
	c, code := e.one(p, first(o.rest))
	if c == nil {
		return code
	}
	e.follow(p, []*Container{c}, parseLogOptions(o, p.K.Now()), func(*Container, LogLine) string { return "" })
	return 0
}
