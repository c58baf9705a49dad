package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"proximity/cli"
	"proximity/core"
)

// program is this process as it was started.
type program struct {
	in       *os.File
	out, err *os.File
	getenv   func(string) string
	data     string // --data, "" = not given
}

// run runs the program and returns its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	l := parseLine(args)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) && l.word != "serve" { // nohup; and a server reads its catalogue again
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends us at once

	if l.shared() {
		p.data = l.data
		return p.command(ctx, l.rest)
	}
	root := p.tree()
	root.SetArgs(append([]string{}, args...))
	err := fang.Execute(ctx, root, fang.WithVersion(core.Version), fang.WithErrorHandler(func(io.Writer, fang.Styles, error) {}))
	if code, ok := err.(exitCode); ok {
		return int(code)
	}
	if err != nil {
		return cli.Fail(p.err, err, args)
	}
	return 0
}

// exitCode ends the program without another word.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// line is a command line as far as it can be read without knowing its flags.
type line struct {
	word string   // the first that is no flag
	data string   // of --data
	rest []string // all but --data
	help bool
}

func parseLine(args []string) line {
	var l line
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			l.rest = append(l.rest, args[i:]...)
			return l
		case a == "--data" && i+1 < len(args):
			i++
			l.data = args[i]
			continue
		case strings.HasPrefix(a, "--data="):
			l.data = strings.TrimPrefix(a, "--data=")
			continue
		case a == "-h" || a == "--help":
			l.help = true
		case l.word == "" && !strings.HasPrefix(a, "-"):
			l.word = a
		}
		l.rest = append(l.rest, a)
	}
	return l
}

// shared recognises the commands that ssh knows, too: they are read and
// answered by the server that --data names. Help needs none.
func (l line) shared() bool {
	return !l.help && l.word != "help" && slices.Contains(cli.Commands(), l.word) && !l.onFiles()
}

// tree is what the program itself can do; the shared commands are in it for
// its help, its manual and its completion.
func (p *program) tree() *cobra.Command {
	root := &cobra.Command{
		Use:   "proximity",
		Short: "Self-hosted apps on Proxmox VE, from a terminal",
		Long: "Self-hosted apps on Proxmox VE, from a terminal.\n\nWithout a command: the console here, through the running server, or in this process where none runs. " +
			"The commands that `ssh host …` knows work here as well, through the server's socket; where no server runs they read and write its data folder, " +
			"and jobs begin when one does.",
		SuggestionsMinimumDistance: 2,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "`proximity help` lists the commands"
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "did you mean `" + strings.Join(near, "` or `") + "`?"
			}
			return wrong(hint, "unknown command %q", core.SafeText(args[0], 40))
		},
		RunE: func(c *cobra.Command, _ []string) error { return p.console(c.Context()) },
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.PersistentFlags().StringVar(&p.data, "data", "", "data folder (default $PROXIMITY_DATA, else /var/lib/proximity for root and ~/.local/share/proximity for others)")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return wrong("`"+c.CommandPath()+" --help` lists the flags", "%s", err)
	})
	root.AddCommand(p.serve(), p.demo(), p.pvesim())
	shared := cli.Tree()
	for _, c := range shared.Commands() {
		if c.Name() == "catalog" {
			c.AddCommand(p.lint(), p.newManifest())
		}
		if c.Name() != "help" {
			c.PersistentFlags().AddFlagSet(shared.PersistentFlags())
			root.AddCommand(c)
		}
	}
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say what the commands do",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return wrong("`proximity help` lists the commands", "unknown command %q", core.SafeText(strings.Join(args, " "), 60))
			}
			return c.Help()
		},
	})
	return root
}

// wrong is a command line that cannot be meant.
func wrong(hint, format string, args ...any) error {
	return &core.Error{Kind: core.ErrInvalid, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// terminal reports whether a person sits there.
func (p *program) terminal() bool {
	return term.IsTerminal(int(p.in.Fd())) && term.IsTerminal(int(p.out.Fd()))
}
