package tui

import (
	"context"
	"fmt"
	"time"

	"proximity/core"
)

func (s *scripted) Users(_ context.Context, a core.Actor) ([]core.UserView, error) {
	s.called("Users")
	all := []core.UserView{
		{ID: 3, Name: "ci", Role: core.RoleOperator, Keys: 1, Tokens: 1, LastLogin: ago(2 * time.Hour), LastFrom: "10.0.0.30", CreatedAt: ago(900 * time.Hour)},
		{ID: 2, Name: "dev", Role: core.RoleUser, Keys: 1, Apps: 2, Email: "dev@example.org", LastLogin: ago(70 * time.Hour), LastFrom: "10.0.0.9", CreatedAt: ago(900 * time.Hour)},
		{ID: 1, Name: "ops", Role: core.RoleAdmin, Keys: 2, Tokens: 1, Password: true, LastLogin: ago(time.Minute), LastFrom: "10.0.0.4", CreatedAt: ago(1000 * time.Hour)},
	}
	if a.May(core.VerbReadUsers, "") != nil {
		all = all[2:]
	}
	return all, s.fail
}

func (s *scripted) UserKeys(context.Context, core.Actor, string) ([]core.KeyView, error) {
	s.called("UserKeys")
	return []core.KeyView{
		{Fingerprint: "SHA256:9Q2lXf0000000000000000000000000000000000000", Type: "ssh-ed25519", User: "ops", Comment: "laptop", AddedAt: ago(960 * time.Hour), AddedBy: "ops", LastUsed: ago(time.Second), LastFrom: "10.0.0.4"},
		{Fingerprint: "SHA256:b71fQe0000000000000000000000000000000000000", Type: "ssh-ed25519", User: "ops", Comment: "yubikey", AddedAt: ago(290 * time.Hour), AddedBy: "ops", LastUsed: ago(4 * time.Hour)},
		{Fingerprint: "SHA256:dev0000000000000000000000000000000000000000", Type: "ssh-rsa", User: "dev", AddedAt: ago(290 * time.Hour), AddedBy: "ops"},
		{Fingerprint: "SHA256:ci00000000000000000000000000000000000000000", Type: "ssh-ed25519", User: "ci", Comment: "runner", AddedAt: ago(290 * time.Hour), AddedBy: "ops"},
	}, s.fail
}

func (s *scripted) Tokens(context.Context, core.Actor) ([]core.TokenView, error) {
	s.called("Tokens")
	return []core.TokenView{
		{ID: 3, Name: "nightly", User: "ops", Scope: core.ScopeRead, CreatedAt: ago(20 * time.Hour), LastUsed: ago(3 * time.Hour), LastFrom: "10.0.0.30"},
		{ID: 4, Name: "pipeline", User: "ci", Scope: core.ScopeWrite, CreatedAt: ago(20 * time.Hour), Expired: true},
	}, s.fail
}

func (s *scripted) Knocks(context.Context, core.Actor) ([]core.KnockView, error) {
	s.called("Knocks")
	return []core.KnockView{{Fingerprint: "SHA256:Zz041M0000000000000000000000000000000000000", Type: "ssh-ed25519", Name: "ops@phone", From: "10.8.0.7", Count: 3, First: ago(time.Hour), Last: ago(5 * time.Minute)}}, s.fail
}

func (s *scripted) AddUser(_ context.Context, _ core.Actor, name string, role core.Role, lines []string) error {
	return s.deed("AddUser", fmt.Sprint(name, " ", role, " ", len(lines)))
}

func (s *scripted) SetRole(_ context.Context, _ core.Actor, name string, role core.Role) error {
	return s.deed("SetRole", name+" "+string(role))
}

func (s *scripted) SetProfile(_ context.Context, _ core.Actor, name string, p core.Profile) (core.UserView, error) {
	return core.UserView{}, s.deed("SetProfile", name+" "+p.Email)
}

func (s *scripted) SetPassword(_ context.Context, _ core.Actor, name, password string) error {
	return s.deed("SetPassword", name+" "+password)
}

func (s *scripted) EndSessions(_ context.Context, _ core.Actor, name string) (int, error) {
	return 1, s.deed("EndSessions", name)
}

func (s *scripted) RemoveUser(_ context.Context, _ core.Actor, name, heir string) error {
	return s.deed("RemoveUser", name+heir)
}

func (s *scripted) AddKeys(_ context.Context, _ core.Actor, name string, _ []string) error {
	return s.deed("AddKeys", name)
}

func (s *scripted) RevokeKey(_ context.Context, _ core.Actor, fingerprint string) error {
	return s.deed("RevokeKey", fingerprint)
}

func (s *scripted) ApproveKey(_ context.Context, _ core.Actor, fingerprint, name string, role core.Role) error {
	return s.deed("ApproveKey", fingerprint[:13]+" "+name+" "+string(role))
}

func (s *scripted) DenyKey(_ context.Context, _ core.Actor, fingerprint string) error {
	return s.deed("DenyKey", fingerprint[:13])
}

func (s *scripted) CreateToken(_ context.Context, _ core.Actor, name string, scope core.Scope, life time.Duration) (core.TokenView, error) {
	return core.TokenView{ID: 5, Name: name, Scope: scope, Secret: "px_secretsecretsecret"}, s.deed("CreateToken", name+" "+string(scope)+" "+life.String())
}

func (s *scripted) RevokeToken(_ context.Context, _ core.Actor, id uint64) error {
	return s.deed("RevokeToken", fmt.Sprint(id))
}
