package tui

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// What can be done to people, keys and tokens. Core decides again.

// Keys of the sheets' fields that core names otherwise.
const (
	fieldPerson   = "name"
	fieldRole     = "role"
	fieldKeys     = "keys"
	fieldScope    = "scope"
	fieldExpires  = "expires"
	fieldEmail    = "email"
	fieldFirst    = "first_name"
	fieldLast     = "last_name"
	fieldPassword = "password"
)

// who is the Access screen: what it knows answers from memory.
func (c *Console) who() *access {
	p, _ := c.tops[8].(*access)
	return p
}

func (c *Console) userOf(on object) (core.UserView, bool) {
	return find(c.who().known.people, on.kind == userKind, func(u core.UserView) bool { return u.Name == on.id })
}

func (c *Console) keyOf(on object) (core.KeyView, bool) {
	return find(c.who().known.keys, on.kind == keyKind, func(k core.KeyView) bool { return k.Fingerprint == on.id })
}

func (c *Console) tokenOf(on object) (core.TokenView, bool) {
	return find(c.who().known.tokens, on.kind == tokenKind, func(t core.TokenView) bool { return strconv.FormatUint(t.ID, 10) == on.id })
}

func (c *Console) waitingOf(on object) (core.KnockView, bool) {
	return find(c.who().known.waiting, on.kind == waitingKind, func(k core.KnockView) bool { return k.Fingerprint == on.id })
}

func find[T any](all []T, kind bool, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(all, is); kind && i >= 0 {
		return all[i], true
	}
	var none T
	return none, false
}

// shortPrint is as much of a fingerprint as one recognises it by.
func shortPrint(s string) string { return ui.Cut(strings.TrimPrefix(s, "SHA256:"), 12) }

// mayChange is the reason against changing an account: one's own may be.
func (c *Console) mayChange(name string) string {
	if name == c.actor.User {
		return refusal(c.actor.May(core.VerbOwnAccount, name))
	}
	return mayChangeUsers(c)
}

// mayInvite: admins let anybody in; others give themselves keys and tokens.
func mayInvite(c *Console, on object) string {
	if on.kind == waitingKind {
		return mayChangeUsers(c)
	}
	if why := mayChangeUsers(c); why != "" && c.actor.Via == core.ViaLocal {
		return why
	}
	return ""
}

// invite offers what new there can be: a person, a key, a token. On a key that
// waits it goes straight to its approval.
func invite(c *Console, on object) tea.Cmd {
	if k, ok := c.waitingOf(on); ok {
		return c.push(approveSheet(k))
	}
	name := c.actor.User
	if u, ok := c.userOf(object{userKind, c.who().people.ID()}); ok && mayChangeUsers(c) == "" {
		name = u.Name
	}
	items := []ui.Item{
		{Label: "somebody new", Detail: "a person with a role, and a public key if they have one", Reason: mayChangeUsers(c), Value: "person"},
		{Label: "a key for " + name, Detail: "one more public key that opens the door", Reason: c.mayChange(name), Value: "key"},
		{Label: "a token of yours", Detail: "for a script that uses the API", Reason: mayHaveTokens(c), Value: "token"},
	}
	slices.SortStableFunc(items, func(a, b ui.Item) int {
		return strings.Compare(a.Reason[:min(1, len(a.Reason))], b.Reason[:min(1, len(b.Reason))])
	})
	c.over = &menu{heading: "New", menu: ui.Menu{Items: items}, choose: func(c *Console, it ui.Item) tea.Cmd {
		switch it.Value {
		case "person":
			return c.push(personSheet())
		case "key":
			return c.push(keySheet(name))
		}
		return c.push(tokenSheet())
	}}
	return nil
}

func mayHaveTokens(c *Console) string {
	if c.actor.Via == core.ViaLocal {
		return "a token belongs to a person: come in with a key to make one"
	}
	return refusal(c.actor.May(core.VerbOwnAccount, c.actor.User))
}

func roleField(now core.Role) *ui.Field {
	f := &ui.Field{Key: fieldRole, Label: "Role", Kind: ui.SelectField}
	for _, r := range core.Roles() {
		f.Options = append(f.Options, ui.Option{Value: string(r), Label: string(r) + " · " + roleMay(r)})
	}
	f.Choose(string(now))
	return f
}

