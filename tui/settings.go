package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// The tabs of Settings.
const (
	tabYou = iota
	tabDefaults
	tabServer
	tabAPI
	settingTabs
)

func settingTab(i int) string {
	return [settingTabs]string{"You", "Defaults", "Server", "API"}[i]
}

// settings is what can be set: for oneself, for apps to come, and what is
// worth knowing of the server.
type settings struct {
	at    int // tab
	table *ui.Table
	rows  settingRows
}

// setting is one row: what it is called, what it is now, and how it changes.
type setting struct {
	id, value, help string
	change          func(c *Console, s *setting) tea.Cmd // nil: it cannot be changed here
}

func newSettings() *settings {
	return &settings{table: ui.NewTable(
		ui.Column{Title: "SETTING", Width: 14},
		ui.Column{Title: "VALUE", Width: 14, Flex: true, Most: 44},
		ui.Column{Title: "WHAT", Width: 24, Flex: true, Drop: 1},
	)}
}

func (p *settings) digit() int                            { return 0 }
func (p *settings) crumbs(*Console) []string              { return []string{settingTab(p.at)} }
func (p *settings) note(*Console) string                  { return "" }
func (p *settings) list() *ui.Table                       { return p.table }
func (p *settings) query() string                         { return p.table.Query() }
func (p *settings) find(_ *Console, q string)             { p.table.Filter(q) }
func (p *settings) move(_ *Console, m motion, n int) bool { return moveTable(p.table, m, n) }
func (p *settings) again(c *Console) tea.Cmd              { p.world(c); return nil }

func (p *settings) scope(*Console) scope {
	s := inList | inTable | inTabs
	if p.table.Len() > 0 {
		s |= onSetting
	}
	return s
}

func (p *settings) on(*Console) object {
	if id := p.table.ID(); id != "" {
		return object{settingKind, id}
	}
	return object{}
}

func (p *settings) tab(c *Console, dir int) (tea.Cmd, bool) {
	to := p.at + dir
	if to < 0 || to >= settingTabs {
		return nil, false
	}
	p.at = to
	p.table.Filter("")
	p.world(c)
	p.table.Home()
	return nil, true
}

func (p *settings) world(c *Console) {
	switch p.at {
	case tabYou:
		p.rows.all = c.personal()
	case tabDefaults:
		p.rows.all = c.defaults()
	case tabServer:
		p.rows.all = c.serverFacts()
	case tabAPI:
		p.rows.all = c.apiFacts()
	}
	p.table.SetRows(&p.rows)
}

// row is the setting under the cursor.
func (p *settings) row() (*setting, bool) {
	i, ok := p.table.Row()
	if !ok {
		return nil, false
	}
	return &p.rows.all[i], true
}

// enter changes what is selected.
func (p *settings) enter(c *Console) (tea.Cmd, bool) { return changeSetting(c, p.on(c)), true }

func changeSetting(c *Console, _ object) tea.Cmd {
	p, ok := c.page().(*settings)
	if !ok {
		return nil
	}
	s, ok := p.row()
	if !ok {
		return nil
	}
	return s.change(c, s)
}

func mayChangeSetting(c *Console, _ object) string {
	p, ok := c.page().(*settings)
	if !ok {
		return ""
	}
	switch s, ok := p.row(); {
	case !ok:
		return "nothing is selected here"
	case s.change == nil:
		return s.id + " cannot be changed here · y copies it"
	case p.at == tabDefaults:
		return refusal(c.actor.May(core.VerbSettings, ""))
	}
	return ""
}

// settingOf is what is known of a setting in front.
func (c *Console) settingOf(on object) map[string]string {
	p, ok := c.page().(*settings)
	if !ok {
		return nil
	}
	s, ok := p.row()
	if !ok || s.id != on.id {
		return nil
	}
	return map[string]string{"setting": s.id, "value": s.value, "what": s.help}
}

