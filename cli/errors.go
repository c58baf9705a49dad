package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"proximity/core"
)

// kind is a sort of refusal as scripts see it.
type kind struct {
	err  error
	name string
	exit int
}

func kinds() []kind {
	return []kind{
		{core.ErrInvalid, "invalid", 2},
		{core.ErrNotFound, "not_found", 3},
		{core.ErrDenied, "denied", 4},
		{core.ErrConflict, "conflict", 5},
		{core.ErrUnreachable, "unreachable", 6},
		{core.ErrUnavailable, "unavailable", 1},
		{core.ErrFailed, "failed", 1},
	}
}

// kindOf sorts an error; what core did not put a kind on has failed.
func kindOf(err error) kind {
	all := kinds()
	for _, k := range all {
		if errors.Is(err, k.err) {
			return k
		}
	}
	return all[len(all)-1]
}

// fail prints an error and returns its exit code.
func (r *run) fail(err error, args []string) int {
	k := kindOf(err)
	if errors.Is(err, context.Canceled) {
		return k.exit // whoever asked has left
	}
	if r.json || slices.Contains(args, "--json") { // the flags may not have been read

		doc := struct {
			Kind  string `json:"kind"`
			Field string `json:"field,omitempty"`
			Text  string `json:"text"`
			Hint  string `json:"hint,omitempty"`
		}{Kind: k.name, Text: core.SafeText(err.Error(), 0)}
		var e *core.Error
		if errors.As(err, &e) {
			doc.Field, doc.Text, doc.Hint = e.Field, core.SafeText(e.Text, 0), core.SafeText(e.Hint, 0)
		}
		b, _ := json.Marshal(map[string]any{"error": doc}) // strings only: cannot fail
		fmt.Fprintln(r.Err, string(b))
		return k.exit
	}
	text := err.Error()
	var e *core.Error
	if errors.As(err, &e) && e.Field != "" && r.command != nil {
		text = strings.Replace(text, e.Field+": ", written(r.command, e.Field), 1)
	}
	fmt.Fprintln(r.Err, "proximity: "+core.SafeText(text, 0))
	return k.exit
}

// written is where on the command line a field was given, as the beginning of
// what is wrong with it: `--memory: ` for memory_mb.
func written(c *cobra.Command, field string) string {
	if key, ok := strings.CutPrefix(field, "values."); ok && c.Flags().Lookup("set") != nil {
		return "--set " + key + ": "
	}
	name := strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(field, "_mb"), "_gb"), "_", "-")
	switch {
	case field == "yes": // what is missing, the sentence says
		return ""
	case c.Flags().Lookup(name) != nil:
		return "--" + name + ": "
	case slices.Contains(strings.Fields(c.Use), strings.ToUpper(name)):
		return name + ": "
	}
	return "" // it has no place of its own on this line
}

// misread says of a flag what could not be read, in words of ours.
func misread(c *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return usage(c, "%s", err)
	}
	what := "cannot be read"
	switch f := bad.GetFlag(); f.Value.Type() {
	case "int", "int64", "uint", "uint64":
		what = "is not a whole number"
	case "bool":
		what = "is neither true nor false"
	case "duration":
		what = "is not a time like 90s or 10m"
	}
	return usage(c, "--%s: %s %s", bad.GetFlag().Name, quote(bad.GetValue()), what)
}

// usage is a command written wrongly.
func usage(c *cobra.Command, format string, args ...any) error {
	e := &core.Error{Kind: core.ErrInvalid, Text: fmt.Sprintf(format, args...), Hint: "`help` lists the commands"}
	if c.HasParent() {
		e.Hint = "write `" + line(c) + "`"
	}
	return e
}

// line is how a command is written, without the program's name.
func line(c *cobra.Command) string {
	words := c.Use
	if p := c.Parent(); p != nil && p.HasParent() {
		words = p.Name() + " " + words
	}
	return words
}

// takes demands the named arguments, no fewer and no more.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usage(c, "%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return tooMany(c, args[len(names)])
		}
		return nil
	}
}

// tooMany refuses a word that belongs nowhere. ssh joins a command's words with
// spaces: quotes around a value of several words are gone when it arrives.
func tooMany(c *cobra.Command, word string) error {
	err := usage(c, "%s is one word too many", quote(word)).(*core.Error)
	c.Flags().Visit(func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "string", "stringArray":
			err.Hint = "write `" + line(c) + "`; over ssh a value of several words needs two pairs of quotes: --" + f.Name + " \"'two words'\""
		}
	})
	return err
}

// number reads a job's number; "#3" is one, too.
func number(c *cobra.Command, s string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 10, 64)
	if err != nil {
		return 0, usage(c, "%s is not the number of a job", quote(s))
	}
	return n, nil
}

func quote(s string) string { return strconv.Quote(core.SafeText(s, 60)) }

// online refuses what only a running server can do.
func (r *run) online(what string) error {
	if r.Offline {
		return &core.Error{Kind: core.ErrUnreachable, Text: what + " needs a server, and none is running", Hint: "start one with `proximity serve`"}
	}
	return nil
}
