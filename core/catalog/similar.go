package catalog

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Similar lists at most n apps that do what m does, most alike first: of its category those that share a tag, of others
// those that share two. A rare tag says more than one that many apps have.
func (c *Catalogue) Similar(m *Manifest, n int) []*Manifest {
	weight := c.weights(m)
	type match struct {
		m     *Manifest
		alike float64
	}
	var matches []match
	for _, other := range c.list {
		if other.ID == m.ID || other.Status == "deprecated" || other.Status == "broken" {
			continue
		}
		shared, alike := 0, 0.0
		for i, tag := range other.Tags {
			if w, is := weight[strings.ToLower(tag)]; is && !slices.Contains(other.Tags[:i], tag) {
				shared++
				alike += w
			}
		}
		if other.Category == m.Category && shared > 0 {
			shared++
			alike += sameCategory
		}
		if shared >= 2 {
			matches = append(matches, match{other, alike})
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(b.alike, a.alike) }) // stable: equals stay by name
	var similar []*Manifest
	for _, one := range matches[:min(n, len(matches))] {
		similar = append(similar, one.m)
	}
	return similar
}

// sameCategory weighs as much as a tag that one app in twenty has.
const sameCategory = 3

// weights says how much each of m's tags tells: the logarithm of how rare it is.
func (c *Catalogue) weights(m *Manifest) map[string]float64 {
	having := map[string]int{}
	for _, tag := range m.Tags {
		having[strings.ToLower(tag)] = 0
	}
	for _, other := range c.list {
		for _, tag := range other.Tags {
			if n, wanted := having[strings.ToLower(tag)]; wanted {
				having[strings.ToLower(tag)] = n + 1
			}
		}
	}
	weight := map[string]float64{}
	for tag, n := range having {
		weight[tag] = math.Log(float64(1+len(c.list)) / float64(max(n, 1)))
	}
	return weight
}
