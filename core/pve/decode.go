package pve

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// Proxmox is written in Perl: the same field is a number in one answer and a string in the next, a
// boolean is 1, "1", true or absent, and an integer may come as 0.5. These types take all of it; what
// cannot be a number is zero, so that one odd field never costs a whole list.

type integer int64

func (n *integer) UnmarshalJSON(b []byte) error {
	*n = integer(toInt(parseNumber(b)))
	if i, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64); err == nil {
		*n = integer(i) // exact beyond 2^53
	}
	return nil
}

type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	*f = flag(parseFlag(b))
	return nil
}

// text takes a string, a number or a boolean as text.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case bytes.Equal(b, []byte("null")):
		*t = ""
	case b[0] == '"':
		*t = text(unquote(b))
	default:
		*t = text(b)
	}
	return nil
}

func parseFlag(b []byte) bool {
	b = bytes.Trim(b, `"`)
	return string(b) == "true" || parseNumber(b) != 0
}

// parseNumber reads a JSON number or a string that holds one.
func parseNumber(b []byte) float64 {
	if len(b) >= 2 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	if v, ok := smallInt(b); ok {
		return float64(v)
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// smallInt reads plain digits: most numbers of most answers.
func smallInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	var v int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}

// toInt cuts a float to what an int64 holds.
func toInt(f float64) int64 {
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// splitList reads "a;b, c": Proxmox: tags come ';'-joined, contents ','-joined.
func splitList(s string) []string {
	list := strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	if len(list) == 0 {
		return nil
	}
	return list
}
