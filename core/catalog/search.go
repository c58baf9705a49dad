package catalog

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// entry is what a search looks at of one app, in lower case.
type entry struct {
	m         *Manifest
	name, id  string
	nameWords []string
	tags      []string // and the category's words
	text      string   // tagline and description
	textWords []string
}

func newEntry(m *Manifest) entry {
	e := entry{m: m, name: strings.ToLower(m.Name), id: m.ID, text: strings.ToLower(m.Tagline + "\n" + m.Description)}
	e.nameWords = split(e.name + " " + m.ID)
	for _, tag := range m.Tags {
		e.tags = append(e.tags, strings.ToLower(tag))
	}
	e.tags = append(e.tags, split(strings.ToLower(m.Category))...)
	e.textWords = split(e.text)
	return e
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// The ranks of a match, best first. A whole query outranks any of its words.
const (
	wholeName   = 10000
	wholePrefix = 5000
	nameWord    = 900
	namePrefix  = 700
	tagWord     = 500
	namePart    = 400
	tagPrefix   = 300
	textWord    = 200
	textPart    = 100
	typo        = 10
)

// Search lists the apps that match every word of query, best first, within category if one is given (any case). An empty
// query lists all by name.
func (c *Catalogue) Search(query, category string) []*Manifest {
	query = strings.Join(strings.Fields(strings.ToLower(query)), " ")
	words := split(query)
	if query != "" && len(words) == 0 {
		return nil // nothing but punctuation
	}
	type hit struct {
		m    *Manifest
		rank int
	}
	var hits []hit
	for i := range c.index {
		e := &c.index[i]
		if category != "" && !strings.EqualFold(e.m.Category, category) {
			continue
		}
		if rank := e.rank(query, words); rank > 0 || query == "" {
			hits = append(hits, hit{e.m, rank})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.rank, a.rank) }) // stable: equals stay by name
	found := make([]*Manifest, len(hits))
	for i, h := range hits {
		found[i] = h.m
	}
	return found
}

// rank is how well the app matches; 0 when a word is not found at all.
func (e *entry) rank(query string, words []string) int {
	total := 0
	for _, w := range words {
		r := e.rankWord(w)
		if r == 0 {
			return 0
		}
		total += r
	}
	switch {
	case len(words) == 0:
		return 0
	case e.name == query || e.id == query:
		total += wholeName
	case strings.HasPrefix(e.name, query) || strings.HasPrefix(e.id, query):
		total += wholePrefix
	}
	return total
}

func (e *entry) rankWord(w string) int {
	switch {
	case slices.Contains(e.nameWords, w):
		return nameWord
	case hasPrefix(e.nameWords, w):
		return namePrefix
	case slices.Contains(e.tags, w):
		return tagWord
	case strings.Contains(e.name, w) || strings.Contains(e.id, w):
		return namePart
	case hasPrefix(e.tags, w):
		return tagPrefix
	case slices.Contains(e.textWords, w):
		return textWord
	case strings.Contains(e.text, w):
		return textPart
	case utf8.RuneCountInString(w) >= 5 && (nearAny(e.nameWords, w) || nearAny(e.tags, w)):
		return typo
	}
	return 0
}

func hasPrefix(words []string, w string) bool {
	return slices.ContainsFunc(words, func(s string) bool { return strings.HasPrefix(s, w) })
}

// nearAny reports whether one slip of the fingers lies between w and one of words, or its beginning: people search while they type.
func nearAny(words []string, w string) bool {
	for _, s := range words {
		if distance(s, w, 1) <= 1 {
			return true
		}
		if len(s) > len(w) && distance(s[:len(w)], w, 1) <= 1 {
			return true
		}
	}
	return false
}

// Suggest lists at most three ids close to a mistyped one, nearest first.
func (c *Catalogue) Suggest(id string) []string {
	ids := make([]string, len(c.list))
	for i, m := range c.list {
		ids[i] = m.ID
	}
	return nearest(strings.ToLower(strings.TrimSpace(id)), ids, 3)
}

// nearest lists at most n of words that someone who wrote w may have meant.
func nearest(w string, words []string, n int) []string {
	type guess struct {
		word string
		far  int
	}
	allowed := 2
	if len(w) < 5 {
		allowed = 1
	}
	var guesses []guess
	for _, word := range words {
		far := distance(word, w, allowed)
		if far > allowed && len(w) >= 3 && (strings.Contains(word, w) || strings.Contains(w, word)) {
			far = allowed // a part of it, or more than it
		}
		if far <= allowed && w != "" {
			guesses = append(guesses, guess{word, far})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return cmp.Compare(a.far, b.far) })
	var out []string
	for _, g := range guesses[:min(n, len(guesses))] {
		out = append(out, g.word)
	}
	return out
}

// distance counts the letters to change, add, drop or swap with their neighbour to get from a to b, in bytes; it gives
// up above limit and returns limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	const longest = 64 // ids have at most 63
	if len(a) >= longest || len(b) >= longest {
		return limit + 1
	}
	var rows [3][longest]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