// personal are this person's own settings.
func (c *Console) personal() []setting {
	turn := func(id, help string, at func(*prefs) *string, choices ...string) setting { // the first is what the terminal says
		now := *at(&c.prefs)
		value := choices[0]
		for _, x := range choices[1:] {
			if word, _, _ := strings.Cut(x, " "); word == now {
				value = x
			}
		}
		return setting{id, value, help, func(c *Console, s *setting) tea.Cmd {
			next := c.prefs
			for i, x := range choices {
				if x == value {
					*at(&next), _, _ = strings.Cut(choices[(i+1)%len(choices)], " ")
					value = choices[(i+1)%len(choices)]
					break
				}
			}
			if value == choices[0] {
				*at(&next) = ""
			}
			return c.prefer(s.id+" is "+value+" now", next)
		}}
	}
	symbols := "unicode"
	if c.seen.ascii {
		symbols = "ascii"
	}
	zone := c.prefs.Zone
	switch {
	case zone == "" && c.seen.loc == time.Local:
		zone = "auto (the server's)"
	case zone == "":
		zone = "auto (" + c.seen.loc.String() + ")"
	}
	return []setting{
		turn("theme", "auto, dark, light, or none: no colour at all", func(p *prefs) *string { return &p.Theme }, "auto", "dark", "light", "none"),
		turn("symbols", "ascii for terminals whose font has no others", func(p *prefs) *string { return &p.Symbols }, "auto ("+symbols+")", "unicode", "ascii"),
		turn("motion", "how often figures move without a key", func(p *prefs) *string { return &p.Motion }, "every second", "slow (every 5 seconds)"),
		{"time zone", zone, "that times are shown in; ssh does not tell yours", askZone},
		turn("start on", "what is shown when you come in", func(p *prefs) *string { return &p.Start }, "where you left off", "overview"),
		{"copy", "OSC 52, through the terminal", "enter copies \"ok\", to see whether yours takes it", func(c *Console, _ *setting) tea.Cmd { return c.copied("ok") }},
	}
}

// askZone asks for a time zone.
func askZone(c *Console, _ *setting) tea.Cmd {
	c.over = newPrompt("Time zone", "A name as in Europe/Rome or UTC; empty leaves it to the terminal and the server.", c.prefs.Zone, func(c *Console, text string) tea.Cmd {
		text = strings.TrimSpace(text)
		if _, err := time.LoadLocation(text); err != nil {
			c.say(bad, "there is no time zone \""+ui.Printable(text)+"\": write it as Europe/Rome or UTC")
			return nil
		}
		next := c.prefs
		next.Zone = text
		return c.prefer("the time zone is "+ui.Printable(orUnknown(text))+" now", next)
	})
	return nil
}

// defaults are the server's settings, for apps to come.
func (c *Console) defaults() []setting {
	var rows []setting
	for _, v := range c.core.SettingsList() {
		rows = append(rows, setting{v.Key, v.Value, v.Help + defaultWords(v), func(c *Console, _ *setting) tea.Cmd {
			c.over = newPrompt(v.Key, v.Help+" · now "+v.Value+defaultWords(v), v.Value, func(c *Console, text string) tea.Cmd {
				if text == v.Value {
					c.say(info, v.Key+" stays as it is")
					return nil
				}
				return c.set(v.Key, text, v.Value)
			})
			return nil
		}})
	}
	return rows
}

func defaultWords(v core.SettingView) string {
	if v.Value == v.Default {
		return ""
	}
	return " · at first " + v.Default
}

// set changes a setting of the server.
func (c *Console) set(key, text, was string) tea.Cmd {
	call := func(to string) func(ctx context.Context) error {
		return func(ctx context.Context) error { _, err := c.core.SetSetting(ctx, c.actor, key, to); return err }
	}
	return c.doThen(key+" is "+ui.Printable(text)+" now · z takes it back", call(text), func(c *Console) {
		c.canTakeBack(key, func(c *Console) tea.Cmd { return c.do(key+" is "+was+" again", call(was)) })
	})
}

