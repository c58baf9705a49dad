package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"proximity/core"
)

// unknown stands for a figure nobody gave. It is never a nought.
const unknown = "–"

// print answers with JSON or with what text writes.
func (r *run) print(v any, text func() error) error {
	if r.json {
		return r.document(r.Out, v)
	}
	return text()
}

// document writes one JSON document on one or more lines.
func (r *run) document(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// row writes one JSON document on exactly one line: streams are such rows.
func (r *run) row(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// all is a list that is [] and never null in JSON.
func all[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// note says something beside the answer, where a person reads it.
func (r *run) note(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.Err, format+"\n", args...)
	}
}

// when is a moment: how long ago under two days, else the date.
func (r *run) when(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	age := r.Now().Sub(t)
	switch {
	case age < -48*time.Hour || age >= 48*time.Hour:
		return t.In(r.zone).Format("2006-01-02 15:04")
	case age < 0:
		return "in " + span(-age)
	case age < time.Second:
		return "just now"
	}
	return span(age) + " ago"
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 10*time.Minute:
		return pair(d, time.Minute, "m", time.Second, "s")
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return pair(d, time.Hour, "h", time.Minute, "m")
	}
	return pair(d, 24*time.Hour, "d", time.Hour, "h")
}

func pair(d, large time.Duration, l string, small time.Duration, s string) string {
	out := fmt.Sprintf("%d%s", d/large, l)
	if rest := d % large / small; rest > 0 {
		out += fmt.Sprintf("%d%s", rest, s)
	}
	return out
}

// size is a number of bytes.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, u := float64(n)/1024, 0
	for f >= 999.5 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	digits := 0
	if f < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + units[u:u+1] + "iB"
}

// use is a part of a whole in bytes.
func use(part, whole int64) string {
	if whole <= 0 {
		return unknown
	}
	return size(part) + " / " + size(whole)
}

func percent(f float64) string { return strconv.FormatFloat(100*f, 'f', 0, 64) + "%" }

// count names a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// aged marks a figure that is no longer fresh.
func aged(s string, stale bool) string {
	if stale && s != unknown {
		return "(" + s + ")"
	}
	return s
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// fact is one line of a detail; without a value it is left out.
type fact struct{ name, value string }

// facts writes lines of name and value, lined up.
func (r *run) facts(list ...fact) error {
	wide := 0
	for _, f := range list {
		if f.value != "" {
			wide = max(wide, len(f.name))
		}
	}
	var b strings.Builder
	for _, f := range list {
		if f.value != "" {
			fmt.Fprintf(&b, "  %-*s  %s\n", wide, f.name, core.SafeText(f.value, 0))
		}
	}
	_, err := io.WriteString(r.Out, b.String())
	return err
}
