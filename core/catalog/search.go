package catalog

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// entry is what a search looks at of one app, in lower case.
type entry struct {
	m        *Manifest
	name, id string
	names    []word // of name and id
	tags     []word // and the category's words
	text     string // tagline and description
	tagline  int    // where it ends in text
	letters  letters
}

// word is a word with what tells at a glance that it cannot match.
type word struct {
	text    string
	letters letters
}

// letters are the letters and digits of a text, a bit each; all others share one.
type letters uint64

func lettersOf(s string) letters {
	var l letters
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z':
			l |= 1 << (c - 'a')
		case '0' <= c && c <= '9':
			l |= 1 << (26 + c - '0')
		case c != ' ' && c != '\n':
			l |= 1 << 36
		}
	}
	return l
}

// lacks counts the letters of o that l has not.
func (l letters) lacks(o letters) int { return bits.OnesCount64(uint64(o &^ l)) }

func newEntry(m *Manifest) entry {
	e := entry{m: m, name: strings.ToLower(m.Name), id: m.ID, text: strings.ToLower(m.Tagline + "\n" + m.Description)}
	e.tagline = len(strings.ToLower(m.Tagline))
	e.names = split(e.name + " " + m.ID)
	for _, tag := range m.Tags {
		tag = strings.ToLower(tag)
		e.tags = append(e.tags, word{tag, lettersOf(tag)})
	}
	e.tags = append(e.tags, split(strings.ToLower(m.Category))...)
	e.letters = lettersOf(e.name) | lettersOf(e.id) | lettersOf(e.text)
	for _, tag := range e.tags {
		e.letters |= tag.letters
	}
	return e
}

func split(s string) []word {
	var words []word
	for _, w := range strings.FieldsFunc(s, between) {
		words = append(words, word{w, lettersOf(w)})
	}
	return words
}

// between reports whether r stands between words.
func between(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// The ranks of a match, best first. A whole query outranks any of its words.
const (
	wholeName   = 10000
	wholePrefix = 5000
	nameWord    = 900
	namePrefix  = 700
	tagWord     = 500
	namePart    = 400
	tagPrefix   = 300
	taglineWord = 250
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
func (e *entry) rank(query string, words []word) int {
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

func (e *entry) rankWord(w word) int {
	if e.letters.lacks(w.letters) == 0 {
		if r := e.rankFound(w); r > 0 {
			return r
		}
	}
	if utf8.RuneCountInString(w.text) >= 5 && (nearAny(e.names, w) || nearAny(e.tags, w)) {
		return typo
	}
	return 0
}

// rankFound ranks a word that is there letter by letter.
func (e *entry) rankFound(w word) int {
	name, tag := best(e.names, w.text), best(e.tags, w.text)
	switch {
	case name == whole:
		return nameWord
	case name == prefix:
		return namePrefix
	case tag == whole:
		return tagWord
	case strings.Contains(e.name, w.text) || strings.Contains(e.id, w.text):
		return namePart
	case tag == prefix:
		return tagPrefix
	}
	part := 0
	for at, rest := 0, e.text; ; {
		i := strings.Index(rest, w.text)
		if i < 0 {
			return part
		}
		part = textPart
		at += i
		end := at + len(w.text)
		before, _ := utf8.DecodeLastRuneInString(e.text[:at])
		after, _ := utf8.DecodeRuneInString(e.text[end:])
		if (at == 0 || between(before)) && (end == len(e.text) || between(after)) {
			if at < e.tagline {
				return taglineWord
			}
			return textWord
		}
		at, rest = end, e.text[end:]
	}
}

// How a word is found among others, best last.
const (
	nowhere = iota
	prefix
	whole
)

func best(words []word, w string) int {
	found := nowhere
	for i := range words {
		if strings.HasPrefix(words[i].text, w) {
			if len(words[i].text) == len(w) {
				return whole
			}
			found = prefix
		}
	}
	return found
}

// nearAny reports whether one slip of the fingers lies between w and one of words, or its beginning: people search while they type.
func nearAny(words []word, w word) bool {
	for i := range words {
		s := words[i].text
		if words[i].letters.lacks(w.letters) > 1 { // one slip brings one letter at most
			continue
		}
		if oneSlip(s, w.text) || len(s) > len(w.text) && oneSlip(s[:len(w.text)], w.text) {
			return true
		}
	}
	return false
}

// oneSlip reports whether at most one letter has to be changed, added, dropped or swapped with its neighbour to get from
// a to b, in bytes.
func oneSlip(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	switch {
	case len(a) <= 1 && len(b) <= 1:
		return true
	case len(a) == 2 && len(b) == 2:
		return a[0] == b[1] && a[1] == b[0]
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
