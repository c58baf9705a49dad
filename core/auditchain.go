package core

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"proximity/store"
)

// auditHead is an end of the chain, signed with the installation's key: "head"
// the newest record, "cut" the newest of those that were removed. Whoever can
// write the file but has not the key can neither make the chain anew nor
// shorten it.
type auditHead struct {
	ID   string
	Seq  uint64
	Hash string
	Time time.Time // of the record
	Sum  []byte    // what signs the rest
}

const (
	headID = "head"
	cutID  = "cut"
)

func newAuditHeadTable() *store.Table[auditHead] {
	return store.NewTable("audit_head", func(h auditHead) string { return h.ID })
}

// auditKept and auditKeptFor bound the audit; what is beyond either is cut off
// at the old end.
const (
	auditKept    = 100_000
	auditKeptFor = 2 * 365 * 24 * time.Hour
)

// sign makes an end of the chain of a record.
func (c *Core) sign(id string, r auditRecord) auditHead {
	h := auditHead{ID: id, Seq: r.Seq, Hash: r.Hash, Time: r.Time}
	h.Sum = c.ring.MAC("audit "+id, h.signed())
	return h
}

func (h auditHead) signed() []byte {
	return fmt.Appendf(nil, "%d %s %s", h.Seq, h.Hash, h.Time.UTC().Format(time.RFC3339Nano))
}

// genuine reports whether this installation signed it.
func (c *Core) genuine(h auditHead) bool {
	return hmac.Equal(h.Sum, c.ring.MAC("audit "+h.ID, h.signed()))
}

// chain puts a record at the end.
func (c *Core) chain(tx *store.Tx, r auditRecord) error {
	head, err := c.auditHeads.Get(tx, headID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	r.Seq, r.Time, r.Prev = head.Seq+1, c.now().UTC().Round(0), head.Hash
	r.Hash = r.sum()
	if err := c.auditTable.Insert(tx, r); err != nil {
		return err
	}
	return c.auditHeads.Put(tx, c.sign(headID, r))
}

// AuditCheck is how the chain stands.
type AuditCheck struct {
	OK       bool      `json:"ok"`
	Records  int       `json:"records"`
	Verified int       `json:"verified"`       // from the oldest on, until the first that does not fit
	Cut      uint64    `json:"cut,omitempty"`  // how many older ones were removed by age or number
	Since    time.Time `json:"since,omitzero"` // of the oldest record there is
	Problem  string    `json:"problem,omitempty"`
}

// VerifyAudit follows the chain from its signed beginning to its signed end;
// for admins.
func (c *Core) VerifyAudit(ctx context.Context, a Actor) (AuditCheck, error) {
	if err := a.May(VerbReadAudit, ""); err != nil {
		c.audit(a, "audit.verify", "", err, "")
		return AuditCheck{}, err
	}
	var check AuditCheck
	err := c.store.View(func(tx *store.Tx) (err error) {
		check, err = c.verify(ctx, tx)
		return err
	})
	return check, err
}

func (c *Core) verify(ctx context.Context, tx *store.Tx) (AuditCheck, error) {
	check := AuditCheck{Records: c.auditTable.Count(tx)}
	broken := func(format string, args ...any) (AuditCheck, error) {
		check.Problem = fmt.Sprintf(format, args...)
		return check, nil
	}
	last, err := c.auditHeads.Get(tx, cutID)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return check, err
	case !c.genuine(last):
		return broken("the mark of where old records were removed was not made by this installation")
	}
	check.Cut = last.Seq
	for r, err := range c.auditTable.All(tx) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return check, err
		}
		if check.Since.IsZero() {
			check.Since = r.Time
		}
		switch {
		case r.Seq != last.Seq+1:
			return broken("record %d is missing", last.Seq+1)
		case r.Prev != last.Hash:
			return broken("record %d does not follow on the one before", r.Seq)
		case r.Hash != r.sum():
			return broken("record %d was changed", r.Seq)
		}
		last.Seq, last.Hash = r.Seq, r.Hash
		check.Verified++
	}
	head, err := c.auditHeads.Get(tx, headID)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return check, err
	case err == nil && !c.genuine(head):
		return broken("the mark of the newest record was not made by this installation")
	case head.Seq != last.Seq || head.Hash != last.Hash:
		return broken("the newest records are missing: the chain ends at %d, not at %d", last.Seq, head.Seq)
	}
	check.OK = true
	return check, nil
}

// cutBatch is how many records go in one transaction, so that others need not
// wait long.
const cutBatch = 1000

// cutAudit removes the oldest records beyond number and age, and leaves a
// signed mark from which the rest is verified.
func (c *Core) cutAudit(ctx context.Context, keep int, keepFor time.Duration) (removed int, err error) {
	for n := cutBatch; n == cutBatch && ctx.Err() == nil; removed += n {
		err := c.store.Update(func(tx *store.Tx) (err error) {
			n, err = c.cutSome(tx, keep, c.now().Add(-keepFor))
			return err
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, ctx.Err()
}

func (c *Core) cutSome(tx *store.Tx, keep int, oldest time.Time) (removed int, err error) {
	surplus := c.auditTable.Count(tx) - keep
	var last auditRecord
	for r, err := range c.auditTable.All(tx) {
		if err != nil {
			return 0, err
		}
		if removed == cutBatch || removed >= surplus && !r.Time.Before(oldest) {
			break
		}
		if err := c.auditTable.Delete(tx, store.Key(r.Seq)); err != nil {
			return 0, err
		}
		last = r
		removed++
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, c.auditHeads.Put(tx, c.sign(cutID, last))
}
