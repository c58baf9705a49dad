package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"proximity/core/pve"
	"proximity/jobs"
	"proximity/store"
)

// jobView shows a job; all its texts are safe to print.
func jobView(j jobs.Job) JobView {
	v := JobView{ID: j.ID, Kind: j.Kind, Title: SafeText(j.Title, 120), AppID: subjectApp(j), Target: SafeText(j.SubjectTitle, 64), Owner: j.Owner,
		State: string(j.State), Ended: j.State.Ended(), Progress: j.Progress, Note: SafeText(j.Note, 120), Waiting: SafeText(waiting(j), 200),
		RetryAt: j.RetryAt, Attempt: j.Attempt, Step: min(j.Step+1, len(j.Steps)), CancelBy: j.CancelBy,
		CreatedAt: j.Created, StartedAt: j.Started, EndedAt: j.Ended, turn: j.Queues() || j.Kind == "schedule"}
	if f := j.Failure; f != nil {
		v.Error, v.Hint, v.Left = SafeText(f.Text, 400), SafeText(f.Hint, 300), SafeText(f.Left, 300)
	}
	if !j.LetGo {
		v.Also = j.Also
	}
	for _, s := range j.Steps {
		v.Steps = append(v.Steps, StepView{Name: s.Name, Title: s.Title, State: string(s.State), Progress: s.Progress, Note: SafeText(s.Note, 120), StartedAt: s.Started, EndedAt: s.Ended})
	}
	return v
}

// subjectApp is the app a job is about, "" if it is about something else: a
// backup, a schedule.
func subjectApp(j jobs.Job) string {
	if strings.Contains(j.Subject, "/") {
		return ""
	}
	return j.Subject
}

// waiting says what a job waits for.
func waiting(j jobs.Job) string {
	if j.WaitingFor == "" {
		return ""
	}
	return "waiting for " + j.WaitingFor
}

func (j *JobView) ref() *JobRef {
	r := &JobRef{ID: j.ID, Kind: j.Kind, State: j.State, Step: j.Step, Steps: len(j.Steps), Progress: j.Progress, Waiting: j.Waiting}
	if j.Step > 0 && j.Step <= len(j.Steps) {
		r.Title = j.Steps[j.Step-1].Title
	}
	return r
}

// holds are the apps the job keeps others from.
func (j *JobView) holds() []string {
	if j.AppID == "" {
		return j.Also
	}
	return append([]string{j.AppID}, j.Also...)
}

// JobFilter narrows Jobs.
type JobFilter struct {
	App    string // hostname or id
	Live   bool   // only unfinished
	Limit  int    // default 50
	Before uint64 // only jobs with a smaller number
}

// Jobs lists the visible jobs, newest first.
func (c *Core) Jobs(_ context.Context, a Actor, f JobFilter) ([]JobView, error) {
	q := jobs.Filter{Limit: f.Limit, Before: f.Before}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	if f.Live {
		q.States = []jobs.State{jobs.Queued, jobs.Running, jobs.Waiting, jobs.Undoing}
	}
	if f.App != "" {
		rec, err := c.appNamed(a, f.App)
		if err != nil {
			return nil, err
		}
		q.Subject = rec.ID
	}
	if f.App == "" && a.May(VerbReadApp, "") != nil {
		q.Owner = a.User
	}
	list, err := c.engine.List(q)
	if err != nil {
		return nil, err
	}
	views := make([]JobView, 0, len(list))
	for _, j := range list {
		views = append(views, jobView(j))
	}
	return views, nil
}

// Job is one visible job.
func (c *Core) Job(_ context.Context, a Actor, id uint64) (JobView, error) {
	j, err := c.jobSeen(a, id)
	if err != nil {
		return JobView{}, err
	}
	return jobView(j), nil
}

func (c *Core) jobSeen(a Actor, id uint64) (jobs.Job, error) {
	j, err := c.engine.Get(id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, jobs.ErrNotFound) || err == nil && !a.sees(c.jobOwner(j)) {
		return jobs.Job{}, notFound("`jobs` lists them", "there is no job %d", id)
	}
	return j, err
}

// jobOwner is who a job belongs to: the owner of its app, else who asked.
func (c *Core) jobOwner(j jobs.Job) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if rec, ok := c.appCache[j.Subject]; ok {
		return rec.Owner
	}
	return j.Owner
}

// JobLog gives the log lines with Seq > after, at most limit (0 = all).
func (c *Core) JobLog(_ context.Context, a Actor, id, after uint64, limit int) ([]LogLine, error) {
	if _, err := c.jobSeen(a, id); err != nil {
		return nil, err
	}
	lines, err := c.engine.Log(id, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]LogLine, 0, len(lines))
	for _, l := range lines {
		out = append(out, LogLine{Job: l.Job, Seq: l.Seq, Time: l.Time, Level: string(l.Level), Step: l.Step, Text: SafeText(l.Text, 0)})
	}
	return out, nil
}

// FollowJob calls line for every log line, old ones first, until the job has
// ended or ctx ends; it returns the job as it was last seen.
func (c *Core) FollowJob(ctx context.Context, a Actor, id uint64, line func(LogLine)) (JobView, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := c.Watch(ctx)
	var after uint64
	for {
		v, err := c.Job(ctx, a, id) // before the log: what a finished job logged is then complete
		if err != nil {
			return JobView{}, err
		}
		lines, err := c.JobLog(ctx, a, id, after, 0)
		if err != nil {
			return v, err
		}
		for _, l := range lines {
			after = l.Seq
			line(l)
		}
		if v.Ended {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, context.Cause(ctx)
		case <-changes:
		}
	}
}

