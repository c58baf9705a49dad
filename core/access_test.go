package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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

func TestLoginsRunOutAndAreTakenBack(t *testing.T) {
	t.Parallel()
	c, wait := still(t, RegistrationFirst)
	ann := c.somebody(t, "ann", RoleUser)
	enter := func() Tokens {
		a, _, err := c.LoginPassword(t.Context(), "10.0.0.9", "ann", secretWord)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := c.StartLogin(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		return tokens
	}
	works := func(token string) error { _, err := c.Bearer(t.Context(), "10.0.0.9", token); return err }

	first := enter()
	if a, err := c.Bearer(t.Context(), "10.0.0.9", first.Access); err != nil || a.User != "ann" || a.Role != RoleUser || a.Via != ViaAPI || a.From != "10.0.0.9" {
		t.Errorf("the token is %+v's, %v", a, err)
	}
	wait(59 * time.Minute)
	if err := works(first.Access); err != nil {
		t.Errorf("after 59 minutes: %v", err)
	}
	wait(2 * time.Minute)
	if err := works(first.Access); !errors.Is(err, keys.ErrTokenExpired) {
		t.Errorf("after an hour: %v", err)
	}
	second, err := c.RefreshLogin(t.Context(), "10.0.0.9", first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	// Twice at once is a client with two windows; the new pair goes on.
	if _, err := c.RefreshLogin(t.Context(), "10.0.0.9", first.Refresh); !errors.Is(err, ErrDenied) {
		t.Errorf("an old refresh token gives %v", err)
	}
	if err := works(second.Access); err != nil {
		t.Errorf("the new pair died with the old one: %v", err)
	}
	// Later, somebody has a copy: the whole login ends.
	wait(2 * time.Minute)
	if _, err := c.RefreshLogin(t.Context(), "203.0.113.9", first.Refresh); !errors.Is(err, ErrDenied) {
		t.Errorf("an old refresh token gives %v", err)
	}
	if err := works(second.Access); !errors.Is(err, ErrDenied) {
		t.Errorf("a login whose token was copied goes on: %v", err)
	}

	// Who leaves with an access token that has run out leaves all the same.
	left, stays := enter(), enter()
	wait(2 * time.Hour)
	c.EndLogin(t.Context(), "10.0.0.9", left.Access)
	c.EndLogin(t.Context(), "10.0.0.9", stays.Access+"x") // not ours
	if _, err := c.RefreshLogin(t.Context(), "10.0.0.9", left.Refresh); !errors.Is(err, ErrDenied) {
		t.Errorf("after the logout the refresh token gives %v", err)
	}
	if _, err := c.RefreshLogin(t.Context(), "10.0.0.9", stays.Refresh); err != nil {
		t.Errorf("another login was ended: %v", err)
	}

	third := enter()
	wait(8 * 24 * time.Hour)
	if _, err := c.RefreshLogin(t.Context(), "10.0.0.9", third.Refresh); !errors.Is(err, keys.ErrTokenExpired) {
		t.Errorf("after eight days: %v", err)
	}
	fourth := enter() // and what has run out is swept away
	if n := len(c.loginsOf(c.id(t, "ann"))); n != 1 {
		t.Errorf("%d logins are kept", n)
	}
	if err := c.SetPassword(t.Context(), ann, "ann", "another fine sentence"); err != nil {
		t.Fatal(err)
	}
	if err := works(fourth.Access); !errors.Is(err, ErrDenied) {
		t.Errorf("a new password leaves old logins: %v", err)
	}
}

func (c *Core) id(t *testing.T, name string) uint64 {
	t.Helper()
	v, err := c.User(t.Context(), admin, name)
	if err != nil {
		t.Fatal(err)
	}
	return v.ID
}

// What a login stands on survives a restart; so does that it was ended.
func TestLoginsOutliveARestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ann := c.somebody(t, "ann", RoleUser)
	kept, _ := c.StartLogin(t.Context(), ann)
	ended, _ := c.StartLogin(t.Context(), ann)
	token, err := c.CreateToken(t.Context(), ann, "cron", ScopeRead, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.EndLogin(t.Context(), "", ended.Refresh)
	raw := new(strings.Builder)
	if err := errors.Join(c.Snapshot(raw), c.Close()); err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"the token": token.Secret[3:], "the password": secretWord, "an access token": kept.Access, "a refresh token": kept.Refresh} {
		if strings.Contains(raw.String(), secret) {
			t.Errorf("%s is in the file", what)
		}
	}
	if c, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for token, want := range map[string]error{kept.Access: nil, ended.Access: ErrDenied, token.Secret: nil} {
		if _, err := c.Bearer(t.Context(), "", token); !errors.Is(err, want) {
			t.Errorf("after the restart: %v, want %v", err, want)
		}
	}
	if _, err := c.RefreshLogin(t.Context(), "", ended.Refresh); !errors.Is(err, ErrDenied) {
		t.Errorf("an ended login is refreshed: %v", err)
	}
}

func TestOneRefreshWins(t *testing.T) {
	t.Parallel()
	c, _ := still(t, RegistrationFirst)
	first, err := c.StartLogin(t.Context(), c.somebody(t, "ann", RoleUser))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	won := 0
	for range 16 {
		wg.Go(func() {
			if _, err := c.RefreshLogin(context.Background(), "", first.Refresh); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d got a new pair for one token", won)
	}
}

// Who is kept out of an account by others' guesses is not kept out from where
// they always come.
func TestGuessesDoNotLockPeopleOut(t *testing.T) {
	t.Parallel()
	c, wait := still(t, RegistrationFirst)
	c.somebody(t, "ann", RoleUser)
	in := func(from, password string) error {
		_, _, err := c.LoginPassword(t.Context(), from, "ann", password)
		return err
	}
	if err := in("10.0.0.9", secretWord); err != nil {
		t.Fatal(err)
	}
	for i := range accountFailures {
		if err := in(fmt.Sprintf("203.0.113.%d", i), "a guess"); !errors.Is(err, ErrDenied) {
			t.Fatal(err)
		}
	}
	var e *Error
	if err := in("203.0.113.99", secretWord); !errors.As(err, &e) || !errors.Is(err, ErrTooMany) || e.After <= 0 || e.After > failureEvery {
		t.Errorf("a guesser is told %v", err)
	}
	if err := in("10.0.0.9", secretWord); err != nil {
		t.Errorf("ann is kept out of her own account: %v", err)
	}
	wait(failureEvery)
	if err := in("203.0.113.98", "a guess"); !errors.Is(err, ErrDenied) {
		t.Errorf("later: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	th := NewThrottle(2, time.Second)
	now := time.Now()
	for i, want := range []time.Duration{0, 0, time.Second, time.Second} {
		if got := th.Take("a", now); got != want {
			t.Errorf("take %d: wait %s, want %s", i, got, want)
		}
	}
	if th.Take("b", now) != 0 {
		t.Error("one key holds another up")
	}
	th.Return("a")
	if th.Take("a", now) != 0 || th.Take("a", now) == 0 {
		t.Error("what is given back cannot be taken again, once")
	}
	if th.Take("a", now.Add(time.Second)) != 0 {
		t.Error("time does not help")
	}
	for i := range maxThrottled + 100 {
		th.Take(fmt.Sprint("stranger ", i), now)
	}
	if len(th.full) > maxThrottled {
		t.Errorf("%d keys are remembered", len(th.full))
	}
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
		return c.putApp(tx, app{ID: "adminer-00000001", CatalogID: "adminer", Hostname: "annas", Owner: "ann", Status: StatusRunning})
	})
	if err != nil {
		t.Fatal(err)
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

func TestSettingsAreCheckedAndKept(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.GuestNetworks = nil
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetSetting(t.Context(), admin, "guest-networks", "192.168.7.0/24"); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"here", "127.0.0.0/8", "0.0.0.0/0", "::/0", "169.254.0.0/16", "fe80::/10"} {
		if _, err := c.SetSetting(t.Context(), admin, "guest-networks", bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := c.SetResources(t.Context(), admin, Resources{Cores: 4, MemoryMB: 4096, DiskGB: 40, SwapMB: 0}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		key, value string
		want       error
		reads      string
	}{
		{"cores", "8", nil, "8"}, {"cores", "many", ErrInvalid, "8"}, {"cores", "0", ErrInvalid, "8"}, {"dns", "1.1.1.1,9.9.9.9", nil, "1.1.1.1, 9.9.9.9"}, {"dns", "", ErrInvalid, "1.1.1.1, 9.9.9.9"},
		{"delete-wait", "1h30m", nil, "1h30m"}, {"delete-wait", "1s", ErrInvalid, "1h30m"}, {"delete-wait", "90s", nil, "1m30s"}, {"subnet", "10.9.0.0/16", ErrInvalid, "10.0.0.0/24"}, {"cores", "4", nil, "4"},
		{"subnet", "10.9.0.0/29 10.9.0.1", nil, "10.9.0.0/29"}, {"gateway", "10.9.0.2", nil, "10.9.0.2"}, {"network", "magic", ErrInvalid, "dhcp"}, {"network", "static", nil, "static"},
		{"reserved", "10.9.0.3-10.9.0.4, 10.9.0.5", nil, "10.9.0.3-10.9.0.4, 10.9.0.5"}, {"reserved", "10.9.0.0/29", ErrInvalid, "10.9.0.3-10.9.0.4, 10.9.0.5"}, {"reserved", "none", nil, "none"},
	} {
		if _, err := c.SetSetting(t.Context(), admin, k.key, k.value); kindOf(err) != k.want {
			t.Errorf("%s %q: %v, want %v", k.key, k.value, err, k.want)
		}
		for _, v := range c.SettingsList() {
			if v.Key == k.key && v.Value != k.reads {
				t.Errorf("%s reads %q, want %q", k.key, v.Value, k.reads)
			}
		}
	}
	if _, err := c.SetSetting(t.Context(), admin, "colour", "blue"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a setting there is not: %v", err)
	}
	for role, who := range map[Role]string{RoleOperator: "an operator", RoleUser: "a user", RoleViewer: "a viewer", "": "somebody without a role"} {
		_, err := c.SetResources(t.Context(), Actor{User: "x", Role: role}, Resources{Cores: 1, MemoryMB: 256, DiskGB: 1})
		if !errors.Is(err, ErrDenied) || !strings.HasPrefix(err.Error(), who+" may not ") {
			t.Errorf("%s may change settings: %v", role, err)
		}
	}
	if _, err := c.Reconcile(t.Context(), Actor{User: "x", Role: RoleUser}); err == nil || !strings.Contains(err.Error(), "may not change the apps of others") { // their own they may
		t.Errorf("a user may not look after all apps: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s := c.Settings(); s.Cores != 4 || len(s.GuestNetworks) != 1 || s.GuestNetworks[0] != "192.168.7.0/24" || s.Network != NetworkStatic || s.UpdatedAt.IsZero() {
		t.Errorf("after a restart: %+v", s)
	}
}
