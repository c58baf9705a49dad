package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"proximity/core"
	"proximity/core/catalog"
)

// catalogueSettings are what manifests there are beside the embedded ones.
type catalogueSettings struct{ folders, override []string }

func (s *catalogueSettings) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.folders, "catalog", nil, "folder of further manifests; may be repeated")
	f.StringSliceVar(&s.override, "catalog-override", nil, "id of an embedded app that such a folder may replace; may be repeated")
}

// into adds the folders to a configuration.
func (s catalogueSettings) into(cfg core.Config) (core.Config, error) {
	for _, folder := range s.folders {
		path, err := filepath.Abs(folder)
		if err != nil {
			return cfg, wrong("give an absolute path", "--catalog: %s", err)
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			return cfg, wrong("give a folder of manifests", "--catalog: %s is no folder", folder)
		}
		cfg.Catalogue = append(cfg.Catalogue, catalog.Source{Name: path, FS: os.DirFS(path)})
	}
	cfg.CatalogueOverride = s.override
	return cfg, nil
}

// catalogue adds what the environment says of the catalogue to a
// configuration: for what has no flags of its own.
func (p *program) catalogue(cfg core.Config) (core.Config, error) {
	var s catalogueSettings
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.flags(flags)
	if err := fromEnvironment(flags, p.getenv); err != nil {
		return cfg, err
	}
	return s.into(cfg)
}

// reloadOnHangup reads the catalogue again on SIGHUP, until ctx ends.
func (s *server) reloadOnHangup(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
		}
		done, err := s.core.ReloadCatalogue(ctx, core.LocalAdmin("SIGHUP"))
		if err != nil {
			s.log.Error("the catalogue is as it was", "error", err)
			continue
		}
		s.log.Info("the catalogue was read again", "result", done.Summary())
	}
}
