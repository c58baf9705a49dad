// Package tui is the console one session sees: screens, keys and drawing, as
// an ordinary Bubble Tea model over what core offers. It decides nothing that
// core does not decide, and nothing in it waits: whatever may take time runs
// as a command.
package tui

import (
	"context"

	"proximity/core"
)

// Core is what the console asks of the domain. *core.Core is one, the tests'
// scripted world another. World, History and what is said of the catalogue are
// answered from memory; everything else is called off the event loop.
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
	DoApp(ctx context.Context, a core.Actor, verb core.AppVerb, name string) (core.JobView, error)
	AppSecrets(ctx context.Context, a core.Actor, name string) (map[string]string, error)
	WelcomeNote(ctx context.Context, a core.Actor, name string) (string, error)

	Job(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	JobLog(ctx context.Context, a core.Actor, id, after uint64, limit int) ([]core.LogLine, error)
	CancelJob(ctx context.Context, a core.Actor, id uint64) (core.JobView, error)
	Refresh(host string)

	Place(a core.Actor, key string) []byte
	SavePlace(a core.Actor, key string, blob []byte) error
	Enter(a core.Actor) (move func(place string), leave func())
	Present() []core.Presence
}

var _ Core = (*core.Core)(nil)
