package tui

import (
	"context"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"proximity/core"
	"proximity/tui/ui"
)

// Options is what a console is made from.
type Options struct {
	Core          Core
	Actor         core.Actor
	Ctx           context.Context // the session's: its end is the console's
	Width, Height int             // cells; 0 = 80x24 until told
	Env           []string        // cleaned: NO_COLOR, PROXIMITY_ASCII, TERM, …
	Profile       colorprofile.Profile
	Host          string               // what people type after ssh
	Now           func() time.Time     // nil = time.Now
	Location      *time.Location       // nil = time.Local
	Copy          func(string) tea.Cmd // to the clipboard; nil = tea.SetClipboard
}

// Console is the root model: it keeps the world, the pages and what lies over
// them, and knows the inside of none.
type Console struct {
	core    Core
	actor   core.Actor
	ctx     context.Context
	host    string
	now     func() time.Time
	loc     *time.Location
	copy    func(string) tea.Cmd
	profile colorprofile.Profile
	ascii   bool
	theme   *ui.Theme
	seen    terminal
	prefs   prefs

	w, h    int
	world   *core.World
	present []core.Presence
	watch   <-chan struct{}

	tops  [10]page // the ten screens, by digit
	top   int      // the one below the stack
	last  int      // the one before it
	stack []page   // what was opened from it

	over     overlay   // palette, help, menu, confirm; nil = none
	finding  *ui.Input // the filter while it is typed
	keys     keymap
	notices  notices
	guess    int             // index of the app asked for last
	live     map[uint64]bool // unfinished jobs as last seen
	undone   undoable        // what z takes back
	spark    map[string][]float64
	tickGen  uint64
	bursts   burst
	place    *keeper
	touched  bool
	quitting bool
	quitAsk  time.Time // of the first ctrl+c
	move     func(string)
	leave    func()
	where    string // as announced to others
}

// New makes the console of one session. Its first View is complete: frame and
// the last known world.
func New(o Options) tea.Model {
	c := &Console{
		core: o.Core, actor: o.Actor, ctx: o.Ctx, host: o.Host, now: o.Now, loc: o.Location, copy: o.Copy,
		profile: o.Profile, live: map[uint64]bool{}, spark: map[string][]float64{},
	}
	if c.ctx == nil {
		c.ctx = context.Background()
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.loc == nil {
		c.loc = time.Local
	}
	if c.copy == nil {
		c.copy = tea.SetClipboard
	}
	if c.host == "" {
		c.host = "proximity"
	}
	c.environment(o.Env)
	c.seen = terminal{profile: c.profile, dark: true, ascii: c.ascii, loc: c.loc}
	c.prefs = readPrefs(c.core.Place(c.actor, prefsKey))
	c.dress()
	c.resize(o.Width, o.Height)
	c.keys = newKeymap()
	c.world = c.core.World(c.actor)
	if c.world == nil {
		c.world = &core.World{}
	}
	for _, j := range c.world.Jobs {
		if !j.Ended {
			c.live[j.ID] = true
		}
	}
	c.tops = screens()
	c.top, c.last = 1, 2
	for _, p := range c.tops {
		p.world(c)
	}
	c.place = &keeper{save: func(b []byte) error { return c.core.SavePlace(c.actor, placeKey, b) }}
	c.restore(c.core.Place(c.actor, placeKey))
	if c.prefs.Start == "overview" {
		c.top, c.stack = 1, nil
	}

	move, leave := c.core.Enter(c.actor)
	if move == nil {
		move = func(string) {}
	}
	var once sync.Once
	c.move, c.leave = move, func() {
		once.Do(func() {
			if leave != nil {
				leave()
			}
		})
	}
	// A cut connection ends the session without a word to the model.
	context.AfterFunc(c.ctx, func() {
		c.leave()
		c.place.flush()
	})
	return c
}

// environment reads what the client's terminal can do.
func (c *Console) environment(env []string) {
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "NO_COLOR":
			if v != "" {
				c.profile = colorprofile.ASCII
			}
		case "PROXIMITY_ASCII":
			c.ascii = c.ascii || v != "" && v != "0"
		case "TERM":
			c.ascii = c.ascii || v == "linux" || v == "ansi" || v == "dumb" || strings.HasPrefix(v, "vt")
		case "TZ":
			if loc, err := time.LoadLocation(v); err == nil && v != "" {
				c.loc = loc
			}
		}
	}
}

