// Package cli is the one command tree that `ssh host …` and `proximity …`
// share: it turns words into core's calls and answers into tables, JSON and
// exit codes. sshd calls it for a session's command, main for this machine's.
//
// It never touches the process it runs in: no standard stream, no argument, no
// file and no variable that Env does not hand it.
package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"proximity/core"
)

// Core is what the commands ask of the domain; *core.Core is what answers.
type Core interface {
	Apps(ctx context.Context, a core.Actor) ([]core.AppView, error)
	App(ctx context.Context, a core.Actor, name string) (core.AppView, error)
	AppLogs(ctx context.Context, a core.Actor, name string, tail int, follow bool, line func(string)) error
	AppHistory(ctx context.Context, a core.Actor, name string, period core.Period) (core.HistoryView, error)
	AppSecrets(ctx context.Context, a core.Actor, name string) (map[string]string, error)
	DoApp(ctx context.Context, a core.Actor, verb core.AppVerb, name string) (core.JobView, error)
	DeleteApp(ctx context.Context, a core.Actor, name string, o core.DeleteOptions) (core.JobView, error)
	KeepApp(ctx context.Context, a core.Actor, name string) (core.JobView, error)
	ReleaseApp(ctx context.Context, a core.Actor, name string) (core.JobView, error)
	AppConfig(ctx context.Context, a core.Actor, name string) (core.ConfigView, error)
	ConfigureApp(ctx context.Context, a core.Actor, name string, ch core.ConfigChange) (core.JobView, error)
	Discover(ctx context.Context, a core.Actor, host string) ([]core.FoundGuest, error)
	Adopt(ctx context.Context, a core.Actor, r core.AdoptRequest) (core.AppView, core.JobView, error)
	DeployApp(ctx context.Context, a core.Actor, r core.DeployRequest) (core.AppView, core.JobView, error)
	WelcomeNote(ctx context.Context, a core.Actor, name string) (string, error)
	CloneApp(ctx context.Context, a core.Actor, name string, r core.CloneRequest) (core.AppView, core.JobView, error)
	CheckUpdate(ctx context.Context, a core.Actor, name string) (core.UpdateView, error)
	UpdateApp(ctx context.Context, a core.Actor, name string, r core.UpdateRequest) (core.JobView, error)
	DeploymentLog(ctx context.Context, a core.Actor, name string, limit int) ([]core.LogLine, error)

	Catalogue(query, category string) []core.CatalogueItem
	CatalogueItem(id string) (core.CatalogueItem, error)
	Categories() []core.CategoryView
	SimilarItems(id string) []core.CatalogueItem
	ReloadCatalogue(ctx context.Context, a core.Actor) (core.CatalogueReload, error)

	Jobs(ctx context.Context, a core.Actor, f core.JobFilter) ([]core.JobView, error)
	Job(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	JobLog(ctx context.Context, a core.Actor, id, after uint64, limit int) ([]core.LogLine, error)
	FollowJob(ctx context.Context, a core.Actor, id uint64, line func(core.LogLine)) (core.JobView, error)
	CancelJob(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)

	BackupApp(ctx context.Context, a core.Actor, name string, r core.BackupRequest) (core.BackupView, core.JobView, error)
	Backups(ctx context.Context, a core.Actor, name string) ([]core.BackupView, error)
	Backup(ctx context.Context, a core.Actor, id uint64) (core.BackupView, error)
	RestoreBackup(ctx context.Context, a core.Actor, id uint64, r core.RestoreRequest) (core.AppView, core.JobView, error)
	DeleteBackup(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	NoteBackup(ctx context.Context, a core.Actor, id uint64, note string) (core.BackupView, error)
	PinBackup(ctx context.Context, a core.Actor, id uint64, pinned bool) (core.BackupView, error)
	ScanBackups(ctx context.Context, a core.Actor) (core.JobView, error)

	Schedules(ctx context.Context, a core.Actor) ([]core.ScheduleView, error)
	SaveSchedule(ctx context.Context, a core.Actor, of string, r core.ScheduleRequest) (core.ScheduleView, error)
	RemoveSchedule(ctx context.Context, a core.Actor, name string) error
	RunSchedule(ctx context.Context, a core.Actor, name string) (core.JobView, error)
	PreviewPrune(ctx context.Context, a core.Actor, name string) ([]core.PruneMark, error)
	PruneSchedule(ctx context.Context, a core.Actor, name string) (core.JobView, error)
	Undo(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	Reconcile(ctx context.Context, a core.Actor) (core.JobView, error)
	Janitor(ctx context.Context, a core.Actor) (core.JobView, error)
	Audit(ctx context.Context, a core.Actor, f core.AuditFilter) ([]core.AuditView, error)
	VerifyAudit(ctx context.Context, a core.Actor) (core.AuditCheck, error)

	Hosts(ctx context.Context, a core.Actor) ([]core.HostView, error)
	AddHost(ctx context.Context, a core.Actor, r core.AddHostRequest) (core.HostView, error)
	TestHost(ctx context.Context, a core.Actor, name string) ([]core.HostCheck, error)
	EditHost(ctx context.Context, a core.Actor, name string, e core.HostEdit) (core.HostView, error)
	SetDefaultHost(ctx context.Context, a core.Actor, name string) (core.HostView, error)
	RemoveHost(ctx context.Context, a core.Actor, name string) error
	SyncNodes(ctx context.Context, a core.Actor, name string) (int, error)
	TrustHost(ctx context.Context, a core.Actor, name string, accept []string) (core.HostView, error)
	HostWrapper(a core.Actor) (string, error)
	Doctor(ctx context.Context, a core.Actor) ([]core.Finding, error)
	Nodes(ctx context.Context, a core.Actor) ([]core.NodeView, error)

	Users(ctx context.Context, a core.Actor) ([]core.UserView, error)
	User(ctx context.Context, a core.Actor, name string) (core.UserView, error)
	AddUser(ctx context.Context, a core.Actor, name string, role core.Role, keyLines []string) error
	SetRole(ctx context.Context, a core.Actor, name string, role core.Role) error
	SetProfile(ctx context.Context, a core.Actor, name string, p core.Profile) (core.UserView, error)
	EndSessions(ctx context.Context, a core.Actor, name string) (int, error)
	RemoveUser(ctx context.Context, a core.Actor, name, heir string) error

	UserKeys(ctx context.Context, a core.Actor, name string) ([]core.KeyView, error)
	Knocks(ctx context.Context, a core.Actor) ([]core.KnockView, error)
	AddKeys(ctx context.Context, a core.Actor, name string, keyLines []string) error
	ApproveKey(ctx context.Context, a core.Actor, fingerprint, name string, role core.Role) error
	DenyKey(ctx context.Context, a core.Actor, fingerprint string) error
	RevokeKey(ctx context.Context, a core.Actor, fingerprint string) error

	Tokens(ctx context.Context, a core.Actor) ([]core.TokenView, error)
	CreateToken(ctx context.Context, a core.Actor, name string, scope core.Scope, life time.Duration) (core.TokenView, error)
	RevokeToken(ctx context.Context, a core.Actor, id uint64) error

	SettingsList() []core.SettingView
	SetSetting(ctx context.Context, a core.Actor, name, text string) (core.Settings, error)

	SetPassword(ctx context.Context, a core.Actor, name, password string) error
}

var _ Core = (*core.Core)(nil)

// Env is where a command runs and for whom.
type Env struct {
	Core     Core
	Actor    core.Actor
	In       io.Reader
	Out, Err io.Writer
	Width    int                 // of the terminal in cells; 0 = unknown, nothing is cut
	Host     string              // what people type after ssh, for hints; "" = the program itself
	Getenv   func(string) string // the caller's environment, cleaned; nil = empty
	Offline  bool                // no server works on jobs: they are only written down
	Now      func() time.Time    // nil = time.Now
}

// Run runs one command and returns its exit code: 0 ok, 1 failed, 2 usage,
// 3 not found, 4 not allowed, 5 conflict, 6 host (or server) unreachable.
// Errors are one line on Err that says what to do next; with --json a document
// {"error": {"kind", "field", "text", "hint"}}.
func Run(ctx context.Context, e Env, args []string) (exit int) {
	r := newRun(e)
	root := r.tree()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would read the process's own
	err := known(root, args)
	if err == nil {
		r.command, err = root.ExecuteContextC(ctx)
	}
	if err == nil {
		return 0
	}
	return r.fail(err, args)
}

// Fail prints an error as Run prints its own, and returns the exit code: for
// what goes wrong before or after a command.
func Fail(errw io.Writer, err error, args []string) (exit int) {
	return newRun(Env{Err: errw}).fail(err, args)
}

// Commands lists the names of all commands.
func Commands() []string {
	var names []string
	for _, c := range newRun(Env{}).tree().Commands() {
		names = append(names, c.Name())
	}
	return names
}

// Tree is the command tree itself, for manuals and shell completion.
func Tree() *cobra.Command { return newRun(Env{}).tree() }

// run is one command being run.
type run struct {
	Env
	json    bool
	zone    *time.Location
	command *cobra.Command // the one that was called, once it was
}

func newRun(e Env) *run {
	if e.In == nil {
		e.In = strings.NewReader("")
	}
	if e.Out == nil {
		e.Out = io.Discard
	}
	if e.Err == nil {
		e.Err = io.Discard
	}
	if e.Getenv == nil {
		e.Getenv = func(string) string { return "" }
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	zone := time.Local
	if name := e.Getenv("TZ"); name != "" {
		if z, err := time.LoadLocation(name); err == nil {
			zone = z
		}
	}
	return &run{Env: e, zone: zone}
}

// tree is built anew for every run: a cobra command remembers its flags.
func (r *run) tree() *cobra.Command {
	name := "proximity"
	if r.Host != "" {
		name = "ssh " + r.Host
	}
	root := &cobra.Command{
		Use:           "proximity",
		Short:         "Self-hosted apps on Proxmox VE, from a terminal",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: name},
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(r.In)
	root.SetOut(r.Out)
	root.SetErr(r.Err)
	root.PersistentFlags().BoolVar(&r.json, "json", false, "answer in JSON")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return misread(c, err)
	})
	root.AddCommand(
		r.apps(), r.app(), r.logs(), r.metrics(), r.verb(core.StartApp, "Start an app"), r.stop(), r.verb(core.RestartApp, "Restart an app"),
		r.config(), r.clone(), r.update(), r.delete(), r.undelete(), r.discover(), r.adopt(), r.release(),
		r.catalog(), r.deploy(),
		r.backup(), r.backups(), r.restore(), r.backupDelete(), r.backupNote(), r.pin(), r.schedules(),
		r.jobs(), r.job(), r.cancel(), r.undo(), r.reconcile(), r.janitor(), r.audit(),
		r.hosts(), r.nodes(), r.doctor(),
		r.users(), r.keys(), r.tokens(), r.settings(), r.whoami(), r.version(),
	)
	help := r.help(root)
	root.SetHelpCommand(help)
	root.AddCommand(help)
	return root
}

// known refuses a first word that is no command, with the nearest ones.
func known(root *cobra.Command, args []string) error {
	for _, a := range args {
		if a == "--" {
			return nil
		}
		if strings.HasPrefix(a, "-") {
			continue
		}
		return knownIn(root, a)
	}
	return nil
}

func knownIn(parent *cobra.Command, word string) error {
	for _, c := range parent.Commands() {
		if c.Name() == word {
			return nil
		}
	}
	e := &core.Error{Kind: core.ErrInvalid, Text: "unknown command " + quote(word), Hint: "`help` lists the commands"}
	parent.SuggestionsMinimumDistance = 2 // slips of the finger
	if near := parent.SuggestionsFor(word); len(near) > 0 {
		e.Hint = "did you mean `" + strings.Join(near, "` or `") + "`?"
	}
	return e
}

func (r *run) help(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say what the commands do",
		RunE: func(_ *cobra.Command, args []string) error {
			at := root
			for _, word := range args {
				if err := knownIn(at, word); err != nil {
					return err
				}
				at, _, _ = at.Find([]string{word})
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}
