package tui

import (
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// access is who may come in: people above, below them the keys and tokens of
// the one selected, and the keys that wait for approval.
type access struct {
	people *ui.Table
	creds  *ui.Table
	low    bool // the lower list has the focus
	rows   peopleRows
	below  credRows
	known  accessAnswer
	asked  time.Time // since when core is being asked; zero = it is not
	at     time.Time // of the answer
	gen    uint64
}

const (
	personName = iota
	personRole
	personKeys
	personLogin
	personFrom
	personOnline
	personMay
)

const (
	credWhat = iota
	credKind
	credName
	credAdded
	credUsed
	credFrom
)

// accessEvery is how often core is asked again while the screen is looked at.
const accessEvery = 5 * time.Second

func newAccess() *access {
	return &access{
		people: ui.NewTable(
			ui.Column{Title: "NAME", Width: 10, Flex: true, Most: 24, Sorts: true},
			ui.Column{Title: "ROLE", Width: 9, Sorts: true},
			ui.Column{Title: "KEYS", Width: 5, Right: true, Drop: 2},
			ui.Column{Title: "LAST LOGIN", Width: 13, Drop: 3, Sorts: true},
			ui.Column{Title: "FROM", Width: 15, Drop: 6},
			ui.Column{Title: "ONLINE", Width: 18, Drop: 5},
			ui.Column{Title: "MAY", Width: 24, Flex: true, Most: 44, Drop: 4},
		),
		creds: ui.NewTable(
			ui.Column{Title: "KEY OR TOKEN", Width: 20, Flex: true, Most: 52},
			ui.Column{Title: "KIND", Width: 12, Drop: 2},
			ui.Column{Title: "NAME", Width: 12, Flex: true, Most: 24, Drop: 1},
			ui.Column{Title: "ADDED", Width: 12, Drop: 5},
			ui.Column{Title: "LAST USED", Width: 12, Drop: 3},
			ui.Column{Title: "FROM", Width: 15, Drop: 6},
		),
	}
}

func (p *access) digit() int               { return 8 }
func (p *access) crumbs(*Console) []string { return nil }

// list is the one that keys move in.
func (p *access) list() *ui.Table {
	if p.low {
		return p.creds
	}
	return p.people
}

func (p *access) query() string             { return p.people.Query() }
func (p *access) find(c *Console, q string) { p.people.Filter(q); p.choose(c) }

func (p *access) move(c *Console, m motion, n int) bool {
	moved := moveTable(p.list(), m, n)
	if !p.low {
		p.choose(c)
	}
	return moved
}

func (p *access) note(c *Console) string {
	if p.at.IsZero() {
		return ""
	}
	online := map[string]bool{}
	for _, x := range c.present {
		online[x.User] = true
	}
	s := ui.Count(p.people.Total(), "person") + " · " + ui.Count(len(p.known.keys), "key") + " · " + strconv.Itoa(len(online)) + " online"
	if s = strings.Replace(s, "persons", "people", 1); len(p.known.waiting) > 0 {
		s += " · " + strconv.Itoa(len(p.known.waiting)) + " waiting"
	}
	return s
}

func (p *access) scope(*Console) scope {
	return inList | inTable | inPanes | inAccess | p.selected().scope()
}

func (p *access) on(*Console) object { return p.selected() }

// selected is what the cursor is on.
func (p *access) selected() object {
	if !p.low {
		if id := p.people.ID(); id != "" {
			return object{userKind, id}
		}
		return object{}
	}
	kind, id, _ := strings.Cut(p.creds.ID(), " ")
	switch kind {
	case "key":
		return object{keyKind, id}
	case "token":
		return object{tokenKind, id}
	case "waiting":
		return object{waitingKind, id}
	}
	return object{}
}

func (p *access) world(c *Console) {
	p.rows.c, p.below.c = c, c
	p.people.SetRows(&p.rows)
	p.choose(c)
}

// choose fills the lower list for whoever is selected above.
func (p *access) choose(c *Console) {
	p.below = credRows{c: c}
	name := p.people.ID()
	for i := range p.known.keys {
		if k := &p.known.keys[i]; k.User == name {
			p.below.all = append(p.below.all, cred{key: k})
		}
	}
	for i := range p.known.tokens {
		if t := &p.known.tokens[i]; t.User == name {
			p.below.all = append(p.below.all, cred{token: t})
		}
	}
	for i := range p.known.waiting {
		p.below.all = append(p.below.all, cred{waiting: &p.known.waiting[i]})
	}
	p.creds.SetRows(&p.below)
	if p.creds.Len() == 0 {
		p.low = false
	}
}

// pane goes from one list to the other.
func (p *access) pane(c *Console, _ int) bool {
	if !p.low && p.creds.Len() == 0 {
		return false
	}
	p.low = !p.low
	return true
}

// up goes back to the people.
func (p *access) up() bool {
	was := p.low
	p.low = false
	return was
}

// enter goes from a person to their keys.
func (p *access) enter(c *Console) (tea.Cmd, bool) {
	switch {
	case p.low:
		return viewRaw(c, p.selected()), true
	case p.creds.Len() == 0:
		c.say(info, p.people.ID()+" has no key and no token: n makes one")
	default:
		p.low = true
	}
	return nil, true
}

// accessAnswer is who there is.
type accessAnswer struct {
	people  []core.UserView
	keys    []core.KeyView
	tokens  []core.TokenView
	waiting []core.KnockView
	err     error
}

func (p *access) opened(c *Console) tea.Cmd { return p.reload(c) }

func (p *access) beat(c *Console) tea.Cmd {
	if c.now().Sub(p.at) < accessEvery {
		return nil
	}
	return p.reload(c)
}

// again looks again after something was done here.
func (p *access) again(c *Console) tea.Cmd {
	p.asked = time.Time{}
	return p.reload(c)
}

func (p *access) reload(c *Console) tea.Cmd {
	if !p.asked.IsZero() {
		return nil
	}
	p.asked = c.now()
	p.gen++
	gen, ctx, all := p.gen, c.ctx, mayChangeUsers(c) == ""
	return func() tea.Msg {
		var a accessAnswer
		if a.people, a.err = c.core.Users(ctx, c.actor); a.err == nil {
			a.keys, a.err = c.core.UserKeys(ctx, c.actor, "")
		}
		if a.err == nil {
			a.tokens, a.err = c.core.Tokens(ctx, c.actor)
		}
		if a.err == nil && all {
			a.waiting, a.err = c.core.Knocks(ctx, c.actor)
		}
		return answer{p, gen, a}
	}
}

func (p *access) receive(c *Console, gen uint64, body any) tea.Cmd {
	a, ok := body.(accessAnswer)
	if !ok || gen != p.gen {
		return nil
	}
	p.asked, p.at = time.Time{}, c.now()
	if a.err != nil {
		p.known.err = a.err
		return nil
	}
	first := p.known.people == nil
	p.known = a
	p.rows = peopleRows{c: c, people: a.people}
	p.world(c)
	if first && p.people.ID() != c.actor.User {
		p.people.Select(c.actor.User)
		p.choose(c)
	}
	return nil
}

func mayChangeUsers(c *Console) string { return refusal(c.actor.May(core.VerbChangeUsers, "")) }

func (p *access) body(c *Console, w, h int) []string {
	if p.people.Total() == 0 {
		return p.empty(c, w)
	}
	if p.people.Len() == 0 {
		return nothingMatches(c, w, "person", p.query())
	}
	if h < 14 { // one list at a time
		return p.one(c, w, h)
	}
	upper := max(4, min(p.people.Len()+1, h/2))
	out := p.lines(c, p.people, true, w, upper) // its cursor says whose keys are below
	l := c.theme.NewLine(w)
	out = append(out, "", l.Space(1).Add(ui.Heading, "KEYS AND TOKENS of "+p.people.ID()).String())
	rules := p.rules(c, w)
	if p.creds.Len() == 0 {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(3).Add(ui.Muted, "none: ").Add(ui.Key, "n").Add(ui.Muted, " gives one").String())
	} else {
		out = append(out, p.lines(c, p.creds, p.low, w, h-len(out)-len(rules)-1)...)
	}
	for len(out) < h-len(rules) {
		out = append(out, "")
	}
	return append(out, rules...)
}

