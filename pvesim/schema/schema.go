// Package schema holds the parameter schema of the API methods the simulator serves and checks requests against it,
// with the error texts of Proxmox VE's own validator.
package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:embed schema.json
var embedded []byte

// Property describes one parameter, or one key of a property string.
type Property struct {
	Type       string
	Optional   bool
	Format     string
	Keys       map[string]*Property `json:"fmt"` // a property string's keys
	Min, Max   *json.Number
	MinLength  *int
	MaxLength  *int
	Pattern    string
	Enum       []string
	Requires   string
	DefaultKey bool `json:"default_key"`
	Alias      string
	KeyAlias   string

	pattern *regexp.Regexp
}

// Permissions says who may call a method. User is "world", "all" or empty; Check is a nested list such as
// ["perm", "/vms/{vmid}", ["VM.Audit"]].
type Permissions struct {
	User  string
	Check []any
}

// Method is one verb of one path.
type Method struct {
	Path        string
	Verb        string
	Params      map[string]*Property
	Permissions *Permissions // nil = root@pam alone
	AllowToken  *bool
	families    map[string]*Property // name[n] by name
}

// Schema is a set of methods.
type Schema struct{ root *segment }

// segment is one part of a path in the tree of paths.
type segment struct {
	literal map[string]*segment
	param   *segment
	name    string // of param
	methods map[string]*Method
}

// Load reads the embedded schema.
func Load() (*Schema, error) {
	var paths map[string]map[string]*Method
	if err := json.Unmarshal(embedded, &paths); err != nil {
		return nil, fmt.Errorf("read the embedded API schema: %w", err)
	}
	s := &Schema{root: &segment{}}
	for path, methods := range paths {
		at := s.root
		for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
			at = at.child(part)
		}
		at.methods = methods
		for verb, m := range methods {
			m.Path, m.Verb, m.families = path, verb, map[string]*Property{}
			for name, p := range m.Params {
				if err := p.compile(); err != nil {
					return nil, fmt.Errorf("parameter %s of %s %s: %w", name, verb, path, err)
				}
				if base, ok := strings.CutSuffix(name, "[n]"); ok {
					m.families[base] = p
					delete(m.Params, name)
				}
			}
		}
	}
	return s, nil
}

func (p *Property) compile() (err error) {
	if p.Pattern != "" {
		if p.pattern, err = regexp.Compile(`\A(?:` + p.Pattern + `)\z`); err != nil {
			return err
		}
	}
	for _, key := range p.Keys {
		if err := key.compile(); err != nil {
			return err
		}
	}
	return nil
}

func (s *segment) child(part string) *segment {
	if strings.HasPrefix(part, "{") {
		if s.param == nil {
			s.param = &segment{}
			s.name = strings.Trim(part, "{}")
		}
		return s.param
	}
	if s.literal == nil {
		s.literal = map[string]*segment{}
	}
	if s.literal[part] == nil {
		s.literal[part] = &segment{}
	}
	return s.literal[part]
}

// Lookup finds the method for a verb and an unescaped path, and the parameters inside the path. A {volume} takes the
// rest of the path, slashes included. Nil when there is no such path or no such verb on it.
func (s *Schema) Lookup(verb, path string) (*Method, map[string]string) {
	params := map[string]string{}
	at := s.root
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		if next := at.literal[part]; next != nil {
			at = next
			continue
		}
		if at.param == nil {
			return nil, nil
		}
		if at.name == "volume" {
			params[at.name] = strings.Join(parts[i:], "/")
			at = at.param
			break
		}
		params[at.name] = part
		at = at.param
	}
	m := at.methods[verb]
	if m == nil {
		return nil, nil
	}
	return m, params
}

// Methods returns every method, sorted by path and verb.
func (s *Schema) Methods() []*Method {
	var all []*Method
	var walk func(*segment)
	walk = func(at *segment) {
		for _, m := range at.methods {
			all = append(all, m)
		}
		for _, next := range at.literal {
			walk(next)
		}
		if at.param != nil {
			walk(at.param)
		}
	}
	walk(s.root)
	slices.SortFunc(all, func(a, b *Method) int { return strings.Compare(a.Path+" "+a.Verb, b.Path+" "+b.Verb) })
	return all
}

// families with a limit of their own; every other ends at 255.
var familySize = map[string]int{"net": 32}

var indexed = regexp.MustCompile(`^([a-z]+)(0|[1-9][0-9]*)$`)

// Property returns what the method says of a parameter, nil when it does not know it.
func (m *Method) Property(name string) *Property {
	if p := m.Params[name]; p != nil {
		return p
	}
	parts := indexed.FindStringSubmatch(name)
	if parts == nil || m.families[parts[1]] == nil {
		return nil
	}
	size := familySize[parts[1]]
	if size == 0 {
		size = 256
	}
	var n int
	if _, err := fmt.Sscan(parts[2], &n); err != nil || n >= size {
		return nil
	}
	return m.families[parts[1]]
}
