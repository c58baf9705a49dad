package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"proximity/core"
	"proximity/core/catalog"
)

// The commands for people who write manifests work on the files of whoever
// calls them. That is why they are not among those that ssh knows.

// onFiles recognises them.
func (l line) onFiles() bool {
	if l.word != "catalog" || len(l.rest) < 2 || l.rest[0] != l.word {
		return false
	}
	return l.rest[1] == "lint" || l.rest[1] == "new"
}

func (p *program) lint() *cobra.Command {
	return &cobra.Command{
		Use:   "lint DIR|FILE…",
		Short: "Check manifests: all that the server would refuse them for",
		Long: "Check manifests: all that the server would refuse them for, a line for each fault: file, JSON path, what is expected.\n" +
			"The exit code is 0 when all are sound, 1 when not, 3 when there are none.",
		Example: "  proximity catalog lint ./apps\n  proximity catalog lint apps/my-app.json --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrong("give a folder of manifests, or one of them", "there is nothing to check")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var found checked
			for _, arg := range args {
				if err := found.add(c, arg); err != nil {
					return err
				}
			}
			return p.sayChecked(c, found)
		},
	}
}

// checked is what lint found.
type checked struct {
	Files    int                     `json:"files"`
	Sound    int                     `json:"sound"`
	Problems []core.CatalogueProblem `json:"problems"`
}

// add checks one file, or all of a folder.
func (f *checked) add(c *cobra.Command, arg string) error {
	info, err := os.Stat(arg)
	if errors.Is(err, fs.ErrNotExist) {
		return &core.Error{Kind: core.ErrNotFound, Text: "there is no " + core.SafeText(arg, 200), Hint: "give a manifest, or a folder of them"}
	}
	if err != nil {
		return err
	}
	source, names := catalog.Source{Name: filepath.Clean(arg), FS: os.DirFS(arg)}, []string(nil)
	if !info.IsDir() {
		dir, name := filepath.Split(filepath.Clean(arg))
		source, names = catalog.Source{Name: filepath.Clean(dir), FS: os.DirFS(filepath.Clean(dir))}, []string{name}
	}
	files, problems := catalog.Check(c.Context(), source, names...)
	if files == 0 && len(problems) == 0 {
		return &core.Error{Kind: core.ErrNotFound, Text: "there is no manifest in " + core.SafeText(arg, 200), Hint: "they are called ID.json; `proximity catalog new ID` begins one"}
	}
	faulty := map[string]bool{}
	for _, p := range problems {
		faulty[p.File] = true
		f.Problems = append(f.Problems, core.CatalogueProblem{File: core.SafeText(p.File, 0), Path: core.SafeText(p.Path, 0), Text: core.SafeText(p.Reason, 0)})
	}
	f.Files += files
	f.Sound += files - len(faulty)
	return nil
}

func (p *program) sayChecked(c *cobra.Command, f checked) error {
	if asJSON(c) {
		enc := json.NewEncoder(p.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(f); err != nil {
			return err
		}
	} else {
		for _, one := range f.Problems {
			fmt.Fprintln(p.out, one)
		}
		fmt.Fprintf(p.out, "%d checked, %d sound, %d problems\n", f.Files, f.Sound, len(f.Problems))
	}
	if len(f.Problems) > 0 {
		return exitCode(1)
	}
	return nil
}

// asJSON reads the flag that all shared commands have.
func asJSON(c *cobra.Command) bool {
	yes, err := c.Flags().GetBool("json")
	return err == nil && yes
}

func (p *program) newManifest() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "new ID [--dir DIR]",
		Short: "Begin a manifest: DIR/ID.json, complete but for what only you can decide",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrong("write `proximity catalog new ID`", "one id is wanted, not %d", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			text, err := catalog.Scaffold(args[0])
			if err != nil {
				return wrong("choose another", "%s", core.SafeText(err.Error(), 200))
			}
			name := filepath.Join(dir, args[0]+".json")
			if err := writeNew(name, text); err != nil {
				return err
			}
			if asJSON(c) {
				return json.NewEncoder(p.out).Encode(map[string]string{"file": name})
			}
			fmt.Fprintf(p.out, "%s\n", name)
			fmt.Fprintf(p.err, "`proximity catalog lint %s` says what is left to decide; docs/catalogue.md explains every key\n", name)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "folder of the manifest")
	return c
}

// writeNew writes a file that must not be there yet.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &core.Error{Kind: core.ErrConflict, Text: name + " is there already", Hint: "remove it first, or choose another --dir"}
	}
	if err != nil {
		return fmt.Errorf("begin the manifest: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