func nameField(label, help string) *ui.Field {
	return &ui.Field{Key: fieldPerson, Label: label, Help: help, Input: ui.Input{Max: 150}}
}

func lineField() *ui.Field {
	return &ui.Field{Key: fieldKeys, Label: "Public key", Help: "the line of a .pub file: paste it here", Input: ui.Input{Max: 16 << 10}}
}

func personSheet() *sheet {
	p := newSheet("Let somebody in", "Let them in", nameField("Name", "letters, digits and . _ - @ +"), roleField(core.RoleUser), lineField())
	p.about = "Without a key the account is for the API, once e on it has given it a password."
	p.send = func(c *Console, p *sheet) errand {
		name, role, line := strings.TrimSpace(p.value(fieldPerson)), core.Role(p.value(fieldRole)), strings.TrimSpace(p.value(fieldKeys))
		var lines []string
		if line != "" {
			lines = []string{line}
		}
		return errand{name + " may come in as " + string(role), func(ctx context.Context) error { return c.core.AddUser(ctx, c.actor, name, role, lines) }, nil}
	}
	p.check = func(p *sheet) (string, string) { return needed(p, fieldPerson, "a name is missing") }
	return p
}

func needed(p *sheet, field, problem string) (string, string) {
	if strings.TrimSpace(p.value(field)) == "" {
		return field, problem
	}
	return "", ""
}

func keySheet(name string) *sheet {
	p := newSheet("A key for "+name, "Add it", lineField())
	p.send = func(c *Console, p *sheet) errand {
		line := strings.TrimSpace(p.value(fieldKeys))
		return errand{"the key lets " + name + " in", func(ctx context.Context) error { return c.core.AddKeys(ctx, c.actor, name, []string{line}) }, nil}
	}
	p.check = func(p *sheet) (string, string) { return needed(p, fieldKeys, "a key is missing") }
	return p
}

func approveSheet(k core.KnockView) *sheet {
	p := newSheet("Approve "+shortPrint(k.Fingerprint), "Let it in", nameField("Whose it is", "a person there is, or a new one"), roleField(core.RoleUser))
	p.form.Field(fieldRole).Help = "of a new person; others keep theirs"
	p.about = k.Fingerprint + " (" + k.Type + ") tried to come in from " + k.From + ", " + ui.Count(k.Count, "time") + ". It calls itself \"" + k.Name + "\", which proves nothing: ask its owner for the fingerprint."
	p.send = func(c *Console, p *sheet) errand {
		name, role := strings.TrimSpace(p.value(fieldPerson)), core.Role(p.value(fieldRole))
		return errand{"the key lets " + name + " in", func(ctx context.Context) error { return c.core.ApproveKey(ctx, c.actor, k.Fingerprint, name, role) }, nil}
	}
	p.check = func(p *sheet) (string, string) { return needed(p, fieldPerson, "whose key is it?") }
	return p
}

func tokenSheet() *sheet {
	scope := &ui.Field{Key: fieldScope, Label: "May", Kind: ui.SelectField, Options: []ui.Option{
		{Value: string(core.ScopeRead), Label: "read · see what you see"}, {Value: string(core.ScopeWrite), Label: "write · deploy and change apps, too"}, {Value: string(core.ScopeAdmin), Label: "admin · all that you may"}}}
	life := &ui.Field{Key: fieldExpires, Label: "Good for", Kind: ui.SelectField, Options: []ui.Option{{Value: "30", Label: "30 days"}, {Value: "90", Label: "90 days"}, {Value: "365", Label: "a year"}, {Value: "0", Label: "ever"}}, Choice: 1}
	p := newSheet("A token of yours", "Make it", nameField("What for", "the script that will use it"), scope, life)
	p.send = func(c *Console, p *sheet) errand {
		days, _ := strconv.Atoi(p.value(fieldExpires))
		name, scope := strings.TrimSpace(p.value(fieldPerson)), core.Scope(p.value(fieldScope))
		var made core.TokenView
		return errand{"the token " + name + " is made",
			func(ctx context.Context) (err error) {
				made, err = c.core.CreateToken(ctx, c.actor, name, scope, time.Duration(days)*24*time.Hour)
				return err
			},
			func(c *Console) {
				c.over = &viewer{heading: "Token " + strconv.FormatUint(made.ID, 10) + " · shown this once", raw: made.Secret, text: []string{made.Secret, "", "y copies it. Use it as in:", "", "curl -H \"Authorization: Bearer " + made.Secret + "\" http://HOST:8000/api/apps/"}}
			}}
	}
	p.check = func(p *sheet) (string, string) { return needed(p, fieldPerson, "say what it is for") }
	return p
}

