package core

import "strings"

// DiffLine is one line of a comparison of two texts.
type DiffLine struct {
	Op   string `json:"op"` // " " in both, "-" only before, "+" only after, "@" some lines left out
	Text string `json:"text"`
}

// diffContext is how many lines around a change are shown.
const diffContext = 3

// maxDiff bounds the texts compared, in lines: a longer one counts as replaced
// as a whole.
const maxDiff = 3000

// diff compares two texts line by line and leaves out what is far from any
// change; nil when they are the same.
func diff(before, after string) []DiffLine {
	if before == after {
		return nil
	}
	a, b := strings.Split(strings.TrimSuffix(before, "\n"), "\n"), strings.Split(strings.TrimSuffix(after, "\n"), "\n")
	var all []DiffLine
	add := func(op string, lines ...string) {
		for _, s := range lines {
			all = append(all, DiffLine{op, SafeText(s, 400)})
		}
	}
	if len(a) > maxDiff || len(b) > maxDiff {
		add("-", a...)
		add("+", b...)
		return all
	}
	common := longest(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			add(" ", a[i])
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			add("-", a[i])
			i++
		default:
			add("+", b[j])
			j++
		}
	}
	return near(all)
}

// longest is the length of the longest common part of a[i:] and b[j:], for all
// i and j.
func longest(a, b []string) [][]int32 {
	n := make([][]int32, len(a)+1)
	cells := make([]int32, (len(a)+1)*(len(b)+1))
	for i := range n {
		n[i] = cells[i*(len(b)+1) : (i+1)*(len(b)+1)]
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	return n
}

// near leaves out what is not near a change.
func near(all []DiffLine) []DiffLine {
	show := make([]bool, len(all))
	for i, l := range all {
		if l.Op == " " {
			continue
		}
		for k := max(0, i-diffContext); k <= min(len(all)-1, i+diffContext); k++ {
			show[k] = true
		}
	}
	var out []DiffLine
	for i, l := range all {
		switch {
		case show[i]:
			out = append(out, l)
		case i == 0 || show[i-1]:
			out = append(out, DiffLine{Op: "@"})
		}
	}
	return out
}
