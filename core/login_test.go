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
)

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