func (c *Console) resize(w, h int) {
	if w <= 0 || h <= 0 {
		w, h = 80, 24
	}
	c.w, c.h = min(w, 500), min(h, 300)
}

// beatMsg comes once a second: the time, and the world if it changed.
type beatMsg struct {
	gen     uint64
	world   *core.World
	present []core.Presence
}

// answer is the result of a command for the page that asked; a page that is
// closed, or has asked again since, drops it.
type answer struct {
	to   receiver
	gen  uint64
	body any
}

// told reports the answer to what was asked to be done: it is told even if its
// page is closed.
func told(body any) bool {
	switch body.(type) {
	case deployAnswer, configDone, cloneBegun, updateBegun, hostDone, sheetAnswer:
		return true
	}
	return false
}

// doneMsg is the result of a command whose end is only worth a notice.
type doneMsg struct {
	text string
	err  error
	then func(c *Console) // once it is done; nil = nothing
}

// begunMsg is a job that was asked for.
type begunMsg struct {
	job core.JobView
	err error
}

// Init starts the beat and asks for the colour of the background.
func (c *Console) Init() tea.Cmd {
	c.watch = c.core.Watch(c.ctx)
	return tea.Batch(c.beat(true), tea.RequestBackgroundColor, c.opened(c.page()))
}

// beat waits for the next second, or for the first world at once, and brings
// the world if it has changed since. One beat a second is also the most that
// is drawn without a key: changes in between come with it.
func (c *Console) beat(first bool) tea.Cmd {
	c.tickGen++
	gen, watch, ctx, pace := c.tickGen, c.watch, c.ctx, c.pace()
	return func() tea.Msg {
		if !first {
			now := time.Now()
			timer := time.NewTimer(now.Truncate(pace).Add(pace).Sub(now))
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				return nil
			}
		}
		m := beatMsg{gen: gen, present: c.core.Present()}
		changed := first
		select {
		case <-watch:
			changed = true
		default:
		}
		if changed {
			m.world = c.core.World(c.actor)
		}
		return m
	}
}

// Update handles one message. It never waits.
func (c *Console) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.KeyPressMsg:
		return c, c.key(m)
	case tea.PasteMsg:
		return c, c.paste(m.Content)
	case tea.WindowSizeMsg:
		c.resize(m.Width, m.Height)
		c.feed()
	case tea.ColorProfileMsg:
		if c.seen.profile > colorprofile.ASCII {
			c.seen.profile = m.Profile
			c.dress()
		}
	case tea.BackgroundColorMsg:
		c.seen.dark = m.IsDark()
		c.dress()
	case beatMsg:
		if m.gen == c.tickGen {
			return c, c.onBeat(m)
		}
	case answer:
		if told(m.body) || c.open(m.to) {
			return c, m.to.receive(c, m.gen, m.body)
		}
	case deed:
		return c, c.tell(m)
	case doneMsg:
		if m.err != nil {
			c.fail(m.text, m.err)
		} else if m.text != "" {
			c.say(good, m.text)
		}
		if m.err == nil && m.then != nil {
			m.then(c)
		}
		c.refresh()
		if p, ok := c.page().(interface{ again(c *Console) tea.Cmd }); ok {
			return c, p.again(c)
		}
	case begunMsg:
		if m.err != nil {
			c.fail("", m.err)
			return c, nil
		}
		c.say(good, m.job.Title+": job "+jobID(m.job.ID)+" has begun")
		c.expect([]core.JobView{m.job})
	}
	return c, nil
}

