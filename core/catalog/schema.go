package catalog

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

//go:embed manifest.schema.json
var schemaJSON []byte

// schema compiles the embedded schema once.
var schema = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		panic("manifest.schema.json: " + err.Error()) // embedded: a broken one does not get past the tests
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("manifest.schema.json", doc); err != nil {
		panic("manifest.schema.json: " + err.Error())
	}
	return c.MustCompile("manifest.schema.json")
})

// checkSchema reports what of a JSON document does not fit the schema.
func checkSchema(doc any, r *report) bool {
	err := schema().Validate(doc)
	if err == nil {
		return true
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		r.add("", "%v", err)
		return false
	}
	reportLeaves(invalid, r)
	return false
}

// reportLeaves reports the innermost causes: the outer ones only say that something inside is wrong.
func reportLeaves(e *jsonschema.ValidationError, r *report) {
	for _, cause := range e.Causes {
		reportLeaves(cause, r)
	}
	if len(e.Causes) == 0 {
		r.add(jsonPath(e.InstanceLocation), "%s", expectation(e.ErrorKind))
	}
}

// jsonPath writes a location as fields[2].type.
func jsonPath(location []string) string {
	var b strings.Builder
	for _, step := range location {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}

// expectation says in plain words what the schema wants.
func expectation(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return "missing: " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		return "unknown key: " + strings.Join(k.Properties, ", ")
	case *kind.Type:
		return fmt.Sprintf("must be %s, is %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return "must be one of " + values(k.Want)
	case *kind.Const:
		return "must be " + values([]any{k.Want})
	case *kind.Pattern:
		return fmt.Sprintf("%q must match %s", k.Got, k.Want)
	case *kind.MinLength:
		return atLeast(k.Want, "characters")
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters, may have %d", k.Got, k.Want)
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.MinItems:
		return atLeast(k.Want, "entries")
	case *kind.MinProperties:
		return atLeast(k.Want, "entries")
	}
	return k.LocalizedString(message.NewPrinter(language.English))
}

func atLeast(n int, of string) string {
	if n == 1 {
		return "must not be empty"
	}
	return fmt.Sprintf("must have at least %d %s", n, of)
}

func values(list []any) string {
	out := make([]string, len(list))
	for i, v := range list {
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		out[i] = string(text)
	}
	return strings.Join(out, ", ")
}
