package core

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
)

// The scripts that run inside containers.
var (
	//go:embed scripts/docker_alpine.sh
	dockerAlpine string
	//go:embed scripts/docker_debian.sh
	dockerDebian string
	//go:embed scripts/ready.sh
	readyScript string
)

// script runs a script of this job inside the container, once per attempt. What
// it leaves there is named for the job: a container may outlive it, be cloned
// and be restored.
func (d *work[D]) script(ctx context.Context, name, script string) (exit int, tail []string, err error) {
	file := d.file(name)
	if n := d.rec.Tried[name]; n > 0 {
		file += "." + strconv.Itoa(n)
	}
	var m meter
	return d.c.inside(ctx, d.host, d.app, file, script, func(line string) { d.say(&m, line) })
}

// file names what a script of this job leaves inside a container.
func (d *work[D]) file(name string) string {
	j := d.Job()
	return fmt.Sprintf("%d-%x-%s", j.ID, j.Created.Unix(), name)
}

// again makes the next run of a script a new one, after it failed.
func (d *work[D]) again(name string) error {
	if d.rec.Tried == nil {
		d.rec.Tried = map[string]int{}
	}
	d.rec.Tried[name]++
	return d.Save()
}

// must runs a script and turns its failure into an error; again says that
// another try may help.
func (d *work[D]) must(ctx context.Context, name, what, script string, again bool) error {
	exit, tail, err := d.script(ctx, name, script)
	if err != nil || exit == 0 {
		return err
	}
	err = scriptError(what, exit, tail)
	if e := d.again(name); e != nil {
		return e
	}
	if again && !errors.Is(err, pve.ErrNoSpace) && !errors.Is(err, pve.ErrAppArmor) {
		return passing{err}
	}
	return err
}

func (d *work[D]) dockerSetup(ctx context.Context) error {
	if err := d.needs(ctx); err != nil {
		return err
	}
	script := dockerAlpine
	if d.app.OS == "debian" {
		script = dockerDebian
	}
	return d.must(ctx, "docker_setup", "installing docker", script, true)
}

// apparmorLines is the documented answer to the AppArmor fault of late 2025:
// since a runc update no container starts in an unprivileged container under
// the default profile (opencontainers/runc#4968).
var apparmorLines = []string{
	"lxc.apparmor.profile: unconfined",
	"lxc.mount.entry: /dev/null sys/module/apparmor/parameters/enabled none bind 0 0",
}

// helloWorld runs a first container; what it says is of interest only when it
// cannot.
const helloWorld = "docker run --rm hello-world >/dev/null && echo a container starts"

// preflight proves that a container really starts inside.
func (d *deploying) preflight(ctx context.Context) error {
	err := d.must(ctx, "preflight", "starting a first container inside CT "+strconv.Itoa(d.app.VMID), helloWorld, true)
	if !errors.Is(err, pve.ErrAppArmor) {
		return err
	}
	hint := &Error{Kind: ErrFailed, Text: fmt.Sprintf("AppArmor on %s keeps docker from starting containers in CT %d", d.app.Node, d.app.VMID),
		Hint: "add to /etc/pve/lxc/" + strconv.Itoa(d.app.VMID) + ".conf: " + strings.Join(apparmorLines, " and "), Err: pve.ErrAppArmor}
	if d.Data.AppArmor {
		return hint
	}
	d.Logf(jobs.Warning, "AppArmor on %s keeps docker from starting containers: changing the profile of CT %d", d.app.Node, d.app.VMID)
	if err := d.host.client.AppendRawConfig(ctx, d.app.Node, d.app.VMID, apparmorLines); err != nil {
		hint.Text += "; its profile could not be changed: " + SafeText(err.Error(), 200)
		return hint
	}
	d.Data.AppArmor = true
	if err := d.Save(); err != nil {
		return err
	}
	if err := d.reboot(ctx); err != nil {
		return err
	}
	if err := d.must(ctx, "docker_again", "starting docker again", dockerUp, true); err != nil {
		return err
	}
	return d.must(ctx, "preflight", "starting a first container inside CT "+strconv.Itoa(d.app.VMID), helloWorld, false)
}

// dockerUp waits for docker to answer, which it does some time after the boot.
const dockerUp = "for i in $(seq 60); do docker info >/dev/null 2>&1 && exit 0; sleep 1; done; exit 1"

// reboot stops and starts the container, and reads its address again.
func (d *work[D]) reboot(ctx context.Context) error {
	upid, err := d.host.client.Shutdown(ctx, d.app.Node, d.app.VMID, time.Minute, true)
	if err == nil {
		d.rec.StopTask = upid
		err = d.wait(ctx, &d.rec.StopTask, "restart the container")
	}
	if err := ignore(err, pve.ErrNotRunning); err != nil {
		return err
	}
	d.rec.StartTask = ""
	if err := d.start(ctx); err != nil {
		return err
	}
	return d.network(ctx)
}

// appsDir is where the folders of apps are inside a container.
const appsDir = "/opt/proximity"

// appDir is where an app's files are inside its container.
func appDir(a app) string { return path.Join(appsDir, a.ID) }

// compose is the start of every compose command of an app.
func compose(a app) string { return composeIn(appDir(a), a) }

