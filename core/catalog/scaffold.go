package catalog

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:embed scaffold.json
var scaffold string

// goodID is what the schema takes.
var goodID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Scaffold is the manifest of a new app, for its author to go on from: Lint accepts all of it but what only the author can
// decide. The error says why the id cannot be one.
func Scaffold(id string) ([]byte, error) {
	if !goodID.MatchString(id) {
		return nil, fmt.Errorf("%q is no id: it has 1 to 63 of a-z 0-9 - and does not begin with a dash", id)
	}
	if slices.Contains(reserved, id) {
		return nil, fmt.Errorf("%q is a word of the catalogue's own commands", id)
	}
	name := strings.Join(strings.FieldsFunc(id, between), " ")
	name = strings.ToUpper(name[:1]) + name[1:]
	return []byte(strings.NewReplacer("@ID@", id, "@NAME@", name).Replace(scaffold)), nil
}
