package tui

import (
	"strconv"
	"strings"

	"proximity/core"
	"proximity/tui/ui"
)

// obstacle is why a verb cannot be done to an app now: what is said of the app
// (or all of the sentence, without a name), and a word or two where several
// apps are counted. The zero obstacle is none.
type obstacle struct{ name, says, short string }

// text is the obstacle as a sentence, "" for none. It is put together only
// where it is shown: many marked apps are looked at with every key.
func (o obstacle) text() string {
	if o.name == "" {
		return o.says
	}
	return o.name + " " + o.says
}

// obstacle finds what stands between a verb and an app. Core decides again
// when it is asked; this is so that nobody has to try.
func (c *Console) obstacle(v core.AppVerb, a *core.AppView) obstacle {
	if why := refusal(c.actor.May(core.VerbChangeApp, a.Owner)); why != "" {
		return obstacle{"", why, "not allowed"}
	}
	switch {
	case a.Job != nil:
		return obstacle{a.Hostname, "is busy: " + c.jobWords(a.Job), "busy"}
	case a.Stale:
		return obstacle{"", c.away(a), "not reachable"}
	case v == core.DeleteApp:
		return obstacle{}
	case a.Lost:
		return obstacle{a.Hostname, "has lost its container: d forgets it", "container gone"}
	case a.VMID == 0:
		return obstacle{a.Hostname, "has no container: d deletes it, n deploys it again", "no container"}
	case a.Status == core.StatusError:
		return obstacle{a.Hostname, "is in error: d deletes it, n deploys it again", "in error"}
	case v == backUpVerb:
		return obstacle{}
	case v == core.StartApp && runs(a):
		return obstacle{a.Hostname, "is already running: r restarts it", "already running"}
	case v != core.StartApp && !runs(a):
		return obstacle{a.Hostname, "is not running: s starts it", "not running"}
	}
	return obstacle{}
}

// runs reports whether an app's container runs, by what its host says where
// that differs from the record.
func runs(a *core.AppView) bool { return (a.Status == core.StatusRunning) == (a.Drift == "") }

// jobWords is a job and whose it is: "job 482 (deploy) by ops".
func (c *Console) jobWords(r *core.JobRef) string {
	s := "job " + jobID(r.ID) + " (" + r.Kind + ")"
	if j, ok := c.world.Job(r.ID); ok && j.Owner != "" {
		s += " by " + j.Owner
	}
	return s
}

// may is the reason against a verb on apps: of several, one it can be done to
// is enough.
func may(v core.AppVerb) func(*Console, object) string {
	return func(c *Console, on object) string {
		if on.kind == appKind {
			a, ok := c.appOf(on)
			if !ok {
				return "that app is gone"
			}
			return c.obstacle(v, &a).text()
		}
		p := c.tops[2].(*apps)
		rows := p.table.MarkedRows()
		var against []obstacle
		for _, row := range rows {
			o := c.obstacle(v, &p.rows.apps[row])
			if o.short == "" {
				return ""
			}
			against = append(against, o)
		}
		switch len(against) {
		case 0:
			return "nothing is selected here"
		case 1:
			return against[0].text()
		}
		return "none of the " + ui.Count(len(against), "marked app") + " can do that: " + tally(against)
	}
}

// tally counts obstacles by their short words: "2 already running, 1 busy", or
// only the words if all have the same.
func tally(all []obstacle) string {
	var words []string
	count := map[string]int{}
	for _, o := range all {
		if count[o.short]++; count[o.short] == 1 {
			words = append(words, o.short)
		}
	}
	if len(words) == 1 {
		return words[0]
	}
	for i, w := range words {
		words[i] = strconv.Itoa(count[w]) + " " + w
	}
	return strings.Join(words, ", ")
}