// DeploymentLog is what happened to an app: the lines of its jobs, oldest
// first, the latest limit of them (0 = 500).
func (c *Core) DeploymentLog(ctx context.Context, a Actor, name string, limit int) ([]LogLine, error) {
	if limit <= 0 {
		limit = 500
	}
	var byJob [][]LogLine // newest first
	lines := 0
	for f := (JobFilter{App: name, Limit: 50}); lines < limit; {
		list, err := c.Jobs(ctx, a, f)
		if err != nil {
			return nil, err
		}
		for _, j := range list {
			log, err := c.JobLog(ctx, a, j.ID, 0, 0)
			if err != nil {
				return nil, err
			}
			byJob = append(byJob, log)
			lines += len(log)
			f.Before = j.ID
		}
		if len(list) < f.Limit {
			break
		}
	}
	slices.Reverse(byJob)
	all := slices.Concat(byJob...)
	return all[max(len(all)-limit, 0):], nil
}

// CancelJob asks a job to stop; what it made is undone.
func (c *Core) CancelJob(ctx context.Context, a Actor, id uint64) (JobView, error) {
	j, err := c.jobSeen(a, id)
	if err != nil {
		return JobView{}, err
	}
	if err = a.May(VerbChangeApp, c.jobOwner(j)); err == nil {
		err = c.cancel(a, j)
	}
	c.audit(a, "job.cancel", fmt.Sprint(id), err, j.Title)
	if err != nil {
		return JobView{}, err
	}
	return c.Job(ctx, a, id)
}

// classify tells the engine what a failed step may hope for.
func classify(err error) jobs.Verdict {
	var e *Error
	var turns *errTurns
	hint := ""
	if errors.As(err, &e) {
		hint = e.Hint
	}
	reason := inWords(err)
	is := func(kinds ...error) bool {
		return slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) })
	}
	var lock *lockedError
	switch {
	case errors.As(err, &lock):
		return jobs.Verdict{Kind: jobs.Wait, Reason: lock.reason(), Hint: fmt.Sprintf("if nothing is going on with it, `pct unlock %d` on %s frees it", lock.vmid, lock.node)}
	case is(pve.ErrCertificate, pve.ErrHostKey): // nothing is undone on a host that nobody trusts: it waits for a person
		return jobs.Verdict{Kind: jobs.Wait, Reason: hostIn(err) + " to be trusted again", Hint: "find out why its key has changed: `hosts trust` shows both keys and accepts the new one"}
	case is(pve.ErrUnreachable, ErrUnreachable):
		return jobs.Verdict{Kind: jobs.Wait, Reason: hostIn(err), Hint: hint} // the same for all jobs that wait for one host: the engine looks for them together
	case errors.As(err, &turns):
		return jobs.Verdict{Kind: jobs.Wait, Reason: turns.what, Calm: true}
	case is(pve.ErrTimeout, pve.ErrLocked, pve.ErrNoQuorum, pve.ErrBusy, pve.ErrTaskLost, pve.ErrChanged, errPassing, context.DeadlineExceeded):
		return jobs.Verdict{Kind: jobs.Retry, Reason: reason, Hint: hint}
	case is(pve.ErrPermission, pve.ErrAuth):
		return jobs.Verdict{Kind: jobs.Fatal, Reason: reason, Hint: cmp.Or(hint, "`hosts test` shows what the account lacks")}
	case is(pve.ErrNoSpace):
		return jobs.Verdict{Kind: jobs.Fatal, Reason: reason, Hint: cmp.Or(hint, "free some space on the storage, or choose another node")}
	case is(pve.ErrNoSSH):
		return jobs.Verdict{Kind: jobs.Fatal, Reason: reason, Hint: cmp.Or(hint, "give the host SSH credentials: an API token alone cannot run commands in containers")}
	}
	return jobs.Verdict{Kind: jobs.Fatal, Reason: reason, Hint: cmp.Or(hint, "the job's log tells more: mend that, then try again")}
}

// inWords is an error without the hint in it, which is shown beside.
func inWords(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	bare := *e
	bare.Hint = ""
	return strings.Replace(err.Error(), e.Error(), bare.Error(), 1)
}

// hostIn names the host an error is about.
func hostIn(err error) string {
	var away *awayError
	if errors.As(err, &away) {
		return "host " + away.host
	}
	return "the host"
}

// awayError says which host it was that a step could not reach.
type awayError struct {
	host string
	err  error
}

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// lockedError is a container that somebody else holds the lock of: whoever
// wants to change it waits until that is over.
type lockedError struct {
	vmid       int
	node, lock string // the lock is Proxmox's word: "backup", "disk", …
}

func (e *lockedError) Error() string {
	return fmt.Sprintf("CT %d on %s is locked (%s)", e.vmid, e.node, SafeText(e.lock, 40))
}

// reason completes "waiting for …".
func (e *lockedError) reason() string {
	what := "what is done to it"
	switch e.lock {
	case "backup":
		what = "a backup of it"
	case "snapshot", "snapshot-delete", "rollback":
		what = "a snapshot of it"
	case "disk":
		what = "a copy of it"
	case "migrate":
		what = "its migration"
	}
	return fmt.Sprintf("CT %d to be free: %s goes on (lock %q)", e.vmid, what, SafeText(e.lock, 40))
}

// errPassing marks a failure that may pass by itself: it is tried again.
var errPassing = errors.New("may pass")

// passing marks an error so, without a word more.
type passing struct{ error }

func (p passing) Unwrap() []error { return []error{p.error, errPassing} }
