package pvesim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// task is one worker of a node. The cluster's lock guards it, but for what never changes.
type task struct {
	c      *Cluster
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	node   *node
	fail   string      // text it is to fail with, from a fault
	stall  *armedFault // that has it stand still once; nil for none

	UPID   string   `json:"upid"`
	Node   string   `json:"node"`
	PID    uint32   `json:"pid"`
	PStart uint64   `json:"pstart"`
	Start  int64    `json:"start"`
	End    int64    `json:"end"`
	Type   string   `json:"type"`
	ID     string   `json:"id"`
	Who    identity `json:"who"`
	Exit   string   `json:"exit"` // "" while it runs
	Log    []string `json:"log"`

	warnings int
	killed   bool
}

// taskList is every task that is still known, oldest first.
type taskList struct {
	byUPID map[string]*task
	order  []*task
}

const keptTasks = 2000

// Exit texts of tasks that did not come to their own end.
const (
	exitUnexpected = "unexpected status"
	exitInterrupt  = "received interrupt"
)

var errInterrupted = errors.New(exitInterrupt)

func (l *taskList) add(t *task) {
	if l.byUPID == nil {
		l.byUPID = map[string]*task{}
	}
	l.byUPID[t.UPID] = t
	l.order = append(l.order, t)
	for i := 0; len(l.order) > keptTasks && i < len(l.order); i++ {
		if old := l.order[i]; old.Exit != "" {
			delete(l.byUPID, old.UPID)
			l.order = append(l.order[:i], l.order[i+1:]...)
			i--
		}
	}
}

// abandon ends the tasks of a node that went away, as a reboot does.
func (l *taskList) abandon(node string, now time.Time) {
	for _, t := range l.order {
		if t.Node == node && t.Exit == "" {
			t.Exit, t.End, t.killed = exitUnexpected, now.Unix(), true
			t.cancel()
		}
	}
}

// spawn starts a worker for the call and returns its UPID. work runs without the cluster's lock; its error becomes the
// exit status.
func (q *call) spawn(kind, id string, work func(*task) error) string {
	var fail string
	var stall *armedFault
	if q.fault != nil && q.fault.verb == "fail-task" {
		fail = q.fault.text
	}
	if q.fault != nil && q.fault.verb == "stall-task" {
		stall = q.fault
	}
	return q.Cluster.spawn(q.node, kind, id, q.who, fail, stall, work).UPID
}

func (c *Cluster) spawn(n *node, kind, id string, who identity, fail string, stall *armedFault, work func(*task) error) *task {
	n.nextID++
	now := c.now()
	uptime := max(now.Sub(n.booted), 0)
	t := &task{
		c: c, node: n, fail: fail, stall: stall, done: make(chan struct{}),
		Node: n.Name, PID: 0x3e8 + n.nextID, PStart: uint64(uptime/(10*time.Millisecond)) + uint64(n.nextID), Start: now.Unix(), Type: kind, ID: id, Who: who,
	}
	t.UPID = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", n.Name, t.PID, t.PStart, t.Start, kind, id, who)
	t.ctx, t.cancel = context.WithCancel(c.ctx)
	c.tasks.add(t)
	c.wg.Go(func() { t.run(work) })
	return t
}

func (t *task) run(work func(*task) error) {
	defer close(t.done)
	defer t.cancel()
	err := work(t)
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.c.ctx.Err() != nil || t.killed && t.Exit != "" {
		return
	}
	defer func() {
		select {
		case t.c.changed <- struct{}{}:
		default: // a save is due already
		}
	}()
	t.End = t.c.now().Unix()
	switch {
	case err != nil && t.killed && errors.Is(err, errInterrupted):
		t.Exit = exitUnexpected
	case err != nil:
		text := strings.TrimRight(err.Error(), "\n")
		t.Log = append(t.Log, strings.Split("TASK ERROR: "+text, "\n")...)
		t.Exit = strings.ReplaceAll(text, "\n", " ")
	case t.warnings > 0:
		t.Exit = fmt.Sprintf("WARNINGS: %d", t.warnings)
		t.Log = append(t.Log, "TASK "+t.Exit)
	default:
		t.Exit = "OK"
		t.Log = append(t.Log, "TASK OK")
	}
}

// logf adds a line to the task's log.
func (t *task) logf(format string, args ...any) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.Log = append(t.Log, strings.Split(fmt.Sprintf(format, args...), "\n")...)
}

// sleep takes a real duration at the simulation's speed. It fails when the task is interrupted, or when a fault wants
// the task to fail: then after half of the time.
func (t *task) sleep(d time.Duration) error {
	if stall := t.stall; stall != nil {
		t.stall = nil
		if !stall.stalls(t.ctx) {
			return errInterrupted
		}
	}
	if t.fail != "" {
		d /= 2
	}
	if !t.c.pause(t.ctx, d) {
		return errInterrupted
	}
	if t.fail != "" {
		return errors.New(t.fail)
	}
	return nil
}

// locked runs f with the cluster's lock.
func (t *task) locked(f func()) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	f()
}

// lockedErr runs f with the cluster's lock.
func (t *task) lockedErr(f func() error) error {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return f()
}

// await waits for a task's end.
func (t *task) await(ctx context.Context) error {
	select {
	case <-t.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.Exit != "OK" && !strings.HasPrefix(t.Exit, "WARNINGS") {
		return errors.New(t.Exit)
	}
	return nil
}
