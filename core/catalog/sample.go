package catalog

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// longestSample bounds what is made up, in bytes.
const longestSample = 4 << 10

// Sample is a value that fits the field's rules, for trials: its default, else the plainest there is. Where its pattern
// wants something that cannot be guessed, the value does not fit.
func (f Field) Sample() string {
	if value, is := f.DefaultValue(); is {
		return value
	}
	if f.Pattern != "" {
		if value, ok := f.fromPattern(); ok {
			return value
		}
	}
	switch f.Type {
	case "number":
		if f.Min != nil {
			return asText(*f.Min)
		}
		return "1"
	case "port":
		return "8080"
	case "boolean":
		return "true"
	case "email":
		return "admin@app.example"
	case "url":
		return "http://app.example"
	case "host":
		return "app.example"
	case "timezone":
		return "UTC"
	case "select":
		if len(f.Options) > 0 {
			return f.Options[0].Value
		}
	}
	value := "sample"
	if f.Min != nil && int(*f.Min) > len(value) && *f.Min <= longestSample {
		value += strings.Repeat("s", int(*f.Min)-len(value))
	}
	if f.Max != nil && int(*f.Max) < len(value) {
		value = value[:max(int(*f.Max), 0)]
	}
	return value
}

// fromPattern makes a value that matches the field's pattern, with more and more of what may be repeated until it is long
// enough.
func (f Field) fromPattern() (string, bool) {
	tree, err := syntax.Parse(f.Pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	for _, more := range []int{0, 1, 2, 7, 15, 31, 63} {
		var b strings.Builder
		write(&b, tree, more)
		if _, err := f.check(b.String()); err == nil && b.Len() > 0 {
			return b.String(), true
		}
	}
	return "", false
}

// write writes a text that matches the tree; what may be repeated is written more times than it must.
func write(b *strings.Builder, tree *syntax.Regexp, more int) {
	if b.Len() > longestSample {
		return
	}
	times := func(least, most int) {
		n := least + more
		if most >= 0 {
			n = min(n, most)
		}
		for range n {
			write(b, tree.Sub[0], more)
		}
	}
	switch tree.Op {
	case syntax.OpLiteral:
		b.WriteString(string(tree.Rune))
	case syntax.OpCharClass:
		b.WriteRune(plainest(tree.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpStar:
		times(0, -1)
	case syntax.OpPlus:
		times(1, -1)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpRepeat:
		times(tree.Min, tree.Max)
	case syntax.OpAlternate:
		write(b, tree.Sub[0], more)
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range tree.Sub {
			write(b, sub, more)
		}
	}
}

// plainest is a letter or digit of a class if it has one, else the first that it has. The class is a list of ranges.
func plainest(class []rune) rune {
	for _, good := range "a1A" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= good && good <= class[i+1] {
				return good
			}
		}
	}
	for i := 0; i+1 < len(class); i += 2 {
		if r := max(class[i], '!'); r <= class[i+1] {
			return r
		}
	}
	return utf8.RuneError
}
