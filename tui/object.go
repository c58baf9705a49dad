package tui

import (
	"strconv"
	"strings"

	"proximity/core"
	"proximity/tui/ui"
)

// kind is what an object is.
type kind uint8

const (
	noKind kind = iota
	appKind
	jobKind
	nodeKind
	hostKind
	itemKind
	marksKind // the marked apps, by no id
	foundKind
	recordKind
	userKind
	keyKind
	waitingKind // a key that waits for approval
	tokenKind
	settingKind
	backupKind
	scheduleKind
)

// object is something verbs act on.
type object struct {
	kind kind
	id   string // app id, job number, "host/node", host name, catalogue id, "host/vmid", record number, backup number, schedule name
}

func appObject(id string) object          { return object{appKind, id} }
func jobObject(id uint64) object          { return object{jobKind, jobID(id)} }
func itemObject(id string) object         { return object{itemKind, id} }
func nodeObject(host, name string) object { return object{nodeKind, host + "/" + name} }

func (c *Console) appOf(o object) (core.AppView, bool) {
	if o.kind != appKind {
		return core.AppView{}, false
	}
	// Asked for one app many times a frame: where it was last is a good guess.
	if i := c.guess; i < len(c.world.Apps) && c.world.Apps[i].ID == o.id {
		return c.world.Apps[i], true
	}
	for i := range c.world.Apps {
		if c.world.Apps[i].ID == o.id {
			c.guess = i
			return c.world.Apps[i], true
		}
	}
	return core.AppView{}, false
}

func (c *Console) jobOf(o object) (core.JobView, bool) {
	if o.kind != jobKind {
		return core.JobView{}, false
	}
	for _, p := range c.stack { // an old job is known only to its page
		if j, ok := p.(*job); ok && jobID(j.id) == o.id {
			return j.view, j.known
		}
	}
	return c.world.Job(parseJob(o.id))
}

// scope is the scope bit of the object's kind.
func (o object) scope() scope {
	switch o.kind {
	case appKind, marksKind:
		return onApp
	case jobKind:
		return onJob
	case nodeKind:
		return onNode
	case hostKind:
		return onHost
	case itemKind:
		return onItem
	case foundKind:
		return onFound
	case recordKind:
		return onRecord
	case userKind:
		return onUser
	case keyKind:
		return onKey
	case waitingKind:
		return onWaiting
	case tokenKind:
		return onToken
	case settingKind:
		return onSetting
	case backupKind:
		return onBackup
	case scheduleKind:
		return onSchedule
	}
	return always
}

// nameOf is what people call an object.
func (c *Console) nameOf(on object) string {
	switch on.kind {
	case appKind:
		if a, ok := c.appOf(on); ok {
			return a.Hostname
		}
	case marksKind:
		ids, _ := c.targets(on)
		return ui.Count(len(ids), "marked app")
	case jobKind:
		if j, ok := c.jobOf(on); ok {
			return "#" + on.id + " " + j.Title
		}
		return "#" + on.id
	case foundKind:
		if f, ok := c.foundOf(on); ok {
			return "CT " + strconv.Itoa(f.VMID) + " " + f.Name
		}
	case recordKind:
		if v, ok := c.recordOf(on); ok {
			return strings.TrimSpace(v.Action + " " + v.Target)
		}
	case keyKind, waitingKind:
		return "key " + shortPrint(on.id)
	case tokenKind:
		return "token " + on.id
	case backupKind:
		if b, ok := c.backupOf(on); ok {
			return "backup " + on.id + " of " + backupOwner(&b)
		}
	}
	return on.id
}