// one draws the list that has the focus.
func (p *access) one(c *Console, w, h int) []string {
	var out []string
	if p.low && h >= 8 {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(1).Add(ui.Heading, "KEYS AND TOKENS of "+p.people.ID()).String())
	}
	return append(out, p.lines(c, p.list(), true, w, h-len(out))...)
}

// lines draws a list with its header; without the focus it has no cursor.
func (p *access) lines(c *Console, t *ui.Table, focused bool, w, h int) []string {
	var out []string
	if h >= 4 {
		out = append(out, t.Header(c.theme, w))
	}
	t.Quiet = !focused
	return append(out, t.Lines(c.theme, w, max(1, h-len(out)))...)
}

func (p *access) empty(c *Console, w int) []string {
	l := c.theme.NewLine(w)
	l.Space(2)
	switch {
	case p.known.err != nil:
		l.Add(ui.Error, ui.Cross+" ").Add(ui.Text, errorText(p.known.err))
	case p.at.IsZero():
		l.Add(ui.Muted, "… asking who may come in")
	default:
		l.Add(ui.Text, "You came through the machine's own door, and nobody else may come in yet: ").Add(ui.Key, "n").Add(ui.Text, " invites somebody.")
	}
	return []string{"", l.String()}
}

// rules say what cannot be done to the one selected, before anybody tries.
func (p *access) rules(c *Console, w int) []string {
	row, ok := p.people.Row()
	if !ok {
		return nil
	}
	u := &p.rows.people[row]
	text := ""
	switch {
	case u.Name == c.actor.User:
		text = "this is you: d is disabled, and so it is on your last key"
	case p.lastAdmin(u):
		text = u.Name + " is the last admin: the role stays, and d is disabled"
	}
	if len(p.known.waiting) > 0 && mayChangeUsers(c) == "" {
		text = strings.TrimPrefix(text+" · n on a waiting key approves it, a → deny forgets it", " · ")
	}
	if text == "" {
		return nil
	}
	var out []string
	for _, s := range ui.Wrap(text, w-3) {
		l := c.theme.NewLine(w)
		out = append(out, l.Space(1).Add(ui.Muted, s).String())
	}
	return out
}

func (p *access) lastAdmin(u *core.UserView) bool {
	if u.Role != core.RoleAdmin {
		return false
	}
	for i := range p.rows.people {
		if x := &p.rows.people[i]; x.Role == core.RoleAdmin && x.Name != u.Name {
			return false
		}
	}
	return true
}
