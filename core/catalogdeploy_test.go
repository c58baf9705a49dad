package core

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"proximity/core/catalog"
	"proximity/pvesim"
)

// appsAtOnce is how many apps are deployed at a time: enough to keep both cores busy.
const appsAtOnce = 8

// TestEveryAppDeploys sends every app of the catalogue through the whole deploy, on a simulated cluster: containers,
// docker, compose files, variables, healthchecks, probes and ports are as they would be, but no image runs.
// PROXIMITY_CATALOG=1 does all of them, a list of ids some.
func TestEveryAppDeploys(t *testing.T) {
	t.Parallel()
	which := os.Getenv("PROXIMITY_CATALOG")
	if which == "" {
		t.Skip("make test-catalog runs it")
	}
	sim := startSim(t, pvesim.Options{TaskTime: 0.002, Nodes: 4, NodeMemoryMB: 512 << 10, NodeDiskGB: 20000})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	room := make(chan bool, appsAtOnce)
	var apps sync.WaitGroup
	n, began := 0, time.Now()
	for _, m := range r.catalogue.Load().All() {
		if which != "1" && !strings.Contains(","+which+",", ","+m.ID+",") {
			continue
		}
		n++
		apps.Go(func() {
			room <- true
			defer func() { <-room }()
			for _, fault := range r.tryApp(m) {
				t.Errorf("%s: %s", m.ID, fault)
			}
		})
	}
	apps.Wait()
	t.Logf("%d apps went through the whole deploy in %s; no image ran", n, time.Since(began).Round(time.Second))
}

// tryApp deploys an app with the least that must be given, looks at it, and deletes it.
func (r *rig) tryApp(m *catalog.Manifest) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	req := DeployRequest{CatalogID: m.ID, Hostname: "try-" + m.ID, Values: map[string]string{}}
	for _, f := range m.Fields {
		if f.Required && f.Generate == nil {
			req.Values[f.Key] = f.Sample()
		}
	}
	app, job, err := r.DeployApp(r.t.Context(), admin, req)
	if err != nil {
		fault("it is refused: %v", err)
		return faults
	}
	if j := r.end(job.ID); j.State != "succeeded" {
		fault("the deploy ended %s: %s", j.State, j.Error)
		lines, _ := r.JobLog(r.t.Context(), admin, job.ID, 0, 0)
		for _, l := range lines[max(len(lines)-12, 0):] {
			fault("  %s %s", l.Step, l.Text)
		}
		return faults
	}
	if app, err = r.App(r.t.Context(), admin, app.ID); err != nil || app.Status != StatusRunning {
		fault("it is %s, %v", app.Status, err)
	}
	if m.Access.Kind == "web" && m.Access.Scheme == "http" {
		if code, _, err := get(app.URL); err != nil || code != 200 {
			fault("%s answers %d, %v", app.URL, code, err)
		}
	}
	if text := r.look(app.ID); text != "600\n" {
		fault("docker compose and the mode of .env say %q", text)
	}
	j, err := r.DoApp(r.t.Context(), admin, DeleteApp, app.ID)
	if err != nil {
		fault("the delete is refused: %v", err)
	} else if j = r.end(j.ID); j.State != "succeeded" {
		fault("the delete ended %s: %s", j.State, j.Error)
	}
	return faults
}

// look has docker compose read the app's files in its container, which names variables that have no value, and tells the
// mode of .env.
func (r *rig) look(id string) string {
	rec, err := r.appNamed(admin, id)
	if err != nil {
		return err.Error()
	}
	l, err := r.liveHost(rec.Host)
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	if _, err := l.client.Exec(r.t.Context(), rec.Node, rec.VMID, compose(rec)+"config --quiet; stat -c %a .env", &out); err != nil {
		return err.Error()
	}
	return out.String()
}