// onBeat takes the new world and lets the page in front do what it does every
// second.
func (c *Console) onBeat(m beatMsg) tea.Cmd {
	if m.world != nil {
		c.take(m.world)
	}
	c.present = m.present
	c.notices.expire(c.now())
	cmds := []tea.Cmd{c.beat(false)}
	if p, ok := c.page().(beater); ok {
		cmds = append(cmds, p.beat(c))
	}
	if where := strings.Join(c.crumbs(), " › "); where != c.where {
		c.where = where
		cmds = append(cmds, func() tea.Msg { c.move(where); return nil })
	}
	if c.touched {
		c.touched = false
		if c.place.put(c.snapshot()) {
			cmds = append(cmds, func() tea.Msg { c.place.flush(); return nil })
		}
	}
	return tea.Batch(cmds...)
}

// refresh takes the newest world now, after something this session did.
func (c *Console) refresh() {
	if w := c.core.World(c.actor); w != nil {
		c.take(w)
	}
}

// take makes w the world that is shown.
func (c *Console) take(w *core.World) {
	c.world = w
	clear(c.spark)
	c.tellEnded(w)
	c.feed()
}

// tellEnded notices the jobs of this user that have ended since the last world.
func (c *Console) tellEnded(w *core.World) {
	live := map[uint64]bool{}
	for i := range w.Jobs {
		j := &w.Jobs[i]
		if !j.Ended {
			live[j.ID] = true
			continue
		}
		if !c.live[j.ID] || j.Owner != c.actor.User {
			continue
		}
		took := ui.Took(j.EndedAt.Sub(j.CreatedAt))
		switch j.State {
		case "succeeded":
			c.say(good, j.Title+" done in "+took)
		case "cancelled":
			c.say(warn, j.Title+" was cancelled after "+took)
		default:
			c.say(bad, j.Title+" failed after "+took+": "+j.Error)
		}
	}
	c.live = live
}

// feed gives the world to the page in front. The others get it when they come
// to the front: what a session does not show costs it nothing.
func (c *Console) feed() { c.page().world(c) }

// View draws the frame.
func (c *Console) View() tea.View {
	content, cursor := c.frame()
	v := tea.NewView(content)
	v.AltScreen = true
	v.WindowTitle = "Proximity · " + ui.Printable(strings.Join(c.crumbs(), " › "))
	if c.ascii {
		v.WindowTitle = ui.ToASCII(v.WindowTitle)
	}
	v.Cursor = cursor
	return v
}

// Bye is the line left on the terminal after the console is gone.
func (c *Console) Bye() string {
	if c.actor.Via == core.ViaLocal { // whether a server goes on is for whoever started this to say
		return "Back where you left off with: proximity"
	}
	for i := range c.world.Jobs {
		if !c.world.Jobs[i].Ended {
			return "Jobs go on: ssh " + c.host + " jobs"
		}
	}
	return "Back where you left off with: ssh " + c.host
}

// quit leaves: the place is kept, others see that this session is gone.
func (c *Console) quit() tea.Cmd {
	c.quitting = true
	c.place.put(c.snapshot())
	for _, p := range c.stack {
		c.closed(p)
	}
	return tea.Sequence(func() tea.Msg {
		// A store that hangs must not keep anybody from leaving.
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.leave()
			c.place.flush()
		}()
		timer := time.NewTimer(300 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
		}
		return nil
	}, tea.Quit)
}

// do runs a core call off the event loop; its end is said in a notice.
func (c *Console) do(text string, call func(ctx context.Context) error) tea.Cmd {
	return c.doThen(text, call, nil)
}

// doThen does and, once it is done, goes on in the event loop.
func (c *Console) doThen(text string, call func(ctx context.Context) error, then func(c *Console)) tea.Cmd {
	ctx := c.ctx
	return func() tea.Msg {
		err := call(ctx)
		if ctx.Err() != nil {
			return nil
		}
		return doneMsg{text, err, then}
	}
}

// begin asks core for a job off the event loop.
func (c *Console) begin(call func(ctx context.Context) (core.JobView, error)) tea.Cmd {
	ctx := c.ctx
	return func() tea.Msg {
		j, err := call(ctx)
		if ctx.Err() != nil {
			return nil
		}
		return begunMsg{j, err}
	}
}
