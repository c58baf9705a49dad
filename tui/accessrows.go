package tui

import (
	"strconv"
	"strings"
	"time"

	"proximity/core"
	"proximity/tui/ui"
)

// peopleRows are the people.
type peopleRows struct {
	c      *Console
	people []core.UserView
}

func (r *peopleRows) Len() int                       { return len(r.people) }
func (r *peopleRows) ID(i int) string                { return r.people[i].Name }
func (r *peopleRows) Joined(*ui.Line, int, int) bool { return false }

func (r *peopleRows) Less(col, i, j int) bool {
	a, b := &r.people[i], &r.people[j]
	switch col {
	case personRole:
		return a.Role < b.Role
	case personLogin:
		return a.LastLogin.After(b.LastLogin)
	}
	return strings.ToLower(a.Name) < strings.ToLower(b.Name)
}

func (r *peopleRows) Match(i int, terms []string) bool {
	u := &r.people[i]
	return matchesAll(u.Name+" "+string(u.Role)+" "+u.Email+" "+u.FirstName+" "+u.LastName, terms)
}

// matchesAll reports whether the text has all terms, which are in lower case.
func matchesAll(text string, terms []string) bool {
	text = strings.ToLower(text)
	for _, t := range terms {
		if !strings.Contains(text, t) {
			return false
		}
	}
	return true
}

// roleMay is what a role may do, in words.
func roleMay(r core.Role) string {
	switch r {
	case core.RoleAdmin:
		return "everything"
	case core.RoleOperator:
		return "all apps; hosts read only"
	case core.RoleUser:
		return "deploy, and change their own apps"
	case core.RoleViewer:
		return "read everything, change nothing"
	}
	return "nothing"
}

// place is where a person's newest console is; ok = they are here.
func (r *peopleRows) place(name string) (place string, ok bool) {
	var since time.Time
	for _, x := range r.c.present {
		if x.User == name && (!ok || x.Since.After(since)) {
			place, since, ok = x.Place, x.Since, true
		}
	}
	return place, ok
}

func (r *peopleRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	u := &r.people[i]
	place, here := r.place(u.Name)
	switch col {
	case personName:
		nameCell(l, u.Name, width, selected)
	case personRole:
		role := ui.Text
		if u.Role == core.RoleAdmin {
			role = ui.Strong
		}
		l.Cell(role, string(u.Role), width)
	case personKeys:
		l.Right(ui.Text, strconv.Itoa(u.Keys), width)
	case personLogin:
		text := ui.When(r.c.now(), u.LastLogin, r.c.loc)
		if here {
			text = "now"
		}
		l.Cell(ui.Text, text, width)
	case personFrom:
		l.Cell(ui.Muted, orUnknown(u.LastFrom), width)
	case personOnline:
		if !here {
			l.Cell(ui.Muted, "", width)
			return
		}
		if place == "" {
			place = "here"
		}
		l.Add(ui.OK, ui.Dot).Space(1).Cell(ui.Text, place, width-2)
	case personMay:
		l.Cell(ui.Muted, roleMay(u.Role), width)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return ui.Unknown
	}
	return s
}

// cred is one way in: a key, a token, or a key that waits.
type cred struct {
	key     *core.KeyView
	token   *core.TokenView
	waiting *core.KnockView
}

type credRows struct {
	c   *Console
	all []cred
}

func (r *credRows) Len() int                       { return len(r.all) }
func (r *credRows) Less(_, i, j int) bool          { return i < j }
func (r *credRows) Match(int, []string) bool       { return true }
func (r *credRows) Joined(*ui.Line, int, int) bool { return false }

func (r *credRows) ID(i int) string {
	switch x := r.all[i]; {
	case x.key != nil:
		return "key " + x.key.Fingerprint
	case x.token != nil:
		return "token " + strconv.FormatUint(x.token.ID, 10)
	default:
		return "waiting " + x.waiting.Fingerprint
	}
}

func (r *credRows) Cell(l *ui.Line, i, col, width int, selected bool) {
	x := r.all[i]
	var what, kind, name, from string
	var added, used time.Time
	role := ui.Text
	switch {
	case x.key != nil:
		what, kind, name, from, added, used = x.key.Fingerprint, strings.TrimPrefix(x.key.Type, "ssh-"), x.key.Comment, x.key.LastFrom, x.key.AddedAt, x.key.LastUsed
	case x.token != nil:
		what, kind, name, from, added, used = "token "+strconv.FormatUint(x.token.ID, 10), string(x.token.Scope)+" token", x.token.Name, x.token.LastFrom, x.token.CreatedAt, x.token.LastUsed
		if x.token.Expired {
			kind, role = "expired", ui.Muted
		}
	default:
		what, kind, name, from, added, used, role = x.waiting.Fingerprint, "waiting", "\""+x.waiting.Name+"\"", x.waiting.From, x.waiting.First, x.waiting.Last, ui.Warn
	}
	switch col {
	case credWhat:
		if x.waiting != nil {
			l.Add(ui.Warn, ui.Ring).Space(1)
			width -= 2
		}
		nameCell(l, what, width, selected)
	case credKind:
		l.Cell(role, kind, width)
	case credName:
		l.Cell(ui.Text, orUnknown(name), width)
	case credAdded:
		l.Cell(ui.Muted, ui.When(r.c.now(), added, r.c.loc), width)
	case credUsed:
		l.Cell(ui.Muted, ui.When(r.c.now(), used, r.c.loc), width)
	case credFrom:
		l.Cell(ui.Muted, orUnknown(from), width)
	}
}
