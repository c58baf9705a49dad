package screen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// table is a view with a thousand rows, one of them selected.
type table struct{ at, w, h int }

func (t *table) view() string {
	selected := lipgloss.NewStyle().Reverse(true)
	top := max(0, t.at-t.h/2)
	var b strings.Builder
	for y := range t.h {
		row := fmt.Sprintf(" web-%05d  running  pve%d  %3d%%  10.0.%d.%d", top+y, y%3, y*7%100, y, top%250)
		row += strings.Repeat(" ", t.w-len(row))
		if top+y == t.at {
			row = selected.Render(row)
		}
		b.WriteString(row)
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// cpu is the time this process has worked.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A key that moves a selection by one row, from its bytes to the frame's.
func BenchmarkKey(b *testing.B) {
	tab := &table{w: 120, h: 36}
	frames := make(chan int, 1)
	r, w := io.Pipe()
	term := Terminal{In: r, Out: counting(frames), Size: Size{tab.w, tab.h}, Profile: colorprofile.ANSI256}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, err := Run(ctx, term, func(*Screen) tea.Model {
			return &model{
				update: func(msg tea.Msg) tea.Cmd {
					if _, ok := msg.(tea.KeyPressMsg); ok {
						tab.at = (tab.at + 1) % 1000
					}
					return nil
				},
				view: func() tea.View { return tea.NewView(tab.view()) },
			}
		})
		ended <- err
	}()
	first := <-frames
	var sent int
	began := cpu(b)
	for b.Loop() {
		_, _ = io.WriteString(w, "j")
		sent += <-frames
	}
	used := (cpu(b) - began) / time.Duration(b.N)
	b.ReportMetric(float64(first), "B/first")
	b.ReportMetric(float64(sent)/float64(b.N), "B/key")
	b.ReportMetric(float64(used.Microseconds()), "µs-cpu/key")
	if b.N > 100 && used > time.Millisecond {
		b.Errorf("a key takes %v of a processor, more than 1 ms", used)
	}
	cancel()
	_ = w.Close()
	<-ended
}

// counting is a terminal that tells the size of each frame.
type counting chan int

func (c counting) Write(p []byte) (int, error) {
	c <- len(p)
	return len(p), nil
}

// Two lines of a table change.
func BenchmarkDraw(b *testing.B) {
	tab := &table{w: 120, h: 36}
	l := lines{size: Size{tab.w, tab.h}, profile: colorprofile.ANSI256, method: ansi.GraphemeWidth}
	frames := []string{tab.view(), ""}
	tab.at = 1
	frames[1] = tab.view()
	var out bytes.Buffer
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		out.Reset()
		l.draw(&out, frames[i%2])
		i++
	}
}

// What a session holds while nobody does anything.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 100
	for b.Loop() {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, sessions)
		for range sessions {
			frames := make(chan int, 1)
			tab := &table{w: 120, h: 36}
			r, _ := io.Pipe()
			go func() {
				_, err := Run(ctx, Terminal{In: r, Out: counting(frames), Size: Size{tab.w, tab.h}, Profile: colorprofile.ANSI256}, func(*Screen) tea.Model {
					return &model{view: func() tea.View { return tea.NewView(tab.view()) }}
				})
				_ = r.Close()
				ended <- err
			}()
			<-frames
			go func() {
				for range frames {
				}
			}()
			context.AfterFunc(ctx, func() { _ = r.Close() })
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/sessions/1024, "kB-heap/session")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/sessions/1024, "kB-stack/session")
		cancel()
		for range sessions {
			<-ended
		}
	}
}
