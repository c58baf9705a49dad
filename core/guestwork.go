package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"proximity/core/catalog"
	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// guestRecord is what a job remembers of the calls it made about its
// container: what it was about to do, and the tasks Proxmox answered with.
type guestRecord struct {
	CreateAt    time.Time // when the create was about to be sent; zero = never
	CreateTask  pve.UPID
	Created     bool // the container has been seen, and was ours
	StartTask   pve.UPID
	StopTask    pve.UPID
	DestroyTask pve.UPID
	Told        map[pve.UPID]int // lines of a task's log that are in ours
	Tried       map[string]int   // failed runs of scripts inside, by name
}

// work is a step at work on an app's container, whatever the workflow: its
// methods may be repeated after any crash.
type work[D any] struct {
	*jobs.Run[D]
	c        *Core
	app      app
	host     *liveHost
	manifest *catalog.Manifest // nil: of no recipe we know
	rec      *guestRecord      // part of Data

	look  func(context.Context) (ownership, error) // whose the container is
	birth func() (node string, f pve.TaskFilter)   // the task that makes it
}

func newWork[D any](c *Core, r *jobs.Run[D], id string, rec *guestRecord) (*work[D], error) {
	w := &work[D]{Run: r, c: c, rec: rec}
	w.look = func(ctx context.Context) (ownership, error) { return c.whose(ctx, w.host, w.app) }
	w.birth = func() (string, pve.TaskFilter) {
		return w.app.Node, pve.TaskFilter{VMID: w.app.VMID, Type: "vzcreate"}
	}
	err := c.store.View(func(tx *store.Tx) error {
		var err error
		w.app, err = c.apps.Get(tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read app %s: %w", id, err)
	}
	w.manifest = c.manifestOf(w.app)
	w.host, err = c.liveHost(w.app.Host)
	return w, err
}

// named adds the host's name to the error of a step.
func (d *work[D]) named(err error) error {
	if err == nil {
		return nil
	}
	return &awayError{host: d.host.rec.Name, err: err}
}

// keep writes the job's data and a change of the app together.
func (d *work[D]) keep(change func(*app)) error {
	return d.Save(func(tx *store.Tx) error {
		return d.c.changeApp(tx, d.app.ID, func(a *app) error {
			change(a)
			d.app = *a
			return nil
		})
	})
}

func (d *work[D]) start(ctx context.Context) error {
	if d.rec.StartTask == "" {
		st, err := d.host.client.Status(ctx, d.app.Node, d.app.VMID)
		if err != nil {
			return err
		}
		if st.Status == "running" {
			return nil
		}
		upid, err := d.host.client.Start(ctx, d.app.Node, d.app.VMID)
		if errors.Is(err, pve.ErrRunning) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("start CT %d: %w", d.app.VMID, err)
		}
		d.rec.StartTask = upid
		if err := d.Save(); err != nil {
			return err
		}
	}
	// A start whose answer was lost may have been faster than this one.
	return ignore(d.follow(ctx, &d.rec.StartTask, "start the container", true), pve.ErrRunning)
}

// followTime is how long a container may take to get where it was sent, when
// only it itself can be looked at.
const followTime = 2 * time.Minute

// follow waits for a task that starts or stops the container. With few
// privileges a task cannot be read; then the container shows how it went.
func (d *work[D]) follow(ctx context.Context, task *pve.UPID, what string, running bool) error {
	cause := d.wait(ctx, task, what)
	if !errors.Is(cause, pve.ErrPermission) || pve.IsTaskFailure(cause) {
		return cause
	}
	limited, cancel := context.WithTimeout(ctx, followTime)
	defer cancel()
	for {
		st, err := d.host.client.Status(limited, d.app.Node, d.app.VMID)
		if err == nil && st.Running() == running {
			return nil
		}
		if err == nil {
			err = pause(limited, d.c.cfg.Pace.TaskPoll)
		}
		if err != nil && limited.Err() != nil {
			return cmp.Or(ctx.Err(), cause)
		}
		if err != nil {
			return err
		}
	}
}

// wait follows a recorded task to its end; a failed one is forgotten, so that a
// retry starts a new one.
func (d *work[D]) wait(ctx context.Context, task *pve.UPID, what string) error {
	return d.waitFor(ctx, task, what, func(string) bool { return false })
}

// errEnough ends the following of a task that goes on.
var errEnough = errors.New("enough seen")

// waitFor is wait with an eye on the log: when enough reports true for a line,
// the task is left to itself and waitFor returns nil.
func (d *work[D]) waitFor(ctx context.Context, task *pve.UPID, what string, enough func(line string) bool) error {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	if d.rec.Told == nil {
		d.rec.Told = map[pve.UPID]int{}
	}
	upid := *task
	var m meter
	err := d.host.client.WaitFrom(ctx, upid, d.rec.Told[upid], func(line string) {
		d.rec.Told[upid]++
		d.say(&m, SafeText(line, 500))
		if enough(line) {
			leave(errEnough)
		}
	})
	if err != nil && context.Cause(ctx) == errEnough {
		return nil
	}
	if errors.Is(err, pve.ErrNotFound) && !pve.IsTaskFailure(err) { // the node knows the task no more
		err = fmt.Errorf("%w: %w", pve.ErrTaskLost, err)
	}
	if pve.IsTaskFailure(err) || errors.Is(err, pve.ErrTaskLost) {
		*task = ""
		if e := d.Save(); e != nil {
			return e
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// say logs a line of a task or script, or takes it as progress.
func (d *work[D]) say(m *meter, line string) {
	f, known, bar := m.read(line)
	if known {
		d.Progress(f, "")
	}
	if !bar && line != "" {
		d.Log(jobs.Info, line)
	}
}

// network waits until the container has an address that ports may lead to.
func (d *work[D]) network(ctx context.Context) error {
	for begun := time.Now(); ; {
		addr, outside, err := d.c.guestIP(ctx, d.host, d.app)
		if err != nil {
			return err
		}
		if !addr.IsValid() && outside.IsValid() && time.Since(begun) > d.c.cfg.Pace.Outside {
			return d.elsewhere(outside)
		}
		if addr.IsValid() {
			if addr.String() == d.app.Address {
				return nil
			}
			d.Logf(jobs.Info, "address %s", addr)
			return d.keep(func(a *app) { a.Address = addr.String() })
		}
		if err := pause(ctx, d.c.cfg.Pace.TaskPoll); err != nil {
			return d.addressless(err)
		}
	}
}

// elsewhere is the error of a container whose address no port may lead to.
func (d *work[D]) elsewhere(addr netip.Addr) error {
	networks := strings.Join(d.c.Settings().GuestNetworks, " ")
	return &Error{Kind: ErrFailed, Text: fmt.Sprintf("CT %d has the address %s, which is not among the guest networks (%s)", d.app.VMID, addr, networks),
		Hint: "if ports may lead there, an admin adds its network with `settings set guest-networks`, or to the server's --guest-network where it has that"}
}

func (d *work[D]) addressless(err error) error {
	e := &Error{Kind: ErrFailed, Text: fmt.Sprintf("CT %d got no address on %s", d.app.VMID, d.c.Settings().Bridge),
		Hint: "is there a DHCP server on that bridge, and are its addresses among the guest networks?", Err: err}
	if d.app.IP != "" {
		e.Text, e.Hint = fmt.Sprintf("CT %d does not have its address %s", d.app.VMID, d.app.IP), "is that address among the guest networks?"
	}
	return e
}

// pause waits, or tells that ctx ended.
func pause(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// finishOthers waits for a running create of our vmid whose UPID never reached
// us, because we died or the connection was cut.
func (d *work[D]) finishOthers(ctx context.Context) error {
	if d.rec.CreateAt.IsZero() {
		return nil
	}
	node, making := d.birth()
	making.Source = "active"
	tasks, err := d.host.client.Tasks(ctx, node, making)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if !t.Running {
			continue
		}
		d.rec.CreateTask = t.UPID
		if err := d.Save(); err != nil {
			return err
		}
		d.Log(jobs.Info, "found the create that was already under way")
		return d.wait(ctx, &d.rec.CreateTask, "create the container")
	}
	return nil
}

// destroy takes back what create made: only a container that is ours goes.
func (d *work[D]) destroy(ctx context.Context) error {
	if d.rec.CreateAt.IsZero() || d.app.VMID == 0 {
		return nil
	}
	if err := d.settleCreate(ctx); err != nil {
		return err
	}
	for range 20 {
		who, err := d.look(ctx)
		if err != nil {
			return err
		}
		switch who {
		case absent:
			d.Logf(jobs.Info, "CT %d is gone", d.app.VMID)
			return nil
		case foreign:
			if !d.rec.Created {
				return nil // ours was never made
			}
			return d.stranger()
		case unready:
			if err := pause(ctx, d.c.cfg.Pace.TaskPoll); err != nil {
				return err
			}
		case ours, undressed:
			if err := d.destroyOnce(ctx); err != nil {
				return err
			}
		}
	}
	return passing{fmt.Errorf("CT %d on %s does not go", d.app.VMID, d.app.Node)}
}

// settleCreate lets a create that is still running come to its end: killing it
// would leave a lock that only root can clear.
func (d *work[D]) settleCreate(ctx context.Context) error {
	if d.rec.CreateTask == "" {
		if err := d.finishOthers(ctx); err != nil && !ended(err) {
			return err
		}
	}
	return d.settleTask(ctx, &d.rec.CreateTask, "let the create end")
}

// settleTask lets a task come to its end, however that is: what is there then
// is for the caller to look at. A task we may not follow is watched in the
// list of those that run.
func (d *work[D]) settleTask(ctx context.Context, task *pve.UPID, what string) error {
	if *task == "" {
		return nil
	}
	upid := *task
	err := d.wait(ctx, task, what)
	if ended(err) {
		return nil
	}
	if !errors.Is(err, pve.ErrPermission) {
		return err
	}
	of, e := pve.ParseUPID(upid)
	if e != nil {
		return e
	}
	for {
		running, err := d.host.client.Tasks(ctx, of.Node, pve.TaskFilter{Type: of.Type, Source: "active"})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(running, func(t pve.Task) bool { return t.UPID == upid && t.Running }) {
			*task = ""
			return d.Save()
		}
		if err := pause(ctx, d.c.cfg.Pace.TaskPoll); err != nil {
			return err
		}
	}
}

// ended says that a task is over, well or badly or nobody knows how.
func ended(err error) bool {
	return err == nil || pve.IsTaskFailure(err) || errors.Is(err, pve.ErrTaskLost)
}

// ignore makes the kinds given no error.
func ignore(err error, kinds ...error) error {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return nil
		}
	}
	return err
}
