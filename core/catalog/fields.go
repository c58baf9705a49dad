package catalog

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones are checked on machines without zoneinfo, too
	"unicode"
	"unicode/utf8"
)

// Values are the fields' values by key, as they go into .env.
type Values map[string]string

// FieldError is one value that cannot be used. Its text names the field, the rule and the way out; never the value of a secret.
type FieldError struct{ Field, Reason string }

func (e FieldError) Error() string { return e.Field + ": " + e.Reason }

// FieldErrors are all the values that cannot be used.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "; ")
}

// Field finds a field by key.
func (m *Manifest) Field(key string) (Field, bool) {
	i := slices.IndexFunc(m.Fields, func(f Field) bool { return f.Key == key })
	if i < 0 {
		return Field{}, false
	}
	return m.Fields[i], true
}

// Resolve checks given against the fields and fills in defaults. It generates nothing: a field with a generator stays
// absent until Generate. The error is FieldErrors, in the order of the fields.
func (m *Manifest) Resolve(given Values) (Values, error) {
	values := Values{}
	var faults FieldErrors
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if _, known := m.Field(key); !known {
			faults = append(faults, FieldError{key, m.unknownField(key)})
		}
	}
	for _, f := range m.Fields {
		value, is := given[f.Key]
		if is && value == "" && (f.Required || f.Generate != nil) {
			is = false // an empty box in a form means "not given"
		}
		if !is {
			if value, is = f.DefaultValue(); is {
				values[f.Key] = value
			}
			continue
		}
		clean, err := f.check(value)
		if err != nil {
			faults = append(faults, FieldError{f.Key, err.Error()})
			continue
		}
		values[f.Key] = clean
	}
	for _, f := range m.Fields {
		if _, is := values[f.Key]; is || f.Generate != nil || slices.ContainsFunc(faults, func(e FieldError) bool { return e.Field == f.Key }) {
			continue
		}
		if f.Required && f.active(values) {
			faults = append(faults, FieldError{f.Key, "is required: give " + f.kind()})
			continue
		}
		values[f.Key] = ""
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return values, nil
}

// ResolveChange is Resolve for an app that exists with the values old: what given leaves out stays, and immutable
// fields cannot change any more.
func (m *Manifest) ResolveChange(old, given Values) (Values, error) {
	merged, faults := Values{}, FieldErrors{}
	for _, f := range m.Fields {
		before, had := old[f.Key]
		if had {
			merged[f.Key] = before
		}
		if now, is := given[f.Key]; is && had && f.Immutable && now != before {
			faults = append(faults, FieldError{f.Key, "cannot be changed once the app is installed: leave it out"})
		}
	}
	maps.Copy(merged, given)
	values, err := m.Resolve(merged)
	var more FieldErrors
	if errors.As(err, &more) {
		faults = append(faults, more...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return values, nil
}

// Secret says whether the value of key must be masked: passwords, whatever is generated but user names, and keys that
// the manifest does not know.
func (m *Manifest) Secret(key string) bool {
	f, known := m.Field(key)
	switch {
	case !known:
		return !strings.HasPrefix(key, "PX_")
	case f.Type == "password":
		return true
	}
	return f.Generate != nil && f.Generate.Kind != "username"
}

func (m *Manifest) unknownField(key string) string {
	if len(m.Fields) == 0 {
		return "unknown field: " + m.Name + " asks for nothing; leave it out"
	}
	keys := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		keys[i] = f.Key
	}
	if near := nearest(strings.ToUpper(key), keys, 1); len(near) > 0 {
		return "unknown field: did you mean " + near[0] + "?"
	}
	return "unknown field: " + m.Name + " takes " + strings.Join(keys, ", ")
}

// Conditions are the values that other fields must have for this one to matter.
func (f Field) Conditions() Values {
	all := Values{}
	for key, want := range f.When {
		all[key] = asText(want)
	}
	return all
}

// active reports whether the field matters, given the values of the others.
func (f Field) active(v Values) bool {
	for key, want := range f.When {
		if v[key] != asText(want) {
			return false
		}
	}
	return true
}

// Rule says in words what the field takes beyond any text, "" for nothing special: "a number from 5 to 1440".
func (f Field) Rule() string {
	var parts []string
	switch f.Type {
	case "string", "text", "password", "boolean", "select":
	default:
		parts = append(parts, f.kind())
	}
	if size := f.size(); size != "" {
		if f.Type == "number" || f.Type == "port" {
			parts = []string{"a " + f.Type + " " + size}
		} else {
			parts = append(parts, size)
		}
	}
	if f.Pattern != "" {
		parts = append(parts, cmp.Or(f.PatternError, "must match "+f.Pattern))
	}
	return strings.Join(parts, ", ")
}

// size says what min and max allow: of a number, or of a text's length.
func (f Field) size() string {
	unit := " characters"
	if f.Type == "number" || f.Type == "port" {
		unit = ""
	}
	switch {
	case f.Min != nil && f.Max != nil && unit == "":
		return "from " + asText(*f.Min) + " to " + asText(*f.Max)
	case f.Min != nil && f.Max != nil:
		return asText(*f.Min) + " to " + asText(*f.Max) + unit
	case f.Min != nil:
		return "of at least " + asText(*f.Min) + unit
	case f.Max != nil:
		return "of at most " + asText(*f.Max) + unit
	}
	return ""
}

// DefaultValue is the field's default as text.
func (f Field) DefaultValue() (string, bool) {
	if f.Default == nil {
		return "", false
	}
	return asText(f.Default), true
}

// asText writes a JSON string, number or boolean as it goes into .env.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(v)
}