// composeIn is the same with the files of another folder.
func composeIn(dir string, a app) string {
	return "cd " + pve.Quote(dir) + " && docker compose --project-name " + pve.Quote(a.CatalogID) + " --file compose.json --env-file .env "
}

// appDeploy puts the app's files in place, pulls its images and starts it.
func (d *work[D]) appDeploy(ctx context.Context) error {
	files, err := d.c.render(d.app, d.manifest)
	if err != nil {
		return err
	}
	if err := d.putFiles(ctx, files); err != nil {
		return err
	}
	if err := d.must(ctx, "pull", "pulling the images", compose(d.app)+"pull", true); err != nil {
		return err
	}
	d.Progress(1, "starting")
	return d.up(ctx, "up", d.manifest)
}

// up starts the app's services, and makes those anew whose description is
// another than before; under the name of a script.
func (d *work[D]) up(ctx context.Context, name string, m *catalog.Manifest, flags ...string) error {
	wait := int(m.Ready().Timeout.Seconds())
	command := append([]string{"up --detach --wait --wait-timeout", strconv.Itoa(max(wait, 60))}, flags...)
	return d.must(ctx, name, "starting the app", compose(d.app)+strings.Join(command, " "), false)
}

// ready waits for the manifest's probe, and looks at every service again:
// `up --wait` calls a crash-looping one without a healthcheck healthy.
func (d *work[D]) ready(ctx context.Context) error { return d.answers(ctx, "ready", d.manifest) }

// answers is the same by another manifest, under the name of a script.
func (d *work[D]) answers(ctx context.Context, name string, m *catalog.Manifest) error {
	p := m.Ready()
	codes := make([]string, 0, len(p.Status))
	for _, s := range p.Status {
		codes = append(codes, strconv.Itoa(s))
	}
	set := fmt.Sprintf("kind=%s\nscheme=%s\nport=%d\npath=%s\ncodes=%s\nlimit=%d\n", pve.Quote(p.Type), pve.Quote(p.Scheme), p.Port, pve.Quote(cmp.Or(p.Path, "/")),
		pve.Quote(strings.Join(codes, " ")), max(int(p.Timeout.Seconds()), 60))
	set += "compose() { " + compose(d.app) + "\"$@\"; }\n"
	d.Progress(0, "waiting for "+probeTitle(p))
	if err := d.must(ctx, name, m.Name, set+readyScript, false); err != nil {
		return err
	}
	return d.services(ctx)
}

func probeTitle(p catalog.Probe) string {
	switch p.Type {
	case "http":
		return fmt.Sprintf("port %d%s to answer", p.Port, cmp.Or(p.Path, "/"))
	case "tcp":
		return fmt.Sprintf("port %d to open", p.Port)
	}
	return "the services"
}

// service is one line of `docker compose ps --format json`.
type service struct {
	Service, State, Health string
	ExitCode               int
}

// services looks whether every service runs.
func (d *work[D]) services(ctx context.Context) error {
	var out strings.Builder
	exit, err := d.host.client.Exec(ctx, d.app.Node, d.app.VMID, compose(d.app)+"ps --all --format json 2>/dev/null", &out)
	if err != nil {
		return err
	}
	if exit != 0 {
		return scriptError("looking at the services", exit, strings.Split(strings.TrimSpace(out.String()), "\n"))
	}
	var bad []string
	n := 0
	for line := range strings.Lines(out.String()) {
		var s service
		if json.Unmarshal([]byte(strings.TrimSpace(line)), &s) != nil || s.Service == "" {
			continue
		}
		n++
		if s.State != "running" && (s.State != "exited" || s.ExitCode != 0) || s.Health == "unhealthy" {
			bad = append(bad, SafeText(fmt.Sprintf("%s is %s %s (exit code %d)", s.Service, s.State, s.Health, s.ExitCode), 120))
		}
	}
	if n == 0 {
		bad = append(bad, "docker lists no service")
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return &Error{Kind: ErrFailed, Text: strings.Join(bad, ", "), Hint: "the app's log says why"}
	}
	d.Logf(jobs.Info, "%d services run", n)
	return nil
}

// publish turns the forward on and tries it. The address is read once more: the
// container may have been restarted since it was new.
func (d *work[D]) publish(ctx context.Context) error {
	if err := d.network(ctx); err != nil {
		return err
	}
	if d.app.PublicPort == 0 {
		d.Log(jobs.Info, "the app has no port to publish")
		return nil
	}
	d.c.steer()
	if err := d.c.forwarder.Ready(ctx, d.app.PublicPort); err != nil {
		return &Error{Kind: ErrConflict, Field: "port", Text: fmt.Sprintf("port %d cannot be published: %s", d.app.PublicPort, err), Hint: "free the port on this machine, then deploy again", Err: err}
	}
	target := net.JoinHostPort(d.app.Address, strconv.Itoa(d.app.InternalPort))
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		d.Logf(jobs.Warning, "port %d is published, but %s cannot be reached from this machine: %v", d.app.PublicPort, target, err)
		return nil
	}
	_ = conn.Close()
	d.Logf(jobs.Info, "port %d leads to %s", d.app.PublicPort, target)
	return nil
}
