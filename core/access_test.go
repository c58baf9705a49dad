package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"proximity/keys"
	"proximity/store"
)

// still is a core that does no work, and whose clock the test moves.
func still(t *testing.T, mode Registration) (c *Core, wait func(time.Duration)) {
	t.Helper()
	cfg := testConfig(t.TempDir())
	cfg.Registration = mode
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	now := time.Now()
	c.now = func() time.Time { return now }
	return c, func(d time.Duration) { now = now.Add(d) }
}

const secretWord = "correct horse battery"

// person makes a user with a password.
func (c *Core) somebody(t *testing.T, name string, role Role) Actor {
	t.Helper()
	if err := c.AddUser(t.Context(), admin, name, role, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.SetPassword(t.Context(), admin, name, secretWord); err != nil {
		t.Fatal(err)
	}
	return Actor{User: name, Role: role, Via: ViaSSH}
}

func (c *Core) id(t *testing.T, name string) uint64 {
	t.Helper()
	v, err := c.User(t.Context(), admin, name)
	if err != nil {
		t.Fatal(err)
	}
	return v.ID
}

func TestTokensOfPeople(t *testing.T) {
	t.Parallel()
	c, wait := still(t, RegistrationFirst)
	ann, bob := c.somebody(t, "ann", RoleOperator), c.somebody(t, "bob", RoleUser)
	v, err := c.CreateToken(t.Context(), ann, " nightly ", ScopeWrite, time.Hour)
	if err != nil || !strings.HasPrefix(v.Secret, "px_") || len(v.Secret) < 40 || v.Name != "nightly" {
		t.Fatalf("%+v, %v", v, err)
	}
	a, err := c.Bearer(t.Context(), "10.1.1.1", v.Secret)
	if err != nil || a.User != "ann" || a.Scope != ScopeWrite || a.Fingerprint != fmt.Sprintf("token %d", v.ID) {
		t.Errorf("%+v, %v", a, err)
	}
	for verb, want := range map[Verb]bool{VerbReadApp: true, VerbDeploy: true, VerbChangeApp: true, VerbReadHosts: true, VerbOwnAccount: false, VerbChangeUsers: false} {
		if got := a.May(verb, "ann") == nil; got != want {
			t.Errorf("an operator's write token may %s: %v", verb, got)
		}
	}
	if list, _ := c.Tokens(t.Context(), bob); len(list) != 0 {
		t.Errorf("bob sees %+v", list)
	}
	if err := c.RevokeToken(t.Context(), bob, v.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("bob revokes ann's: %v", err)
	}
	if list, _ := c.Tokens(t.Context(), admin); len(list) != 1 || list[0].User != "ann" || list[0].LastFrom != "10.1.1.1" || list[0].Secret != "" {
		t.Errorf("the admin sees %+v", list)
	}
	wait(time.Hour)
	if _, err := c.Bearer(t.Context(), "", v.Secret); !errors.Is(err, keys.ErrTokenExpired) {
		t.Errorf("after its time: %v", err)
	}
	for _, k := range []struct {
		a     Actor
		name  string
		scope Scope
		life  time.Duration
		want  error
	}{
		{ann, "", ScopeRead, 0, ErrInvalid}, {ann, "x\x1b[2J", ScopeRead, 0, ErrInvalid}, {ann, "x", "all", 0, ErrInvalid}, {ann, "x", ScopeRead, -1, ErrInvalid},
		{LocalAdmin("root"), "x", ScopeRead, 0, ErrConflict}, {Actor{User: "ann", Role: RoleUser, Scope: ScopeWrite}, "x", ScopeRead, 0, ErrDenied}, {Actor{User: "ann"}, "x", ScopeRead, 0, ErrDenied},
	} {
		if _, err := c.CreateToken(t.Context(), k.a, k.name, k.scope, k.life); kindOf(err) != k.want {
			t.Errorf("%+v %q %q: %v, want %v", k.a, k.name, k.scope, err, k.want)
		}
	}
	if err := c.RevokeToken(t.Context(), ann, v.ID); err != nil {
		t.Error(err)
	}
}

// line is a public key that nobody else has.
func keyLine(t *testing.T) (line, fingerprint string) {
	t.Helper()
	k, err := keys.WriteClientKey(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	return k.Line, k.Fingerprint
}

func TestNobodyLocksThemselvesOut(t *testing.T) {
	t.Parallel()
	c, _ := still(t, RegistrationFirst)
	line, fp := keyLine(t)
	if err := c.AddUser(t.Context(), admin, "boss", RoleAdmin, []string{line}); err != nil {
		t.Fatal(err)
	}
	boss := Actor{User: "boss", Role: RoleAdmin, Via: ViaSSH, Fingerprint: fp}
	for what, err := range map[string]error{
		"demote":     c.SetRole(t.Context(), boss, "boss", RoleUser),
		"remove":     c.RemoveUser(t.Context(), boss, "boss", ""),
		"revoke":     c.RevokeKey(t.Context(), boss, fp),
		"remove, by": c.RemoveUser(t.Context(), admin, "boss", ""),
		"revoke, by": c.RevokeKey(t.Context(), admin, fp),
		"demote, by": c.SetRole(t.Context(), admin, "boss", RoleViewer),
	} {
		if !errors.Is(err, ErrConflict) {
			t.Errorf("%s the last admin: %v", what, err)
		}
	}
	other, otherFP := keyLine(t)
	if err := c.AddUser(t.Context(), boss, "vice", RoleAdmin, []string{other}); err != nil {
		t.Fatal(err)
	}
	vice := Actor{User: "vice", Role: RoleAdmin, Via: ViaSSH, Fingerprint: otherFP}
	if err := c.RevokeKey(t.Context(), vice, otherFP); !errors.Is(err, ErrConflict) {
		t.Errorf("their own last key: %v", err)
	}
	if err := c.RevokeKey(t.Context(), boss, otherFP); err != nil {
		t.Errorf("another's: %v", err)
	}
	if err := c.SetRole(t.Context(), vice, "boss", RoleUser); err != nil {
		t.Error(err)
	}
	user := Actor{User: "boss", Role: RoleUser, Via: ViaSSH}
	for what, err := range map[string]error{
		"add":     c.AddUser(t.Context(), user, "eve", RoleAdmin, nil),
		"role":    c.SetRole(t.Context(), user, "boss", RoleAdmin),
		"remove":  c.RemoveUser(t.Context(), user, "vice", ""),
		"passwd":  c.SetPassword(t.Context(), user, "vice", secretWord),
		"approve": c.ApproveKey(t.Context(), user, otherFP, "boss", RoleUser),
		"deny":    c.DenyKey(t.Context(), user, otherFP),
	} {
		if !errors.Is(err, ErrDenied) {
			t.Errorf("a user may %s: %v", what, err)
		}
	}
	if all, _ := c.Users(t.Context(), user); len(all) != 1 || all[0].Name != "boss" {
		t.Errorf("a user sees %+v", all)
	}
}

func TestWhoLeavesHandsTheirAppsOver(t *testing.T) {
	t.Parallel()
	c, _ := still(t, RegistrationFirst)
	ann := c.somebody(t, "ann", RoleUser)
	c.somebody(t, "bob", RoleUser)
	err := c.store.Update(func(tx *store.Tx) error {
		for i, name := range []string{"annas", "annas-other"} {
			if err := c.putApp(tx, app{ID: fmt.Sprintf("adminer-0000000%d", i+1), CatalogID: "adminer", Hostname: name, Owner: "ann", Status: StatusRunning}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveUser(t.Context(), admin, "ann", ""); err == nil || !strings.HasPrefix(err.Error(), "ann owns annas, annas-other (") {
		t.Errorf("whose apps are left: %v", err)
	}
	tokens, _ := c.StartLogin(t.Context(), ann)
	personal, err := c.CreateToken(t.Context(), ann, "x", ScopeAdmin, 0)
	if err != nil {
		t.Fatal(err)
	}
	session, leave := c.Admit(t.Context(), ann)
	defer leave()
	for heir, want := range map[string]error{"": ErrConflict, "ann": ErrConflict, "nobody": ErrNotFound} {
		if err := c.RemoveUser(t.Context(), admin, "ann", heir); kindOf(err) != want {
			t.Errorf("apps to %q: %v, want %v", heir, err, want)
		}
	}
	if session.Err() != nil {
		t.Error("a refused removal ends sessions")
	}
	if err := c.RemoveUser(t.Context(), admin, "ann", "bob"); err != nil {
		t.Fatal(err)
	}
	if a, err := c.App(t.Context(), admin, "annas"); err != nil || a.Owner != "bob" {
		t.Errorf("the app is %s's, %v", a.Owner, err)
	}
	if cause := context.Cause(session); cause == nil || !strings.Contains(cause.Error(), "taken away") {
		t.Errorf("her session goes on: %v", cause)
	}
	for _, token := range []string{tokens.Access, personal.Secret} {
		if _, err := c.Bearer(t.Context(), "", token); !errors.Is(err, ErrDenied) {
			t.Errorf("her token goes on: %v", err)
		}
	}
	// Whoever takes the name after her is somebody else.
	c.somebody(t, "ann", RoleUser)
	if _, err := c.Bearer(t.Context(), "", personal.Secret); !errors.Is(err, ErrDenied) {
		t.Errorf("her token is the new one's: %v", err)
	}
}

func TestSessionsEndWithTheAccess(t *testing.T) {
	t.Parallel()
	c, _ := still(t, RegistrationFirst)
	one, oneFP := keyLine(t)
	two, twoFP := keyLine(t)
	if err := c.AddUser(t.Context(), admin, "ann", RoleOperator, []string{one, two}); err != nil {
		t.Fatal(err)
	}
	enter := func(fp string, role Role) context.Context {
		ctx, leave := c.Admit(t.Context(), Actor{User: "ann", Role: role, Via: ViaSSH, Fingerprint: fp})
		t.Cleanup(leave)
		return ctx
	}
	first, second := enter(oneFP, RoleOperator), enter(twoFP, RoleOperator)
	if err := c.RevokeKey(t.Context(), admin, oneFP[:20]); err != nil { // the beginning is enough
		t.Fatal(err)
	}
	if first.Err() == nil || second.Err() != nil {
		t.Errorf("revoking one key ends %v and %v", context.Cause(first), context.Cause(second))
	}
	if err := c.SetRole(t.Context(), admin, "ann", RoleViewer); err != nil {
		t.Fatal(err)
	}
	if cause := context.Cause(second); cause == nil || !strings.Contains(cause.Error(), "viewer") {
		t.Errorf("a session keeps a role that was taken: %v", cause)
	}
	if late := enter(twoFP, RoleOperator); late.Err() == nil { // logged in before, admitted after
		t.Error("a session begins with a role that was taken")
	}
	third := enter(twoFP, RoleViewer)
	if n, err := c.EndSessions(t.Context(), admin, "ann"); err != nil || n != 1 || third.Err() == nil {
		t.Errorf("ended %d, %v, %v", n, err, third.Err())
	}
	if m := c.Measures(); m.Sessions != 0 {
		t.Errorf("%d sessions are counted", m.Sessions)
	}
}

func TestKnockingIsAnswered(t *testing.T) {
	t.Parallel()
	c, _ := still(t, RegistrationFirst)
	line, fp := keyLine(t)
	other, otherFP := keyLine(t)
	c.SeenUnknownKey(fp, line, "ann\x1b[31m", "203.0.113.1")
	c.SeenUnknownKey(fp, line, "ann", "203.0.113.1")
	c.SeenUnknownKey(otherFP, other, "root", "203.0.113.2")
	waiting, err := c.Knocks(t.Context(), admin)
	if err != nil || len(waiting) != 2 {
		t.Fatalf("%+v, %v", waiting, err)
	}
	for _, k := range waiting {
		if k.Fingerprint == fp && (k.Count != 2 || k.Type != "ssh-ed25519" || k.From != "203.0.113.1") {
			t.Errorf("%+v", k)
		}
	}
	if err := c.ApproveKey(t.Context(), admin, "SHA256:", "ann", RoleUser); !errors.Is(err, ErrNotFound) {
		t.Errorf("approved by no fingerprint: %v", err)
	}
	if err := c.ApproveKey(t.Context(), admin, fp[:20], "ann", RoleUser); err != nil {
		t.Fatal(err)
	}
	if a, err := c.Login(fp, ""); err != nil || a.User != "ann" || a.Role != RoleUser {
		t.Errorf("%+v, %v", a, err)
	}
	if err := c.DenyKey(t.Context(), admin, otherFP); err != nil {
		t.Fatal(err)
	}
	if waiting, _ := c.Knocks(t.Context(), admin); len(waiting) != 0 {
		t.Errorf("still waiting: %+v", waiting)
	}
	if list, _ := c.UserKeys(t.Context(), admin, "ann"); len(list) != 1 || list[0].Fingerprint != fp || list[0].AddedBy != "admin" {
		t.Errorf("her keys are %+v", list)
	}
}