// kind names what the field takes, in a sentence's end.
func (f Field) kind() string {
	switch f.Type {
	case "number":
		return "a number"
	case "boolean":
		return "true or false"
	case "email":
		return "an e-mail address"
	case "url":
		return "an address such as https://example.org"
	case "host":
		return "a host name or IP address"
	case "port":
		return "a port from 1 to 65535"
	case "timezone":
		return "a time zone such as Europe/Rome"
	case "select":
		return f.choices()
	case "password":
		return "a password"
	}
	return "a value"
}

func (f Field) choices() string {
	list := make([]string, len(f.Options))
	for i, o := range f.Options {
		list[i] = o.Value
	}
	return "one of " + strings.Join(list, ", ")
}

// check returns value in the form in which the app gets it, or the rule that it breaks.
func (f Field) check(value string) (string, error) {
	if err := f.checkText(value); err != nil {
		return "", err
	}
	if value == "" {
		return "", nil // required ones do not come here
	}
	clean, err := f.checkType(value)
	if err != nil {
		return "", err
	}
	if err := f.checkSize(clean); err != nil {
		return "", err
	}
	if f.Pattern == "" {
		return clean, nil
	}
	pattern, err := regexp.Compile(f.Pattern)
	if err != nil {
		return "", fmt.Errorf("the catalogue's pattern for it is broken: %w", err)
	}
	if !pattern.MatchString(clean) {
		if f.PatternError != "" {
			return "", errors.New(f.PatternError)
		}
		return "", fmt.Errorf("must match %s", f.Pattern)
	}
	return clean, nil
}

// checkText refuses what no app should find in its environment.
func (f Field) checkText(value string) error {
	if !utf8.ValidString(value) {
		return errors.New("is not valid UTF-8 text")
	}
	for _, r := range value {
		if f.Type == "text" && (r == '\n' || r == '\t') {
			continue
		}
		if unicode.IsControl(r) {
			if r == '\n' || r == '\r' {
				return errors.New("must be a single line")
			}
			return errors.New("must not contain control characters")
		}
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$`)

// checkType holds value against the field's type.
func (f Field) checkType(value string) (string, error) {
	wrong := errors.New("must be " + f.kind())
	switch f.Type {
	case "string", "text", "password":
		return value, nil
	}
	value = strings.TrimSpace(value)
	switch f.Type {
	case "number":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(value, "xXpP_") {
			return "", wrong
		}
	case "boolean":
		switch strings.ToLower(value) {
		case "true", "yes", "on", "1":
			return "true", nil
		case "false", "no", "off", "0":
			return "false", nil
		}
		return "", wrong
	case "email":
		a, err := mail.ParseAddress(value)
		if err != nil || a.Address != value {
			return "", wrong
		}
	case "url":
		u, err := url.Parse(value)
		if err != nil || u.Scheme == "" || u.Host == "" {
			return "", wrong
		}
	case "host":
		if _, err := netip.ParseAddr(value); err != nil && (len(value) > 253 || !hostName.MatchString(value)) {
			return "", wrong
		}
	case "port":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 65535 {
			return "", wrong
		}
		return strconv.Itoa(n), nil
	case "timezone":
		if _, err := time.LoadLocation(value); err != nil || value == "" || value == "Local" {
			return "", wrong
		}
	case "select":
		if !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == value }) {
			return "", wrong
		}
	}
	return value, nil
}

// checkSize holds value against min and max: of the number, or of the text's length.
func (f Field) checkSize(value string) error {
	switch f.Type {
	case "number", "port":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return errors.New("must be a number")
		}
		if f.Min != nil && n < *f.Min {
			return fmt.Errorf("must be at least %s", asText(*f.Min))
		}
		if f.Max != nil && n > *f.Max {
			return fmt.Errorf("must be at most %s", asText(*f.Max))
		}
	case "boolean", "select", "timezone":
	default:
		n := float64(utf8.RuneCountInString(value))
		if f.Min != nil && n < *f.Min {
			return fmt.Errorf("must have at least %s characters", asText(*f.Min))
		}
		if f.Max != nil && n > *f.Max {
			return fmt.Errorf("must have at most %s characters", asText(*f.Max))
		}
	}
	return nil
}