// userSheet changes a person: role, address, names, password.
func userSheet(c *Console, u core.UserView) *sheet {
	text := func(key, label, value string) *ui.Field {
		f := &ui.Field{Key: key, Label: label, Input: ui.Input{Max: 254}}
		f.Input.Set(value)
		return f
	}
	fields := []*ui.Field{text(fieldEmail, "E-mail", u.Email), text(fieldFirst, "First name", u.FirstName), text(fieldLast, "Last name", u.LastName),
		{Key: fieldPassword, Label: "API password", Default: "stays as it is", Help: "for logins over HTTP; their logins end", Input: ui.Input{Max: 1024, Secret: true}}}
	if mayChangeUsers(c) == "" {
		fields = append([]*ui.Field{roleField(u.Role)}, fields...)
	}
	p := newSheet("Change "+u.Name, "Save", fields...)
	p.send = func(c *Console, p *sheet) errand { return changeUser(c, p, u) }
	return p
}

// changeUser asks core for what differs.
func changeUser(c *Console, p *sheet, u core.UserView) errand {
	var todo []func(ctx context.Context) error
	var did []string
	add := func(what string, call func(ctx context.Context) error) {
		did, todo = append(did, what), append(todo, call)
	}
	if f := p.form.Field(fieldRole); f != nil && f.Value() != string(u.Role) {
		role := core.Role(f.Value())
		add("role", func(ctx context.Context) error { return c.core.SetRole(ctx, c.actor, u.Name, role) })
	}
	profile := core.Profile{Email: strings.TrimSpace(p.value(fieldEmail)), FirstName: strings.TrimSpace(p.value(fieldFirst)), LastName: strings.TrimSpace(p.value(fieldLast))}
	if profile != (core.Profile{Email: u.Email, FirstName: u.FirstName, LastName: u.LastName}) {
		add("profile", func(ctx context.Context) error {
			_, err := c.core.SetProfile(ctx, c.actor, u.Name, profile)
			return err
		})
	}
	if password := p.value(fieldPassword); password != "" {
		add("password", func(ctx context.Context) error { return c.core.SetPassword(ctx, c.actor, u.Name, password) })
	}
	if len(todo) == 0 {
		return errand{}
	}
	was := u.Role
	return errand{"changed of " + u.Name + ": " + strings.Join(did, ", "),
		func(ctx context.Context) error {
			for _, call := range todo {
				if err := call(ctx); err != nil {
					return err
				}
			}
			return nil
		},
		func(c *Console) {
			if did[0] == "role" {
				c.canTakeBack(u.Name+"'s role", func(c *Console) tea.Cmd {
					return c.do(u.Name+" is "+string(was)+" again", func(ctx context.Context) error { return c.core.SetRole(ctx, c.actor, u.Name, was) })
				})
			}
		}}
}

// mayTakeAway is the reason against taking away what is selected.
func mayTakeAway(c *Console, on object) string {
	switch on.kind {
	case userKind:
		u, ok := c.userOf(on)
		switch {
		case !ok:
			return "that person is gone"
		case mayChangeUsers(c) != "":
			return mayChangeUsers(c)
		case u.Name == c.actor.User && c.actor.Via != core.ViaLocal:
			return "this is you: your own last key would go · ask another admin"
		case c.who().lastAdmin(&u):
			return u.Name + " is the last admin: make somebody else one first"
		case u.Apps > 0:
			return u.Name + " owns " + ui.Count(u.Apps, "app") + ": ssh " + c.host + " users remove " + u.Name + " --apps-to NAME --yes hands them over"
		}
	case keyKind:
		k, ok := c.keyOf(on)
		if !ok {
			return "that key is gone"
		}
		if why := c.mayChange(k.User); why != "" {
			return why
		}
		u, _ := c.userOf(object{userKind, k.User})
		switch {
		case u.Keys == 1 && k.User == c.actor.User && c.actor.Via != core.ViaLocal:
			return "this is your last key: you could not come in again · n adds another one"
		case u.Keys == 1 && c.who().lastAdmin(&u):
			return "this is the last key of the last admin"
		}
	case tokenKind:
		t, ok := c.tokenOf(on)
		if !ok {
			return "that token is gone"
		}
		return c.mayChange(t.User)
	}
	return ""
}

