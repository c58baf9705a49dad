package catalog

import (
	"fmt"
	"strings"
)

// Problem is one fault of one manifest.
type Problem struct {
	File   string
	Path   string // JSON path: "fields[2].type"; "" for the file as a whole
	Reason string // what is wrong and what is expected
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

// report collects the problems of one file.
type report struct {
	file     string
	problems []Problem
}

func (r *report) add(path, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Path: path, Reason: fmt.Sprintf(format, args...)})
}
