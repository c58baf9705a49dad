package core

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"proximity/jobs"
	"proximity/store"
)

// auditRecord is one thing somebody did or was refused. Each carries the hash
// of the one before, so that a cut or a change shows. Fields that are added
// later must be left out of the JSON while empty: the hash is over that.
type auditRecord struct {
	Seq         uint64
	Time        time.Time
	User        string
	Via         Via
	From        string
	Fingerprint string
	Action      string // "app.deploy"
	Target      string
	Result      string // "ok", or the kind of refusal in a word: "denied", "conflict", …
	Detail      string
	Prev        string // hash of the record before
	Hash        string // of this record with Hash empty

	Why string `json:",omitempty"` // the error's text
	Job uint64 `json:",omitempty"` // the job that does what was asked
}

func newAuditTable() *store.Table[auditRecord] {
	return store.NewTable("audit", func(r auditRecord) string { return store.Key(r.Seq) })
}

// audit records what an actor did or was refused.
func (c *Core) audit(a Actor, action, target string, err error, detail string) {
	e := c.store.Update(func(tx *store.Tx) error { return c.auditTx(tx, a, action, target, err, detail) })
	if e != nil {
		c.log.Error("write an audit record", "action", action, "target", target, "error", e)
	}
}

// auditTx records it in the transaction of the change itself.
func (c *Core) auditTx(tx *store.Tx, a Actor, action, target string, err error, detail string) error {
	return c.chain(tx, recordOf(a, action, target, err, detail))
}

// auditJob records that a job was asked for. How it went is the job's own to
// tell; when it fails, auditEnd says so.
func (c *Core) auditJob(tx *store.Tx, a Actor, action, target string, job uint64, detail string) error {
	r := recordOf(a, action, target, nil, detail)
	r.Job = job
	return c.chain(tx, r)
}

// auditEnd records, with the end of a job, that it did not succeed.
func (c *Core) auditEnd(tx *store.Tx, j jobs.Job) error {
	if j.State == jobs.Succeeded {
		return nil
	}
	var why error = &Error{Kind: ErrFailed, Text: "cancelled by " + cmp.Or(j.CancelBy, "nobody")}
	if j.Failure != nil {
		why = &Error{Kind: ErrFailed, Text: j.Failure.Text}
	}
	r := recordOf(Actor{User: j.Owner, Via: ViaScheduler}, "job."+string(j.State), j.SubjectTitle, why, fmt.Sprintf("job %d %s", j.ID, j.Title))
	r.Job = j.ID
	return c.chain(tx, r)
}

// recordOf is a record that has no place in the chain yet. All its text is
// safe, and the same after it was written and read.
func recordOf(a Actor, action, target string, err error, detail string) auditRecord {
	r := auditRecord{User: SafeText(a.User, 64), Via: a.Via, From: SafeText(a.From, 64), Fingerprint: SafeText(a.Fingerprint, 80),
		Action: action, Target: SafeText(target, 128), Result: resultOf(err), Detail: SafeText(detail, 300)}
	if err != nil {
		r.Why = SafeText(err.Error(), 300)
	}
	return r
}

// resultOf is an outcome in a word.
func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	for _, k := range []struct {
		kind error
		word string
	}{{ErrDenied, "denied"}, {ErrInvalid, "invalid"}, {ErrNotFound, "not found"}, {ErrConflict, "conflict"}, {ErrUnreachable, "unreachable"}, {ErrUnavailable, "no room"}, {ErrTooMany, "too many"}} {
		if errors.Is(err, k.kind) {
			return k.word
		}
	}
	return "failed"
}

func (r auditRecord) sum() string {
	r.Hash = ""
	b, _ := json.Marshal(r) // plain strings and numbers: cannot fail
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// AuditView is one record of the audit.
type AuditView struct {
	Seq         uint64    `json:"seq"`
	Time        time.Time `json:"time"`
	User        string    `json:"user"`
	Via         Via       `json:"via"`
	From        string    `json:"from,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Action      string    `json:"action"`
	Target      string    `json:"target,omitempty"`
	Result      string    `json:"result"` // "ok", a refusal in a word, or the state of the job that is at it
	Detail      string    `json:"detail,omitempty"`
	Job         uint64    `json:"job,omitempty"`
	Undo        bool      `json:"undo,omitempty"` // can be undone now
}

// AuditFilter narrows Audit. Zero fields do not.
type AuditFilter struct {
	User   string
	Action string // or how it begins: "app", "app.stop"
	Target string // or a part of it
	Result string
	Since  time.Time
	Until  time.Time
	Before uint64 // only records with a smaller number
	After  uint64 // only records with a larger number
	Limit  int    // default 100
}

func (f AuditFilter) takes(r auditRecord) bool {
	action := r.Action == f.Action || strings.HasPrefix(r.Action, f.Action+".")
	return (f.User == "" || r.User == f.User) && (f.Action == "" || action) && (f.Result == "" || r.Result == f.Result) &&
		(f.Target == "" || strings.Contains(strings.ToLower(r.Target), strings.ToLower(f.Target))) &&
		(f.Until.IsZero() || !r.Time.After(f.Until))
}

// Audit lists what was done and refused, newest first; for admins.
func (c *Core) Audit(ctx context.Context, a Actor, f AuditFilter) ([]AuditView, error) {
	if err := a.May(VerbReadAudit, ""); err != nil {
		c.audit(a, "audit.read", "", err, "")
		return nil, err
	}
	f.Limit = cmp.Or(max(f.Limit, 0), 100)
	found := []auditRecord{}
	err := c.store.View(func(tx *store.Tx) error {
		rows := c.auditTable.Backwards(tx)
		if f.Before > 0 {
			rows = c.auditTable.BackwardsFrom(tx, store.Key(f.Before))
		}
		for r, err := range rows {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if r.Seq <= f.After || r.Time.Before(f.Since) || len(found) == f.Limit {
				break
			}
			if f.takes(r) && (f.Before == 0 || r.Seq < f.Before) {
				found = append(found, r)
			}
		}
		return nil
	})
	views := make([]AuditView, 0, len(found))
	for _, r := range found {
		views = append(views, c.auditView(r))
	}
	return views, err
}

// auditView shows a record, with how the job it asked for stands.
func (c *Core) auditView(r auditRecord) AuditView {
	v := AuditView{Seq: r.Seq, Time: r.Time, User: r.User, Via: r.Via, From: r.From, Fingerprint: r.Fingerprint, Action: r.Action, Target: r.Target,
		Result: r.Result, Detail: r.Detail, Job: r.Job}
	if r.Why != "" {
		v.Detail = strings.TrimPrefix(v.Detail+" · "+r.Why, " · ")
	}
	if r.Job == 0 || r.Result != "ok" {
		return v
	}
	j, err := c.engine.Get(r.Job)
	if err != nil { // forgotten long ago
		return v
	}
	if j.State != jobs.Succeeded {
		v.Result = string(j.State)
	}
	v.Undo = c.reversible(j) == nil
	return v
}
