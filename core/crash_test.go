package core

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"proximity/pvesim"
)

// A server that is killed with SIGKILL is played by this test binary, started
// again as a child with what it is to do in its environment.
const childEnv = "PROXIMITY_CRASH_CHILD"

// crashChild says what the child does.
type crashChild struct {
	Data, URL, Password, Fingerprint string
	SSHPort                          int
	Deploy                           string // hostname to deploy, "" = only go on
	Catalogue                        string
	KillStep, KillWhen               string // "begin" or "end" of that step: SIGKILL
}

func TestMain(m *testing.M) {
	if raw := os.Getenv(childEnv); raw != "" {
		var c crashChild
		if err := json.Unmarshal([]byte(raw), &c); err != nil {
			panic(err)
		}
		c.run()
		return
	}
	os.Exit(m.Run())
}

// run is the server: it deploys or goes on, and prints how the job ended.
func (c crashChild) run() {
	cfg := testConfig(c.Data)
	cfg.atStep = func(_, step, when string) error {
		if step == c.KillStep && when == c.KillWhen {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}
	core, err := Open(cfg)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	ctx := context.Background()
	go func() { _ = core.Run(ctx) }()
	if len(core.liveHosts()) == 0 {
		if _, err := core.AddHost(ctx, admin, AddHostRequest{Name: "lab", URL: c.URL, User: "root@pam", Password: c.Password, SSHPort: c.SSHPort, Fingerprint: c.Fingerprint}); err != nil {
			fmt.Println("error", err)
			return
		}
	}
	changes := core.Watch(ctx)
	for core.World(admin).Hosts == nil || core.World(admin).Hosts[0].State != "online" {
		<-changes
	}
	if c.Deploy != "" {
		if _, _, err := core.DeployApp(ctx, admin, DeployRequest{CatalogID: c.Catalogue, Hostname: c.Deploy}); err != nil {
			fmt.Println("error", err)
			return
		}
	}
	list, err := core.Jobs(ctx, admin, JobFilter{})
	i := slices.IndexFunc(list, func(j JobView) bool { return j.Kind == "deploy" }) // at a full hour there are others
	if err != nil || i < 0 {
		fmt.Println("error no job", err)
		return
	}
	fmt.Println("job")
	j, err := core.FollowJob(ctx, admin, list[i].ID, func(LogLine) {})
	fmt.Println("ended", j.State, j.Error, err)
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // keeps serving until the parent has looked
}

// child is a started server process.
type child struct {
	cmd   *exec.Cmd
	lines chan string
}

func startChild(t *testing.T, c crashChild) *child {
	t.Helper()
	raw, _ := json.Marshal(c)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ch := &child{cmd: cmd, lines: make(chan string, 16)}
	go func() {
		defer close(ch.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			ch.lines <- s.Text()
		}
	}()
	t.Cleanup(ch.kill)
	return ch
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// ended waits for the line that tells how the job ended; "" if the process died
// first.
func (c *child) ended(t *testing.T) string {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				_ = c.cmd.Wait()
				return ""
			}
			if strings.HasPrefix(line, "error") || strings.HasPrefix(line, "ended") {
				return line
			}
		case <-limit:
			t.Fatal("the server neither ended its job nor died")
		}
	}
}

// whole checks what must hold after any crash: one running app, one container
// that is ours, one port that answers, a log that does not repeat steps.
func whole(t *testing.T, sim *pvesim.Cluster, data, hostname string) {
	t.Helper()
	guests := managed(sim)
	if len(guests) != 1 {
		t.Fatalf("%d containers: %+v", len(guests), guests)
	}
	r := openRig(t, testConfig(data))
	defer r.stop()
	r.until("the host answers", func() bool { return r.World(admin).Hosts[0].State == "online" })
	app, err := r.App(t.Context(), admin, hostname)
	if err != nil || app.Status != StatusRunning {
		t.Fatalf("the app is %+v, %v", app, err)
	}
	rec, _ := r.appNamed(admin, hostname)
	g := guests[0]
	if g.VMID != app.VMID || len(g.MACs) != 1 || !strings.EqualFold(g.MACs[0], rec.MAC) || !strings.Contains(g.Description, r.installation) || !strings.Contains(g.Description, app.ID) {
		t.Errorf("the container %+v is not the app's %+v", g, rec)
	}
	r.until("its page answers", func() bool { code, _, err := get(app.URL); return err == nil && code == 200 })
	lines, err := r.DeploymentLog(t.Context(), admin, hostname, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, l := range lines {
		for _, once := range []string{"created CT", "is running at"} {
			if strings.Contains(l.Text, once) {
				count[once]++
			}
		}
	}
	for text, n := range count {
		if n > 1 {
			t.Errorf("the log says %d times %q", n, text)
		}
	}
}

// TestKilledAtEveryStepOfADeploy kills a real process; the trials, which take
// the power from a core in this one, do the same for every workflow and call.
func TestKilledAtEveryStepOfADeploy(t *testing.T) {
	t.Parallel()
	var steps []string
	{
		c := &Core{}
		for _, s := range c.deployWorkflow().Steps {
			steps = append(steps, s.Name)
		}
	}
	for _, step := range steps {
		for _, when := range []string{"begin", "end"} {
			if when == "begin" && !faultsWanted() {
				continue
			}
			t.Run(step+"/"+when, func(t *testing.T) {
				t.Parallel()
				sim := startSim(t, pvesim.Options{TaskTime: 0.005})
				c := crashChild{Data: t.TempDir(), URL: sim.URL(), Password: sim.RootPassword(), Fingerprint: sim.Fingerprint(), SSHPort: sim.SSHPort(),
					Deploy: "survivor", Catalogue: "adminer", KillStep: step, KillWhen: when}
				if got := startChild(t, c).ended(t); got != "" {
					t.Fatalf("the server was not killed: %s", got)
				}
				c.Deploy, c.KillStep = "", ""
				second := startChild(t, c)
				if got := second.ended(t); !strings.HasPrefix(got, "ended succeeded") {
					t.Fatalf("after the restart: %q", got)
				}
				second.kill()
				whole(t, sim, c.Data, "survivor")
			})
		}
	}
}

// changing reports a call that changes something.
func changing(q pvesim.Request) bool {
	return (q.Method == "POST" || q.Method == "DELETE" || q.Method == "PUT") && !strings.Contains(q.Path, "/access/") || q.Method == "SSH"
}
