// Package tui is the console one session sees: screens, keys and drawing, as
// an ordinary Bubble Tea model over what core offers. It decides nothing that
// core does not decide, and nothing in it waits: whatever may take time runs
// as a command.
package tui

import (
	"context"
	"time"

	"proximity/core"
)

// Core is what the console asks of the domain. *core.Core is one, the tests'
// scripted world another. World, History, Settings, SettingsList, About and what is said of
// the catalogue are answered from memory; everything else is called off the event loop.
type Core interface {
	World(a core.Actor) *core.World
	Watch(ctx context.Context) <-chan struct{}
	History(a core.Actor, object string) []core.Sample

	Catalogue(query, category string) []core.CatalogueItem
	Categories() []core.CategoryView
	CatalogueItem(id string) (core.CatalogueItem, error)
	SimilarItems(id string) []core.CatalogueItem

	CheckDeploy(a core.Actor, r core.DeployRequest) core.DeployCheck
	DeployApp(ctx context.Context, a core.Actor, r core.DeployRequest) (core.AppView, core.JobView, error)
	AppLogs(ctx context.Context, a core.Actor, name string, tail int, follow bool, line func(string)) error
	AppHistory(ctx context.Context, a core.Actor, name string, period core.Period) (core.HistoryView, error)
	DoApp(ctx context.Context, a core.Actor, verb core.AppVerb, name string) (core.JobView, error)
	DeleteApp(ctx context.Context, a core.Actor, name string, o core.DeleteOptions) (core.JobView, error)
	CheckConfig(a core.Actor, name string, ch core.ConfigChange) core.ConfigCheck
	AppConfig(ctx context.Context, a core.Actor, name string) (core.ConfigView, error)
	ConfigureApp(ctx context.Context, a core.Actor, name string, ch core.ConfigChange) (core.JobView, error)
	Discover(ctx context.Context, a core.Actor, host string) ([]core.FoundGuest, error)
	Adopt(ctx context.Context, a core.Actor, r core.AdoptRequest) (core.AppView, core.JobView, error)
	Audit(ctx context.Context, a core.Actor, f core.AuditFilter) ([]core.AuditView, error)
	VerifyAudit(ctx context.Context, a core.Actor) (core.AuditCheck, error)
	Undo(ctx context.Context, a core.Actor, job uint64) (core.JobView, error)
	Settings() core.Settings
	CheckClone(ctx context.Context, a core.Actor, name string, r core.CloneRequest) (core.CloneCheck, error)
	CloneApp(ctx context.Context, a core.Actor, name string, r core.CloneRequest) (core.AppView, core.JobView, error)
	CheckUpdate(ctx context.Context, a core.Actor, name string) (core.UpdateView, error)
	UpdateApp(ctx context.Context, a core.Actor, name string, r core.UpdateRequest) (core.JobView, error)
	SettingsList() []core.SettingView
	SetSetting(ctx context.Context, a core.Actor, name, text string) (core.Settings, error)
	About() core.About
	AppSecrets(ctx context.Context, a core.Actor, name string) (map[string]string, error)
	WelcomeNote(ctx context.Context, a core.Actor, name string) (string, error)

	Backups(ctx context.Context, a core.Actor, app string) ([]core.BackupView, error)
	BackupApp(ctx context.Context, a core.Actor, app string, r core.BackupRequest) (core.BackupView, core.JobView, error)
	RestoreBackup(ctx context.Context, a core.Actor, id uint64, r core.RestoreRequest) (core.AppView, core.JobView, error)
	DeleteBackup(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	NoteBackup(ctx context.Context, a core.Actor, id uint64, note string) (core.BackupView, error)
	PinBackup(ctx context.Context, a core.Actor, id uint64, pinned bool) (core.BackupView, error)
	ScanBackups(ctx context.Context, a core.Actor) (core.JobView, error)
	Schedules(ctx context.Context, a core.Actor) ([]core.ScheduleView, error)
	CheckSchedule(a core.Actor, of string, r core.ScheduleRequest) core.ScheduleCheck
	SaveSchedule(ctx context.Context, a core.Actor, of string, r core.ScheduleRequest) (core.ScheduleView, error)
	RemoveSchedule(ctx context.Context, a core.Actor, name string) error
	RunSchedule(ctx context.Context, a core.Actor, name string) (core.JobView, error)
	PreviewPrune(ctx context.Context, a core.Actor, schedule string) ([]core.PruneMark, error)
	PruneSchedule(ctx context.Context, a core.Actor, schedule string) (core.JobView, error)

	Jobs(ctx context.Context, a core.Actor, f core.JobFilter) ([]core.JobView, error)
	Job(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	JobLog(ctx context.Context, a core.Actor, id, after uint64, limit int) ([]core.LogLine, error)
	CancelJob(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	Refresh(host string)

	TestHost(ctx context.Context, a core.Actor, name string) ([]core.HostCheck, error)
	ProbeHost(ctx context.Context, a core.Actor, address string) (core.Certificate, error)
	AddHost(ctx context.Context, a core.Actor, r core.AddHostRequest) (core.HostView, error)
	EditHost(ctx context.Context, a core.Actor, name string, e core.HostEdit) (core.HostView, error)
	SetDefaultHost(ctx context.Context, a core.Actor, name string) (core.HostView, error)
	SyncNodes(ctx context.Context, a core.Actor, host string) (int, error)
	TrustHost(ctx context.Context, a core.Actor, name string, accept []string) (core.HostView, error)
	RemoveHost(ctx context.Context, a core.Actor, name string) error

	Users(ctx context.Context, a core.Actor) ([]core.UserView, error)
	AddUser(ctx context.Context, a core.Actor, name string, role core.Role, keyLines []string) error
	SetRole(ctx context.Context, a core.Actor, name string, role core.Role) error
	SetProfile(ctx context.Context, a core.Actor, name string, p core.Profile) (core.UserView, error)
	SetPassword(ctx context.Context, a core.Actor, name, password string) error
	EndSessions(ctx context.Context, a core.Actor, name string) (int, error)
	RemoveUser(ctx context.Context, a core.Actor, name, heir string) error
	UserKeys(ctx context.Context, a core.Actor, name string) ([]core.KeyView, error)
	AddKeys(ctx context.Context, a core.Actor, name string, keyLines []string) error
	RevokeKey(ctx context.Context, a core.Actor, fingerprint string) error
	Knocks(ctx context.Context, a core.Actor) ([]core.KnockView, error)
	ApproveKey(ctx context.Context, a core.Actor, fingerprint, name string, role core.Role) error
	DenyKey(ctx context.Context, a core.Actor, fingerprint string) error
	Tokens(ctx context.Context, a core.Actor) ([]core.TokenView, error)
	CreateToken(ctx context.Context, a core.Actor, name string, scope core.Scope, life time.Duration) (core.TokenView, error)
	RevokeToken(ctx context.Context, a core.Actor, id uint64) error

	Place(a core.Actor, key string) []byte
	SavePlace(a core.Actor, key string, blob []byte) error
	Enter(a core.Actor) (move func(place string), leave func())
	Present() []core.Presence
}

var _ Core = (*core.Core)(nil)