// askTakeAway asks before a person, a key or a token is taken away for good.
func askTakeAway(c *Console, on object) tea.Cmd {
	if u, ok := c.userOf(on); ok {
		d := c.askErase("Remove", u.Name, "You are about to take the access of  "+u.Name+"  ("+string(u.Role)+") away.", "user", func(ctx context.Context) error { return c.core.RemoveUser(ctx, c.actor, u.Name, "") })
		d.fact("revokes", ui.Count(u.Keys, "key")+" and "+ui.Count(u.Tokens, "token")+"; open sessions end")
		d.fact("keeps", "what they did in the audit")
		return nil
	}
	if k, ok := c.keyOf(on); ok {
		name := k.Comment
		if name == "" {
			name = shortPrint(k.Fingerprint)
		}
		d := c.askErase("Revoke", name, "You are about to revoke the key  "+name+"  of "+k.User+" ("+k.Fingerprint+").", "key", func(ctx context.Context) error { return c.core.RevokeKey(ctx, c.actor, k.Fingerprint) })
		d.fact("closes", "the door to whoever has it; sessions it opened end")
		return nil
	}
	if t, ok := c.tokenOf(on); ok {
		d := c.askErase("Revoke", t.Name, "You are about to revoke token "+on.id+"  "+t.Name+"  of "+t.User+" ("+string(t.Scope)+").", "token", func(ctx context.Context) error { return c.core.RevokeToken(ctx, c.actor, t.ID) })
		d.fact("breaks", "scripts that use it, at once; last used "+ui.When(c.now(), t.LastUsed, c.loc))
		return nil
	}
	return nil
}

// askErase opens the overlay that wants a name typed; what it says besides is
// added to it.
func (c *Console) askErase(verb, name, about, what string, call func(ctx context.Context) error) *erase {
	d := &erase{name: name, verb: verb, about: about, last: c.now(), yes: func(c *Console) tea.Cmd {
		return c.do("the "+what+" "+name+" is gone", call)
	}}
	d.field.Max = 200
	c.over = d
	return d
}

// deny forgets a key that waits.
func deny(c *Console, on object) tea.Cmd {
	k, ok := c.waitingOf(on)
	if !ok {
		return nil
	}
	return c.do("the key "+shortPrint(k.Fingerprint)+" does not wait any more", func(ctx context.Context) error { return c.core.DenyKey(ctx, c.actor, k.Fingerprint) })
}

func mayDeny(c *Console, _ object) string { return mayChangeUsers(c) }

func mayEndSessions(c *Console, on object) string {
	if c.actor.Via == core.ViaLocal || on.id != c.actor.User {
		return mayChangeUsers(c)
	}
	return "these are your own: q leaves"
}

// askEndSessions asks before somebody is sent away.
func askEndSessions(c *Console, on object) tea.Cmd {
	c.over = &confirm{heading: "End the sessions of " + on.id, button: "End them", opened: c.now(),
		text: append([]string{"You are about to end all sessions of  " + on.id + ": terminals, and logins of the API."}, append(sessionsOf(c, on.id), "Keys, password and tokens stay: they can come in again.")...),
		yes: func(c *Console) tea.Cmd {
			return c.do("the sessions of "+on.id+" are ended", func(ctx context.Context) error {
				_, err := c.core.EndSessions(ctx, c.actor, on.id)
				return err
			})
		}}
	return nil
}

// sessionsOf lists the consoles somebody has open.
func sessionsOf(c *Console, name string) []string {
	var lines []string
	for _, p := range c.present {
		if p.User == name {
			lines = append(lines, orUnknown(p.Place)+" · from "+orUnknown(p.From)+" · since "+ui.When(c.now(), p.Since, c.loc))
		}
	}
	return lines
}

// showSessions shows them.
func showSessions(c *Console, name string) tea.Cmd {
	lines := sessionsOf(c, name)
	if len(lines) == 0 {
		lines = []string{name + " has no console open."}
	}
	c.over = &viewer{heading: "Sessions of " + name, text: lines, raw: strings.Join(lines, "\n")}
	return nil
}
