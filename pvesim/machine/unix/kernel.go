// Package unix is a small simulated Unix: processes, descriptors, pipes and signals over a file system in memory.
package unix

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"proximity/pvesim/machine/vfs"
)

// Program is what an executable file does: it runs to its end and returns the exit code.
type Program func(p *Proc) int

// Kernel runs processes between Begin and Stop.
type Kernel struct {
	FS       *vfs.FS
	Programs map[string]Program // by the name in an executable file's content, see Binary
	Shell    Program            // runs scripts: files that are text
	Hostname func() string
	Now      func() time.Time
	TaskTime float64 // factor on every duration

	mu      sync.Mutex
	procs   map[int]*Proc
	nextPID int
	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
}

const magic = "\x7fELF\x02\x01\x01\x00"

// Binary is the content of an executable file that runs the named program.
func Binary(program string) []byte { return []byte(magic + program) }

// Begin lets processes run; false if they already do.
func (k *Kernel) Begin() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.end != nil {
		return false
	}
	k.life, k.end = context.WithCancel(context.Background())
	k.procs = map[int]*Proc{}
	k.nextPID = 300 // below are the services
	return true
}

// Stop kills every process and waits until the last has ended.
func (k *Kernel) Stop() {
	k.mu.Lock()
	if k.end == nil {
		k.mu.Unlock()
		return
	}
	k.end()
	k.end = nil
	k.mu.Unlock()
	k.running.Wait()
}

// Life ends when the kernel stops.
func (k *Kernel) Life() context.Context {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.life
}

// Scale turns a duration inside into a real one. However fast time runs, a pause is a pause: others get their turn.
func (k *Kernel) Scale(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return max(time.Duration(float64(d)*k.TaskTime), min(d, time.Millisecond))
}

// Sleep waits for a scaled duration or for ctx.
func (k *Kernel) Sleep(ctx context.Context, d time.Duration) error {
	real := k.Scale(d)
	if real <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(real)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Go runs f until it returns; Stop waits for it. f must end when ctx does. It does nothing on a stopped kernel.
func (k *Kernel) Go(f func(ctx context.Context)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.end == nil {
		return
	}
	life := k.life
	k.running.Add(1)
	go func() {
		defer k.running.Done()
		f(life)
	}()
}

// Spec says how a first process starts; children come from Proc.Fork.
type Spec struct {
	Args []string
	Env  map[string]string
	Dir  string
	Root string
	// Files are descriptors 0, 1, 2 …; nil entries are closed ones. The process takes them over.
	Files []*File
}

// Launch starts a process without parent.
func (k *Kernel) Launch(s Spec) (*Proc, error) {
	p := &Proc{K: k, Env: map[string]string{}, Dir: s.Dir, Root: s.Root, Umask: 0o022, fds: map[int]*File{}, done: make(chan struct{})}
	p.Become(s.Args)
	for key, value := range s.Env {
		p.Env[key] = value
	}
	for fd, f := range s.Files {
		if f != nil {
			p.fds[fd] = f
		}
	}
	return p, k.admit(p)
}

func (k *Kernel) admit(p *Proc) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.end == nil {
		return fmt.Errorf("the machine is halted")
	}
	k.nextPID++
	p.PID = k.nextPID
	if p.Group == 0 {
		p.Group = p.PID
	}
	p.Started = k.Now()
	p.ctx, p.cancel = context.WithCancelCause(k.life)
	k.procs[p.PID] = p
	return nil
}

func (k *Kernel) reap(p *Proc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.procs, p.PID)
}

// Find returns a live process.
func (k *Kernel) Find(pid int) *Proc {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.procs[pid]
}

// Procs lists the live processes by PID.
func (k *Kernel) Procs() []*Proc {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]*Proc, 0, len(k.procs))
	for _, p := range k.procs {
		list = append(list, p)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].PID < list[j].PID })
	return list
}

// program tells what an executable file runs; a script's interpreter gets the file as its argument.
func (k *Kernel) program(file string, argv []string, shown string) (Program, []string, error) {
	content, err := k.FS.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	if name, ok := bytes.CutPrefix(content, []byte(magic)); ok {
		if run := k.Programs[string(name)]; run != nil {
			return run, argv, nil
		}
		return nil, nil, fmt.Errorf("%s: Exec format error", file)
	}
	return k.Shell, append([]string{"sh", shown}, argv[1:]...), nil
}

// Abs makes name absolute under dir.
func Abs(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return path.Clean(name)
	}
	return path.Join("/", dir, name)
}
