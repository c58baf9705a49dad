package tui

import (
	tea "charm.land/bubbletea/v2"

	"proximity/core"
)

// appJobs are the jobs of one app: those of the world, which are fresh, and
// older ones that core was asked for.
type appJobs struct {
	jobRows
	older []core.JobView // newest first
}

// pastJobs is how many jobs of an app are asked for.
const pastJobs = 200

type pastAnswer struct{ jobs []core.JobView }

// ask reads what the world does not hold any more. Where it cannot be read, the
// world's jobs are what there is to see.
func (r *appJobs) ask(c *Console, p *app) tea.Cmd {
	ctx, id := c.ctx, p.id
	return func() tea.Msg {
		list, err := c.core.Jobs(ctx, c.actor, core.JobFilter{App: id, Limit: pastJobs})
		if err != nil {
			return nil
		}
		return answer{p, 0, pastAnswer{list}}
	}
}

// world puts both together.
func (r *appJobs) world(c *Console, id string) {
	r.jobRows = jobRows{c: c}
	known := map[uint64]bool{}
	for i := range c.world.Jobs {
		if j := &c.world.Jobs[i]; j.AppID == id {
			r.jobs = append(r.jobs, *j)
			known[j.ID] = true
		}
	}
	for _, j := range r.older {
		if !known[j.ID] && j.Ended {
			r.jobs = append(r.jobs, j)
		}
	}
}
