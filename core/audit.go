package core

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"proximity/store"
)

// auditRecord is one thing somebody did. Each carries the hash of the one
// before, so that a cut or a change shows.
type auditRecord struct {
	Seq         uint64
	Time        time.Time
	User        string
	Via         Via
	From        string
	Fingerprint string
	Action      string // "app.deploy"
	Target      string
	Result      string // "ok", "denied" or the error
	Detail      string
	Prev        string // hash of the record before
	Hash        string // of this record with Hash empty
}

type auditHead struct {
	ID   string
	Hash string
}

func newAuditTable() *store.Table[auditRecord] {
	return store.NewTable("audit", func(r auditRecord) string { return store.Key(r.Seq) })
}

func newAuditHeadTable() *store.Table[auditHead] {
	return store.NewTable("audit_head", func(h auditHead) string { return h.ID })
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
	seq, e := c.auditTable.Next(tx)
	if e != nil {
		return e
	}
	head, e := c.auditHeads.Get(tx, "head")
	if e != nil && !errors.Is(e, store.ErrNotFound) {
		return e
	}
	r := auditRecord{Seq: seq, Time: c.now().UTC(), User: a.User, Via: a.Via, From: SafeText(a.From, 64), Fingerprint: a.Fingerprint,
		Action: action, Target: SafeText(target, 128), Result: "ok", Detail: SafeText(detail, 300), Prev: head.Hash}
	if err != nil {
		r.Result = SafeText(err.Error(), 300)
	}
	r.Hash = r.sum()
	if e := c.auditTable.Insert(tx, r); e != nil {
		return e
	}
	return c.auditHeads.Put(tx, auditHead{ID: "head", Hash: r.Hash})
}

func (r auditRecord) sum() string {
	r.Hash = ""
	b, _ := json.Marshal(r) // plain strings and numbers: cannot fail
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
