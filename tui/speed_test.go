package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
)

// crowd is a world of n apps on 32 nodes.
func crowd(n int) *scripted {
	s := newScripted()
	w := homelab()
	proto := w.Apps[2]
	w.Apps = make([]core.AppView, n)
	for i := range w.Apps {
		a := proto
		a.ID = fmt.Sprintf("gitea-%08x", i)
		a.Hostname = fmt.Sprintf("app-%05d", i)
		a.Node = fmt.Sprintf("pve%d", i%32)
		a.VMID = 100 + i
		m := *running(float64(i%97)/100, int64(100+i%900), 1024, time.Duration(i)*time.Minute)
		a.Metrics = &m
		w.Apps[i] = a
	}
	s.world = w
	return s
}

// BenchmarkCursorMove is a key and the frame that answers it, on the apps list
// at 120x36.
func BenchmarkCursorMove(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := at(b, crowd(n), look{}, []string{"2"})
			down, up := keyMsg("down"), keyMsg("up")
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				k := down
				if i/500%2 == 1 {
					k = up
				}
				c.Update(k)
				c.View()
			}
		})
	}
}

// BenchmarkKey is a key and its frame on other screens and for other keys.
func BenchmarkKey(b *testing.B) {
	for _, x := range []struct {
		name string
		keys []string
		loop []string
	}{
		{"overview", nil, []string{"down", "up"}},
		{"screens", nil, []string{"2", "1"}},
		{"catalog", []string{"3"}, []string{"down", "up"}},
		{"nodes", []string{"4"}, []string{"down", "up"}},
		{"form", []string{"3", "n"}, []string{"x", "backspace"}},
		{"palette", []string{":", "a", "p", "p"}, []string{"1", "backspace"}},
		{"marks", []string{"2", "*"}, []string{"down", "up"}},
		{"filter", []string{"2", "/"}, []string{"1", "backspace"}},
	} {
		b.Run(x.name, func(b *testing.B) {
			c := at(b, crowd(1000), look{}, x.keys)
			var msgs []tea.Msg
			for _, k := range x.loop {
				msgs = append(msgs, keyMsg(k))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c.bursts = burst{}
				c.Update(msgs[i%len(msgs)])
				c.View()
			}
		})
	}
}

// BenchmarkWorld is a new world, with an order and a filter, and its frame.
func BenchmarkWorld(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := crowd(n)
			c := at(b, s, look{}, []string{"2", "/", "p", "v", "e", "1", "enter"})
			c.page().(lister).list().SortBy(appCPU, true)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				w := *s.world
				c.Update(beatMsg{gen: c.tickGen, world: &w})
				c.View()
			}
		})
	}
}

// TestCursorMoveChangesFewLines: moving down changes the two rows and what is
// said about the selection, nothing else.
func TestCursorMoveChangesFewLines(t *testing.T) {
	c := at(t, crowd(1000), look{}, []string{"2", "down", "down"})
	before := strings.Split(c.View().Content, "\n")
	press(c, "down")
	after := strings.Split(c.View().Content, "\n")
	changed := 0
	for i := range after {
		if before[i] != after[i] {
			changed++
		}
	}
	if changed > 4 {
		t.Errorf("%d lines change", changed)
	}
}

// TestCursorMoveIsCheap: allocations do not grow with the world.
func TestCursorMoveIsCheap(t *testing.T) {
	c := at(t, crowd(10000), look{}, []string{"2"})
	down := keyMsg("down")
	if n := testing.AllocsPerRun(200, func() { c.Update(down); c.View() }); n > 350 {
		t.Errorf("%v allocations a move", n)
	}
}
