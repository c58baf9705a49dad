package tui

import (
	"strings"
	"testing"
	"time"

	"proximity/core"
)

// mailer is an app whose questions depend on one another.
func mailer() core.CatalogueItem {
	it := shelf()[0]
	it.ID, it.Name, it.Category = "mailer", "Mailer", "mail"
	it.Fields = []core.FieldView{
		{Key: "MAIL", Label: "Send mail", Type: "boolean", Default: "false"},
		{Key: "SMTP", Label: "Mail server", Type: "host", Required: true, Rule: "a host name or IP address", When: map[string]string{"MAIL": "true"}},
		{Key: "LOOK", Label: "Look", Type: "select", Options: []core.FieldOption{{Value: "dark", Label: "Dark as night"}, {Value: "light", Label: "Light"}}},
	}
	return it
}

// TestFormAsksOnlyWhatMatters: a field whose condition is not met is not asked for, and not sent; a choice may be left
// open, and shows its label.
func TestFormAsksOnlyWhatMatters(t *testing.T) {
	s := newScripted()
	s.items = append(s.items, mailer())
	c := at(t, s, look{}, []string{"3", "/"})
	typed(c, "mailer")
	press(c, "enter", "n")
	expect(t, c, "everything has a default")
	d := c.page().(*deploy)
	if strings.Contains(text(c), "Mail server") {
		t.Errorf("asked for without need:\n%s", text(c))
	}
	d.form.Go("values.MAIL")
	press(c, "space", "down")
	expect(t, c, "Mail server", "a host name or IP address", "1 field to fill in")
	if got := d.form.Focus().Key; got != "values.SMTP" {
		t.Errorf("the next field is %s", got)
	}
	s.check.Problems = []core.FieldProblem{{Field: "values.SMTP", Text: "must be a host name or IP address"}}
	typed(c, "mail.lan")
	expect(t, c, "× Mail server must be a host name or IP address")
	s.check.Problems = nil
	press(c, "down", "right")
	expect(t, c, "Dark as night")
	d.form.Go("values.MAIL")
	press(c, "space", "ctrl+s")
	if len(s.deploys) != 1 {
		t.Fatalf("nothing was sent:\n%s", text(c))
	}
	if v := s.deploys[0].Values; v["SMTP"] != "" || v["LOOK"] != "dark" {
		t.Errorf("sent %v", v)
	}
}

// TestCatalogueSaysWhereAnAppComesFrom: the preview has the origin, what it takes the place of, and what is like it.
func TestCatalogueSaysWhereAnAppComesFrom(t *testing.T) {
	c := at(t, newScripted(), look{}, []string{"3", "down", "down", "down"})
	expect(t, c, "Lychee", "origin    /srv/apps", "replaces the", "embedded one", "similar   immich")
	press(c, "up")
	expect(t, c, "origin    embedded")
}

// TestReloadedCatalogueIsShown: whoever looks at the catalogue sees a reload at once, where they are.
func TestReloadedCatalogueIsShown(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"3", "down", "down"})
	s.items = append(s.items[2:], mailer())
	w := *s.world
	w.Catalogue++
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	expect(t, c, "Mailer", "mail ")
	if strings.Contains(text(c), "Adminer") {
		t.Errorf("what is gone is still there:\n%s", text(c))
	}
	if id := c.page().(*catalogue).table.ID(); id != "immich" {
		t.Errorf("the cursor went to %s", id)
	}
	press(c, "enter")
	s.items[0].Tagline = "Photos, after a reload"
	w.Catalogue++
	c.Update(beatMsg{gen: c.tickGen, world: &w})
	if it := c.page().(*item).it; it.Tagline != "Photos, after a reload" {
		t.Errorf("the page still says %q", it.Tagline)
	}
}

// TestFirstPasswordsAreShownWithTheJob: whoever deployed an app reads what to do first where they watched it come up; others
// are not asked for it.
func TestFirstPasswordsAreShownWithTheJob(t *testing.T) {
	s := newScripted()
	w := *s.world
	j := core.JobView{ID: 480, Kind: "deploy", Title: "deploy paperless", AppID: "paperless-0000006d", Owner: "ops", State: "succeeded", Ended: true, Progress: 1, StartedAt: ago(time.Minute), EndedAt: noon, Steps: deploySteps(13), Step: 12}
	w.Jobs = []core.JobView{j}
	s.world = &w
	c := at(t, s, look{}, []string{"6", "enter"})
	expect(t, c, "paperless runs at", "Sign in to paperless-0000006d with open sesame.", "shown this once")
	press(c, "esc", "enter")
	if n := s.count("WelcomeNote"); n != 2 {
		t.Errorf("asked %d times for two visits", n)
	}
	viewer := newScripted()
	viewer.world = &w
	c = at(t, viewer, look{role: core.RoleViewer}, []string{"6", "enter"})
	expect(t, c, "paperless runs at")
	if viewer.count("WelcomeNote") != 0 || strings.Contains(text(c), "sesame") {
		t.Error("a viewer is shown passwords")
	}
}

// TestSearchPutsTheBestMatchUnderTheCursor: what was selected before one typed does not matter.
func TestSearchPutsTheBestMatchUnderTheCursor(t *testing.T) {
	s := newScripted()
	c := at(t, s, look{}, []string{"3", "end", "/"})
	typed(c, "a")
	if id := c.page().(*catalogue).table.ID(); id != "adminer" {
		t.Errorf("the cursor is on %s", id)
	}
}

// TestNarrowCatalogueShowsWhatAppsAre: at 80 columns the list has the whole width, and the categories come when somebody goes to them.
func TestNarrowCatalogueShowsWhatAppsAre(t *testing.T) {
	c := at(t, newScripted(), look{w: 80, h: 24}, []string{"3", "down"})
	expect(t, c, "Photo and video library with phone backup", "2c 4.0G 20G")
	if strings.Contains(text(c), "CATEGORY") {
		t.Errorf("the categories take the list's room:\n%s", text(c))
	}
	press(c, "tab", "down", "down")
	expect(t, c, "CATEGORY", "dev · 1 app", "Git forge with issues and pack")
	press(c, "enter")
	expect(t, c, "Git forge with issues and packages")
	if strings.Contains(text(c), "CATEGORY") || strings.Contains(text(c), "Immich") {
		t.Errorf("back in the list it has not the room, or not the category:\n%s", text(c))
	}
}
