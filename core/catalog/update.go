package catalog

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// versionRun is where a tag has its version: v1.2.3, version-v1.24, 17-alpine, 2026.1.0-0a1b2c3.
var versionRun = regexp.MustCompile(`\d+(\.\d+)*`)

// version takes the numbers out of a tag; nil when it has none, as latest has.
func version(tag string) []uint64 {
	var v []uint64
	for part := range strings.SplitSeq(versionRun.FindString(tag), ".") {
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			return nil
		}
		v = append(v, n)
	}
	return v
}

// Newer reports whether a tag names a later version than another one. A tag that only says less precisely what the
// other one says (17 and 17.2) is neither newer nor older: it moves with it.
func Newer(tag, than string) bool {
	a, b := version(tag), version(than)
	if a == nil || b == nil {
		return false
	}
	common := min(len(a), len(b))
	return slices.Compare(a[:common], b[:common]) > 0
}

// Follows reports whether the manifest names the tag as an update of a service.
func (m *Manifest) Follows(service, tag string) bool {
	track, ok := m.Update.Track[service]
	if !ok {
		return false
	}
	pattern, err := regexp.Compile(track.Tag)
	return err == nil && pattern.MatchString(tag)
}

// NewestTag is the latest of the tags that the manifest follows for a service and that is newer than the present one;
// "" when there is none.
func (m *Manifest) NewestTag(service, present string, tags []string) string {
	newest := present
	for _, tag := range tags {
		if !m.Follows(service, tag) || !Newer(tag, present) {
			continue
		}
		if newest == present || slices.Compare(version(tag), version(newest)) > 0 {
			newest = tag
		}
	}
	if newest == present {
		return ""
	}
	return newest
}

// Concerns reports whether the step from one version (or tag) of its service to another is one that b is about. What
// cannot be read concerns every step: better asked once too often.
func (b Breaking) Concerns(from, to string) bool {
	if b.From != "" && !within(from, b.From) {
		return false
	}
	return b.To == "" || within(to, b.To) && (!within(from, b.To) || version(from) == nil)
}

// within reports whether a version fits a condition: ">=18", "<3", "=2", or "2026.8" for all that begin so.
func within(tag, condition string) bool {
	rest := strings.TrimLeft(condition, "<>= ")
	op := strings.TrimSpace(condition[:len(condition)-len(rest)])
	have, want := version(tag), version(rest)
	if have == nil || want == nil {
		return true
	}
	for len(have) < len(want) && op != "" {
		have = append(have, 0)
	}
	order := slices.Compare(have[:min(len(have), len(want))], want)
	switch op {
	case ">=":
		return order >= 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	case "<":
		return order < 0
	}
	return order == 0
}

// BacksUp reports whether an update begins with a backup. Without a word on updates in the manifest it does.
func (u Update) BacksUp() bool { return u.BackupFirst || u.WayBack() != "image" }

// WayBack is how an update that fails is taken back: image, restore or none.
func (u Update) WayBack() string { return cmp.Or(u.Rollback, "restore") }

// Repository is an image's repository as registries are asked for it: docker.io/library/nginx for nginx:1.29.
func Repository(image string) string {
	repository, _ := SplitImage(image)
	first, _, more := strings.Cut(repository, "/")
	switch {
	case !more:
		return "docker.io/library/" + repository
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		return "docker.io/" + repository
	}
	return repository
}
