package jobs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"proximity/store"
)

// The test binary is also the process that is killed. Effects are lines of a file, as they would be containers on a
// host: what a step did is there whether or not the process lived to record it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("JOBS_TEST_CHILD"); dir != "" {
		victim{dir: dir, kill: os.Getenv("JOBS_TEST_KILL")}.run()
		return
	}
	os.Exit(m.Run())
}

// victim is a process that works on a job and dies at a point of it.
type victim struct{ dir, kill string }

const crashSteps = 4

func (v victim) run() {
	must := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	st, err := store.Open(filepath.Join(v.dir, "jobs.db"), store.Options{NoSync: true, Timeout: 10 * time.Second})
	must(err)
	changed := make(chan struct{}, 1)
	e := New(st, Options{Logger: quiet(), Classify: classify, Changed: func(uint64) { knock(changed) }})
	Register(e, v.workflow("deploy", nil))
	Register(e, v.workflow("doomed", errFatal))
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- e.Run(ctx) }()
	id := uint64(1)
	if _, err := e.Get(id); err != nil {
		must(st.Update(func(tx *store.Tx) error {
			j, err := e.Enqueue(tx, Spec{Kind: os.Getenv("JOBS_TEST_KIND"), Subject: "app/1"})
			id = j.ID
			return err
		}))
	}
	for {
		j, err := e.Get(id)
		must(err)
		if j.State.Ended() {
			break
		}
		if cancelling() && j.Step == 2 && j.CancelBy == "" {
			must(e.Cancel(id, "ada"))
			v.at("cancelled")
		}
		<-changed
	}
	cancel()
	must(<-stopped)
	must(st.Close())
}

func cancelling() bool { return os.Getenv("JOBS_TEST_CANCEL") != "" }

// at is a point where the process may be killed.
func (v victim) at(point string) {
	fmt.Println("at", point)
	if v.kill == point {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // no instruction after this point
	}
}

