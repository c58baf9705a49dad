package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check validates the parameters of a call. A value is a string, a bool (from JSON) or a []any (a parameter given
// more than once); nil is absent. It returns the values as strings, booleans as "1" and "0", or the errors by
// parameter.
// Proxmox: PVE/JSONSchema.pm, check_object and check_prop.
func (m *Method) Check(given map[string]any) (map[string]string, map[string]string) {
	errs := map[string]string{}
	values := map[string]any{}
	for name, v := range given {
		if v == nil {
			continue
		}
		if m.Property(name) == nil {
			errs[name] = "property is not defined in schema and the schema does not allow additional properties"
			continue
		}
		values[name] = v
	}
	checkObject("", m.Params, values, errs)
	for name, v := range values {
		if m.Params[name] == nil {
			m.Property(name).check(name, v, errs)
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	out := map[string]string{}
	for name, v := range values {
		out[name] = text(v)
	}
	return out, nil
}

// checkObject checks the named properties of values and reports under path.name.
func checkObject(path string, properties map[string]*Property, values map[string]any, errs map[string]string) {
	at := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	for name, p := range properties {
		v, given := values[name]
		if !given {
			if !p.Optional && p.Alias == "" {
				errs[at(name)] = "property is missing and it is not optional"
			}
			continue
		}
		if p.Requires != "" {
			if _, ok := values[p.Requires]; !ok {
				errs[at(p.Requires)] = fmt.Sprintf("missing property required by '%s'", name)
			}
		}
		p.check(at(name), v, errs)
	}
}

// check validates one value and notes its first error.
func (p *Property) check(path string, value any, errs map[string]string) {
	if p.Type == "array" {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			if _, nested := v.([]any); nested {
				errs[path] = "type check ('array') failed"
			}
		}
		return
	}
	s, problem := p.scalar(value)
	if problem == "" {
		problem = p.checkText(path, s)
	}
	if problem != "" {
		errs[path] = problem
	}
}

var (
	integer = regexp.MustCompile(`\A[+-]?\d+\z`)
	number  = regexp.MustCompile(`\A[+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d+)?\z`)
)

// scalar checks the type and returns the value as text.
func (p *Property) scalar(value any) (s, problem string) {
	failed := func(got string) (string, string) {
		return "", fmt.Sprintf("type check ('%s') failed - got %s", p.Type, got)
	}
	switch v := value.(type) {
	case []any:
		return failed("ARRAY")
	case map[string]any:
		return failed("HASH")
	case bool:
		if p.Type != "boolean" && p.Type != "" {
			return failed("JSON::PP::Boolean")
		}
		return text(v), ""
	default:
		s = text(v)
	}
	ok := true
	switch p.Type {
	case "integer":
		ok = integer.MatchString(s)
	case "number":
		ok = number.MatchString(s)
	case "boolean":
		ok = s == "1" || s == "0"
	}
	if !ok {
		return failed("'" + s + "'")
	}
	return s, ""
}

func (p *Property) checkText(path, s string) string {
	if p.Keys != nil {
		if _, err := ParseProperties(p.Keys, path, s); err != nil {
			return "invalid format - " + err.Error()
		}
	} else if p.Format != "" {
		if err := checkFormat(p.Format, s); err != nil {
			return "invalid format - " + err.Error()
		}
	}
	if p.pattern != nil && !p.pattern.MatchString(s) {
		return "value does not match the regex pattern"
	}
	if n := utf8.RuneCountInString(s); p.MaxLength != nil && n > *p.MaxLength {
		return fmt.Sprintf("value may only be %d characters long", *p.MaxLength)
	} else if p.MinLength != nil && n < *p.MinLength {
		return fmt.Sprintf("value must be at least %d characters long", *p.MinLength)
	}
	if number.MatchString(s) && p.Type != "string" {
		if p.Max != nil && compare(s, *p.Max) > 0 {
			return "value must have a maximum value of " + p.Max.String()
		}
		if p.Min != nil && compare(s, *p.Min) < 0 {
			return "value must have a minimum value of " + p.Min.String()
		}
	}
	if p.Enum != nil {
		for _, e := range p.Enum {
			if e == s {
				return ""
			}
		}
		return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", s, strings.Join(p.Enum, ", "))
	}
	return ""
}

func compare(s string, limit json.Number) int {
	a, _, err := big.ParseFloat(s, 10, 128, big.ToNearestEven)
	b, _, err2 := big.ParseFloat(limit.String(), 10, 128, big.ToNearestEven)
	if err != nil || err2 != nil {
		return 0
	}
	return a.Cmp(b)
}

// text is a scalar as a form would carry it; of a list, its items joined by NUL.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "1"
		}
		return "0"
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = text(v[i])
		}
		return strings.Join(parts, "\x00")
	default:
		return fmt.Sprint(v)
	}
}