// serverFacts are what is worth knowing of the server.
func (c *Console) serverFacts() []setting {
	a := c.core.About()
	return []setting{
		{"version", a.Version, "of Proximity", nil},
		{"runs since", ui.When(c.now(), a.Started, c.loc), "", nil},
		{"host key", a.HostKey, "what ssh shows at the first contact", nil},
		{"public host", orUnknown(a.PublicHost), "name people reach published apps by: --public-host", nil},
		{"listens on", orAll(a.ListenHost), "for published apps: --listen-host", nil},
		{"hosts", ui.Count(len(c.world.Hosts), "host"), "of Proxmox: 4 shows them", nil},
		{"installation", a.Installation, "in the description of every container of ours", nil},
	}
}

func orAll(s string) string {
	if s == "" {
		return "all addresses"
	}
	return s
}

// apiFacts are how to use the API.
func (c *Console) apiFacts() []setting {
	ssh := "ssh " + c.host + " "
	return []setting{
		{"documents", "/api/docs, /api/openapi.json", "served by the server itself, also without internet", nil},
		{"registration", string(c.core.About().Registration), "who may make an account: --registration", nil},
		{"password", ssh + "users passwd " + c.actor.User, "for logins over HTTP, from standard input", nil},
		{"token", ssh + "tokens create NAME --scope read", "for scripts; also 8 Access, n", nil},
		{"metrics", "/metrics, /healthz, /readyz", "for Prometheus and whatever watches", nil},
	}
}

func (p *settings) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	l.Space(1)
	for i := range settingTabs {
		if i == p.at {
			l.Add(ui.Accent, "["+settingTab(i)+"]").Space(1)
		} else {
			l.Space(1).Add(ui.Muted, settingTab(i)).Space(2)
		}
	}
	out := []string{l.String()}
	if h >= 12 {
		out = append(out, "")
	}
	if p.table.Len() == 0 {
		return append(out, nothingMatches(c, w, "setting", p.query())...)
	}
	if h >= 8 {
		out = append(out, p.table.Header(c.theme, w))
	}
	foot := p.foot(c, w)
	if h < 12 {
		foot = nil
	}
	out = append(out, p.table.Lines(c.theme, w, max(3, h-len(out)-len(foot)))...)
	for len(out) < h-len(foot) {
		out = append(out, "")
	}
	return append(out, foot...)
}

// foot says what a change does.
func (p *settings) foot(c *Console, w int) []string {
	text := ""
	switch p.at {
	case tabYou:
		text = "Saved at once, for you on every terminal. z undoes the last change."
	case tabDefaults:
		if text = refusal(c.actor.May(core.VerbSettings, "")); text == "" {
			text = "For apps to come; those that are there stay as they are. z undoes the last change."
		}
	case tabServer:
		text = "Set where the server is started: proximity serve --help."
	case tabAPI:
		text = "y copies what is selected."
	}
	var out []string
	add := func(text string) {
		for _, s := range ui.Wrap(text, w-3) {
			l := c.theme.NewLine(w)
			out = append(out, l.Space(1).Add(ui.Muted, s).String())
		}
	}
	if s, ok := p.row(); ok && s.help != "" && w < 100 { // its column is too narrow to say it all
		add(s.id + ": " + s.help)
	}
	add(text)
	return out
}

// settingRows are the rows of a tab.
type settingRows struct{ all []setting }

func (r *settingRows) Len() int                       { return len(r.all) }
func (r *settingRows) ID(i int) string                { return r.all[i].id }
func (r *settingRows) Less(_, i, j int) bool          { return i < j }
func (r *settingRows) Joined(*ui.Line, int, int) bool { return false }

func (r *settingRows) Match(i int, terms []string) bool {
	s := &r.all[i]
	return matchesAll(s.id+" "+s.value+" "+s.help, terms)
}

func (r *settingRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	s := &r.all[i]
	switch col {
	case 0:
		nameCell(l, s.id, width, selected)
	case 1:
		l.Cell(ui.Text, s.value, width)
	default:
		l.Cell(ui.Muted, s.help, width)
	}
}
