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
	quote := byte(0) // inside these quotes
	escaped := false
	for i := range len(s) {
		switch c := s[i]; {
		case escaped:
			if quote == '"' && c != '"' && c != '\\' {
				word.WriteByte('\\') // only these two need it there
			}
			word.WriteByte(c)
			escaped = false
		case c == '\\' && quote != '\'':
			in, escaped = true, true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			in, quote = true, c
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			in = true
			word.WriteByte(c)
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
