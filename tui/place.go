package tui

import (
	"encoding/json"
	"slices"
	"sync"

	tea "charm.land/bubbletea/v2"

	"proximity/tui/ui"
)

// placeKey names the place of the console in core's keeping.
const placeKey = "console"

// placement is where a session was left: enough to come back to the same
// screen after a cut connection.
type placement struct {
	Screen int                  `json:"screen"`
	Last   int                  `json:"last"`
	Kind   kind                 `json:"kind,omitempty"` // of the object that was open
	Object string               `json:"object,omitempty"`
	Tab    int                  `json:"tab,omitempty"`
	Lists  map[string]listPlace `json:"lists,omitempty"` // by screen name
	Form   bool                 `json:"form,omitempty"`  // the draft's form was open
	Draft  *draft               `json:"draft,omitempty"`
}

// listPlace is how a list was left.
type listPlace struct {
	Filter string `json:"filter,omitempty"`
	Sort   int    `json:"sort"`
	Desc   bool   `json:"desc,omitempty"`
	Row    string `json:"row,omitempty"`
	Tab    int    `json:"tab,omitempty"`
}

// draft is a deploy form that was not sent. It holds no secret: those are
// asked for again.
type draft struct {
	Item   string            `json:"item"`
	Values map[string]string `json:"values"`
	Focus  string            `json:"focus,omitempty"`
}

// draftOf reads a form.
func draftOf(p *deploy) *draft {
	d := &draft{Item: p.it.ID, Values: map[string]string{}, Focus: p.form.Focus().Key}
	for _, f := range p.form.Fields {
		if f.Kind == ui.ButtonField || f.Kind == ui.FoldField || f.Input.Secret {
			continue
		}
		if v := f.Value(); v != "" {
			d.Values[f.Key] = v
		}
	}
	return d
}

// fill puts a draft back into its form.
func (d *draft) fill(p *deploy) {
	for _, f := range p.form.Fields {
		v, ok := d.Values[f.Key]
		switch {
		case f.Input.Secret:
		case f.Kind == ui.SelectField && ok:
			f.Choose(v)
		case f.Kind == ui.ToggleField && ok:
			f.On = v == "true"
		case f.Kind == ui.TextField || f.Kind == ui.NumberField:
			f.Input.Set(v)
		}
	}
	p.form.Open()
	p.form.Go(d.Focus)
}

// keeper saves the place. The event loop gives it the newest blob; a command,
// or the end of the session, writes it.
type keeper struct {
	save  func([]byte) error
	draft *draft // of a form that was left; only the event loop touches it

	mu    sync.Mutex
	blob  []byte
	saved []byte
	write sync.Mutex // one save at a time
}

// put takes a blob and reports whether it has to be written.
func (k *keeper) put(blob []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.blob = blob
	return !slices.Equal(k.blob, k.saved)
}

// flush writes the newest blob, if it is not written yet.
func (k *keeper) flush() {
	k.write.Lock()
	defer k.write.Unlock()
	k.mu.Lock()
	blob, same := k.blob, slices.Equal(k.blob, k.saved)
	k.mu.Unlock()
	if same || blob == nil {
		return
	}
	if k.save(blob) == nil {
		k.mu.Lock()
		k.saved = blob
		k.mu.Unlock()
	}
}

func (k *keeper) keep(p *deploy) { k.draft = draftOf(p) }
func (k *keeper) drop()          { k.draft = nil }

// snapshot is the place now.
func (c *Console) snapshot() []byte {
	at := placement{Screen: c.top, Last: c.last, Lists: map[string]listPlace{}, Draft: c.place.draft}
	for i, p := range c.tops {
		l, ok := p.(lister)
		if !ok {
			continue
		}
		t := l.list()
		lp := listPlace{Row: t.ID()}
		lp.Sort, lp.Desc = t.Sort()
		if f, ok := p.(finder); ok {
			lp.Filter = f.query()
		}
		if v, ok := p.(*vault); ok {
			lp.Tab = v.at
		}
		at.Lists[screenNames[i]] = lp
	}
	for _, p := range c.stack {
		switch p := p.(type) {
		case *app:
			at.Kind, at.Object, at.Tab = appKind, p.id, p.at
		case *job:
			at.Kind, at.Object = jobKind, jobID(p.id)
		case *item:
			at.Kind, at.Object = itemKind, p.it.ID
		case *deploy:
			at.Form, at.Draft = true, draftOf(p)
		}
	}
	b, err := json.Marshal(at)
	if err != nil {
		return nil
	}
	return b
}

// restore goes back to a place; what does not exist any more is left out.
func (c *Console) restore(blob []byte) {
	at := placement{Screen: 1}
	if len(blob) == 0 || json.Unmarshal(blob, &at) != nil {
		return
	}
	if at.Screen < 0 || at.Screen > 9 || at.Last < 0 || at.Last > 9 {
		return
	}
	c.top, c.last = at.Screen, at.Last
	for i, p := range c.tops {
		lp, ok := at.Lists[screenNames[i]]
		l, is := p.(lister)
		if !ok || !is {
			continue
		}
		if v, ok := p.(*vault); ok {
			v.at = max(0, min(lp.Tab, vaultTabs-1))
		}
		t := l.list()
		if f, ok := p.(finder); ok && lp.Filter != "" {
			f.find(c, lp.Filter)
		}
		if lp.Sort >= 0 && lp.Sort < len(t.Cols) && t.Cols[lp.Sort].Sorts {
			t.SortBy(lp.Sort, lp.Desc)
		}
		if lp.Row != "" {
			t.Select(lp.Row)
		}
	}
	c.place.draft = at.Draft
	var open page
	switch at.Kind {
	case appKind:
		if _, ok := c.world.App(at.Object); ok {
			a := newApp(at.Object)
			a.at = max(0, min(at.Tab, tabs-1))
			open = a
		}
	case jobKind:
		open = newJob(parseJob(at.Object))
	case itemKind:
		if it, err := c.core.CatalogueItem(at.Object); err == nil {
			open = &item{it: it}
		}
	}
	if open != nil {
		open.world(c)
		c.stack = append(c.stack, open)
	}
	if at.Form && at.Draft != nil {
		if it, err := c.core.CatalogueItem(at.Draft.Item); err == nil {
			c.stack = append(c.stack, newDeploy(c, it, at.Draft))
		}
	}
}

// draftFor is the kept draft of an item, nil if there is none.
func (k *keeper) draftFor(id string) *draft {
	if k.draft != nil && k.draft.Item == id {
		return k.draft
	}
	return nil
}

var _ tea.Model = (*Console)(nil)