func (v victim) effect(what string) error {
	f, err := os.OpenFile(filepath.Join(v.dir, "effects"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, what)
	return err
}

func (v victim) happened(what string) (bool, error) {
	data, err := os.ReadFile(filepath.Join(v.dir, "effects"))
	if os.IsNotExist(err) {
		return false, nil
	}
	return strings.Contains("\n"+string(data), "\n"+what+"\n"), err
}

func (v victim) workflow(kind string, last error) Workflow[plan] {
	flow := Workflow[plan]{Kind: kind, Finish: func(tx *store.Tx, j Job, p *plan) error {
		n, err := ports.Next(tx)
		if err != nil {
			return err
		}
		return ports.Insert(tx, port{Number: fmt.Sprint(n), Owner: string(j.State)})
	}}
	for i := range crashSteps {
		name := fmt.Sprint("s", i)
		flow.Steps = append(flow.Steps, Step[plan]{
			Name: name, Title: "Step " + name,
			Do: func(ctx context.Context, r *Run[plan]) error {
				v.at(name + " begin")
				if i == 2 && cancelling() {
					<-ctx.Done()
					return ctx.Err()
				}
				r.Data.Name = "about to do " + name
				if err := r.Save(); err != nil {
					return err
				}
				v.at(name + " intent")
				if err := v.effect("+" + name); err != nil {
					return err
				}
				v.at(name + " effect")
				r.Data.Made = append(r.Data.Made, name)
				if err := r.Save(); err != nil {
					return err
				}
				v.at(name + " saved")
				if i == crashSteps-1 {
					return last
				}
				return nil
			},
			Observe: func(ctx context.Context, r *Run[plan]) (bool, error) {
				v.at(name + " observe")
				done, err := v.happened("+" + name)
				if done && i == crashSteps-1 && last != nil {
					return false, last
				}
				return done, err
			},
			Undo: func(ctx context.Context, r *Run[plan]) error {
				v.at(name + " undo")
				if gone, err := v.happened("-" + name); gone || err != nil {
					return err
				}
				if done, err := v.happened("+" + name); !done || err != nil {
					return err
				}
				if err := v.effect("-" + name); err != nil {
					return err
				}
				v.at(name + " undone")
				return nil
			},
		})
	}
	return flow
}

// start begins the process; kill "" lets it live.
func (v victim) start(t *testing.T, kind string, cancel bool) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOBS_TEST_CHILD="+v.dir, "JOBS_TEST_KILL="+v.kill, "JOBS_TEST_KIND="+kind)
	if cancel {
		cmd.Env = append(cmd.Env, "JOBS_TEST_CANCEL=1")
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// check looks at what is left when the job has ended: each effect once, one Finish, a log that tells what happened.
func (v victim) check(t *testing.T, want State, made, undone int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(v.dir, "effects"))
	if err != nil && made > 0 {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, line := range strings.Fields(string(data)) {
		count[line]++
	}
	for i := range crashSteps {
		do, undo := count[fmt.Sprint("+s", i)], count[fmt.Sprint("-s", i)]
		if do != b2i(i < made) || undo != b2i(i < undone) {
			t.Errorf("s%d was done %d times and undone %d times:\n%s", i, do, undo, data)
		}
	}
	st, err := store.Open(filepath.Join(v.dir, "jobs.db"), store.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	e := New(st, Options{})
	j, err := e.Get(1)
	if err != nil || j.State != want {
		t.Errorf("%+v, %v, want %s", j, err, want)
	}
	err = st.View(func(tx *store.Tx) error {
		for p, err := range ports.All(tx) {
			if err != nil || p.Owner != string(want) {
				t.Errorf("finished as %s, %v", p.Owner, err)
			}
		}
		if n := ports.Count(tx); n != 1 {
			t.Errorf("finished %d times", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	lines, err := e.Log(1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	began := map[string]int{}
	for i, l := range lines {
		if l.Seq != uint64(i)+1 {
			t.Errorf("line %d has number %d", i+1, l.Seq)
		}
		if strings.HasPrefix(l.Text, "Step ") {
			began[l.Step]++
		}
	}
	for _, s := range j.Steps {
		if n := began[s.Name]; n != b2i(s.State != StepSkipped) {
			t.Errorf("the log says %d times that %s began, which is %s", n, s.Name, s.State)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestKilledAtAnyPointAJobDoesEverythingOnce(t *testing.T) {
	points := map[string][]string{"deploy": nil, "doomed": nil}
	for i := range crashSteps {
		for _, p := range []string{"begin", "intent", "effect", "saved"} {
			points["deploy"] = append(points["deploy"], fmt.Sprintf("s%d %s", i, p))
		}
		for _, p := range []string{"undo", "undone"} {
			points["doomed"] = append(points["doomed"], fmt.Sprintf("s%d %s", i, p))
		}
	}
	for kind, at := range points {
		for _, kill := range at {
			t.Run(kind+" "+kill, func(t *testing.T) {
				t.Parallel()
				v := victim{dir: t.TempDir(), kill: kill}
				cmd, out := v.start(t, kind, false)
				for out.Scan() {
				}
				if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("it was not killed at %q: %v", kill, err)
				}
				v.kill = ""
				v.finish(t, kind)
				if kind == "deploy" {
					v.check(t, Succeeded, crashSteps, 0)
				} else {
					v.check(t, Failed, crashSteps, crashSteps)
				}
			})
		}
	}
}

// finish lets the process live to the end of the job.
func (v victim) finish(t *testing.T, kind string) {
	t.Helper()
	cmd, out := v.start(t, kind, false)
	var said []string
	for out.Scan() {
		said = append(said, out.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("after the restart: %v\n%s", err, strings.Join(said, "\n"))
	}
}

func TestKilledAgainAndAgainAJobStillGetsThere(t *testing.T) {
	for kind, want := range map[string]State{"deploy": Succeeded, "doomed": Failed} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v := victim{dir: t.TempDir()}
			for round := 0; ; round++ {
				// Killed from outside, after a few signs of life, wherever it then is.
				cmd, out := v.start(t, kind, false)
				for n := 0; out.Scan(); n++ {
					if n == round%3+1 {
						_ = cmd.Process.Kill()
					}
				}
				if cmd.Wait() == nil {
					break
				}
				if round > 100 {
					t.Fatal("it does not get on")
				}
			}
			if want == Failed {
				v.check(t, want, crashSteps, crashSteps)
			} else {
				v.check(t, want, crashSteps, 0)
			}
		})
	}
}

func TestACancelThatWasPromisedOutlivesACrash(t *testing.T) {
	v := victim{dir: t.TempDir(), kill: "cancelled"}
	cmd, out := v.start(t, "deploy", true)
	for out.Scan() {
	}
	if cmd.Wait() == nil {
		t.Fatal("it was not killed")
	}
	v.kill = ""
	v.finish(t, "deploy")
	v.check(t, Cancelled, 2, 2)
}
