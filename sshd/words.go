package sshd

import (
	"errors"
	"strings"
)

// ssh joins a command's words with spaces, so the server cuts them apart again.

// split cuts a command line into words as a shell would, without expanding
// anything: "..." and '...' keep spaces, \ keeps the next character.
func split(s string) (words []string, err error) {
	var word strings.Builder
	in := false      // inside a word, even an empty one
	quote := rune(0) // inside these quotes
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\') // only these two need it there
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			in, escaped = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			in, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			in = true
			word.WriteRune(r)
		}
	}
	switch {
	case quote != 0:
		return nil, errors.New("a quotation mark is not closed")
	case escaped:
		return nil, errors.New("it ends in a backslash")
	case in:
		words = append(words, word.String())
	}
	return words, nil
}

// quote makes s one word for split, and for any shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,:@%+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
