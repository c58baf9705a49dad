package catalog_test

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"

	"proximity/core/catalog"
)

// form is an app with a field of every kind.
func form(t *testing.T) *catalog.Manifest {
	t.Helper()
	return manifest(t, `
		{"key": "NAME", "type": "string", "required": true, "min": 2, "max": 5, "pattern": "^[a-z]+$", "pattern_error": "must have lower-case letters only"},
		{"key": "CODE", "type": "string", "pattern": "^[0-9]+$"},
		{"key": "TEXT", "type": "text"},
		{"key": "PASS", "type": "password", "min": 8},
		{"key": "NUM", "type": "number", "min": 1, "max": 10.5},
		{"key": "FLAG", "type": "boolean", "default": true},
		{"key": "MAIL", "type": "email"},
		{"key": "LINK", "type": "url"},
		{"key": "HOST", "type": "host"},
		{"key": "PORT", "type": "port", "min": 1024},
		{"key": "ZONE", "type": "timezone", "default": "UTC"},
		{"key": "SIZE", "type": "select", "options": [{"value": "small"}, {"value": "big"}], "default": "small"},
		{"key": "MODE", "type": "string", "immutable": true},
		{"key": "SMTP", "type": "host", "required": true, "when": {"FLAG": false}},
		{"key": "KEY", "type": "string", "generate": {"kind": "hex", "length": 32}},
		{"key": "USER", "type": "string", "generate": {"kind": "username"}}`,
		`{"A": "${NAME} ${CODE} ${TEXT} ${PASS} ${NUM} ${FLAG} ${MAIL} ${LINK} ${HOST} ${PORT} ${ZONE} ${SIZE} ${MODE} ${SMTP} ${KEY} ${USER}"}`, "")
}

func TestWrongValuesNameFieldAndRule(t *testing.T) {
	m := form(t)
	for _, c := range []struct{ key, value, want string }{
		{"NAME", "", "NAME: is required: give a value"},
		{"NAME", "a", "NAME: must have at least 2 characters"},
		{"NAME", "abcdef", "NAME: must have at most 5 characters"},
		{"NAME", "ABC", "NAME: must have lower-case letters only"},
		{"CODE", "x", "CODE: must match ^[0-9]+$"},
		{"NAME", "a\nb", "NAME: must be a single line"},
		{"NAME", "a\x1b[31m", "NAME: must not contain control characters"},
		{"NAME", "a\xff", "NAME: is not valid UTF-8 text"},
		{"TEXT", "a\x00", "TEXT: must not contain control characters"},
		{"PASS", "short", "PASS: must have at least 8 characters"},
		{"NUM", "ten", "NUM: must be a number"},
		{"NUM", "NaN", "NUM: must be a number"},
		{"NUM", "0x5", "NUM: must be a number"},
		{"NUM", "0", "NUM: must be at least 1"},
		{"NUM", "11", "NUM: must be at most 10.5"},
		{"FLAG", "maybe", "FLAG: must be true or false"},
		{"MAIL", "me", "MAIL: must be an e-mail address"},
		{"MAIL", "Me <me@example.org>", "MAIL: must be an e-mail address"},
		{"LINK", "example.org", "LINK: must be an address such as https://example.org"},
		{"HOST", "a b", "HOST: must be a host name or IP address"},
		{"HOST", "-a", "HOST: must be a host name or IP address"},
		{"PORT", "0", "PORT: must be a port from 1 to 65535"},
		{"PORT", "65536", "PORT: must be a port from 1 to 65535"},
		{"PORT", "80", "PORT: must be at least 1024"},
		{"ZONE", "Mars/Base", "ZONE: must be a time zone such as Europe/Rome"},
		{"ZONE", "../../etc/passwd", "ZONE: must be a time zone such as Europe/Rome"},
		{"SIZE", "huge", "SIZE: must be one of small, big"},
		{"FLAG", "false", "SMTP: is required: give a host name or IP address"},
		{"NAEM", "x", "NAEM: unknown field: did you mean NAME?"},
		{"PX_URL", "x", "PX_URL: unknown field: X takes NAME, CODE, TEXT, PASS, NUM, FLAG, MAIL, LINK, HOST, PORT, ZONE, SIZE, MODE, SMTP, KEY, USER"},
	} {
		given := catalog.Values{"NAME": "abc"}
		given[c.key] = c.value
		values, err := m.Resolve(given)
		if err == nil || err.Error() != c.want || values != nil {
			t.Errorf("%s=%q: %v, %v; want %s", c.key, c.value, values, err, c.want)
		}
		var faults catalog.FieldErrors
		if !errors.As(err, &faults) || len(faults) != 1 {
			t.Errorf("%s=%q: %T", c.key, c.value, err)
		}
	}
}

func TestAllFaultsAreNamedAtOnce(t *testing.T) {
	_, err := form(t).Resolve(catalog.Values{"PORT": "x", "NUM": "y"})
	if want := "NUM: must be a number; PORT: must be a port from 1 to 65535; NAME: is required: give a value"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestRightValuesAreTakenAsTheAppWantsThem(t *testing.T) {
	m := form(t)
	for _, c := range []struct{ key, value, want string }{
		{"FLAG", "Yes", "true"}, {"FLAG", "1", "true"}, {"FLAG", "on", "true"},
		{"NUM", " 3.5 ", "3.5"}, {"PORT", "08080", "8080"},
		{"MAIL", "me@example.org", "me@example.org"}, {"LINK", "https://example.org/x?y=z", "https://example.org/x?y=z"},
		{"HOST", "10.0.0.1", "10.0.0.1"}, {"HOST", "fe80::1", "fe80::1"}, {"HOST", "db.lan", "db.lan"},
		{"ZONE", "Europe/Rome", "Europe/Rome"}, {"ZONE", "", ""}, {"SIZE", "big", "big"}, {"TEXT", "two\nlines", "two\nlines"}, {"PASS", "", ""}, {"PASS", " keeps spaces ", " keeps spaces "},
	} {
		values, err := m.Resolve(catalog.Values{"NAME": "abc", c.key: c.value})
		if err != nil || values[c.key] != c.want {
			t.Errorf("%s=%q: %q, %v; want %q", c.key, c.value, values[c.key], err, c.want)
		}
	}
}

func TestDefaultsFillInAndNothingIsGenerated(t *testing.T) {
	given := catalog.Values{"NAME": "abc"}
	values, err := form(t).Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	if values["FLAG"] != "true" || values["SIZE"] != "small" || values["ZONE"] != "UTC" || values["NAME"] != "abc" {
		t.Errorf("%v", values)
	}
	if _, made := values["KEY"]; made {
		t.Error("a secret was generated")
	}
	if text, is := values["TEXT"]; !is || text != "" {
		t.Error("an optional field is missing: compose would warn")
	}
	if len(given) != 1 {
		t.Errorf("the caller's values changed: %v", given)
	}
}

func TestConditionalFieldMattersOnlyThen(t *testing.T) {
	m := form(t)
	if _, err := m.Resolve(catalog.Values{"NAME": "abc", "FLAG": "no", "SMTP": "mail.lan"}); err != nil {
		t.Error(err)
	}
	if values, err := m.Resolve(catalog.Values{"NAME": "abc", "FLAG": "yes"}); err != nil || values["SMTP"] != "" {
		t.Errorf("%v %v", values, err)
	}
}

func TestImmutableFieldsStay(t *testing.T) {
	m := form(t)
	old, err := m.Resolve(catalog.Values{"NAME": "abc", "MODE": "one", "KEY": "f00d"})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := m.ResolveChange(old, catalog.Values{"NAME": "xyz", "MODE": "one"})
	if err != nil || changed["NAME"] != "xyz" || changed["MODE"] != "one" || changed["KEY"] != "f00d" {
		t.Errorf("%v %v", changed, err)
	}
	_, err = m.ResolveChange(old, catalog.Values{"MODE": "two", "PORT": "x"})
	if want := "MODE: cannot be changed once the app is installed: leave it out; PORT: must be a port from 1 to 65535"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestGeneratedValuesAreMadeOnce(t *testing.T) {
	m := form(t)
	values, err := m.Resolve(catalog.Values{"NAME": "abc", "USER": "me", "KEY": ""})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Generate(values); err != nil {
		t.Fatal(err)
	}
	first := values["KEY"]
	if values["USER"] != "me" || len(first) != 32 {
		t.Errorf("%v", values)
	}
	if err := m.Generate(values); err != nil || values["KEY"] != first {
		t.Errorf("made again: %q, %q, %v", first, values["KEY"], err)
	}
}

func TestGeneratedValuesHaveTheirKind(t *testing.T) {
	for _, c := range []struct{ generate, want string }{
		{`{"kind": "password"}`, `^[a-zA-Z2-9]{24}$`},
		{`{"kind": "password", "length": 40}`, `^[a-zA-Z2-9]{40}$`},
		{`{"kind": "password", "length": 1}`, `^[a-zA-Z2-9]$`},
		{`{"kind": "alnum", "length": 64}`, `^[a-zA-Z0-9]{64}$`},
		{`{"kind": "hex", "length": 47}`, `^[0-9a-f]{47}$`},
		{`{"kind": "hex", "prefix": "0x"}`, `^0x[0-9a-f]{32}$`},
		{`{"kind": "base64", "length": 32, "prefix": "base64:"}`, `^base64:[A-Za-z0-9+/]{43}=$`},
		{`{"kind": "uuid"}`, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		{`{"kind": "username"}`, `^[a-z][a-z2-9]{7}$`},
		{`{"kind": "username", "length": 1}`, `^[a-z]$`},
	} {
		m := manifest(t, `{"key": "K", "type": "string", "generate": `+c.generate+`}`, `{"A": "${K}"}`, "")
		seen := map[string]bool{}
		for range 20 {
			v := catalog.Values{}
			if err := m.Generate(v); err != nil {
				t.Fatal(err)
			}
			seen[v["K"]] = true
			if !regexp.MustCompile(c.want).MatchString(v["K"]) {
				t.Errorf("%s made %q", c.generate, v["K"])
			}
			if encoded, is := strings.CutPrefix(v["K"], "base64:"); is {
				if raw, err := base64.StdEncoding.DecodeString(encoded); err != nil || len(raw) != 32 {
					t.Errorf("%s made %d bytes, %v", c.generate, len(raw), err)
				}
			}
		}
		if len(seen) < 2 {
			t.Errorf("%s makes the same value every time", c.generate)
		}
	}
}

func TestGeneratedPasswordsPleaseEveryRule(t *testing.T) {
	m := manifest(t, `{"key": "P", "type": "password", "generate": {"kind": "password", "length": 8}}`, `{"A": "${P}"}`, "")
	for range 200 {
		v := catalog.Values{}
		if err := m.Generate(v); err != nil {
			t.Fatal(err)
		}
		if p := v["P"]; !strings.ContainsAny(p, "abcdefghijkmnpqrstuvwxyz") || !strings.ContainsAny(p, "ABCDEFGHJKLMNPQRSTUVWXYZ") || !strings.ContainsAny(p, "23456789") || strings.ContainsAny(p, "lIO01o") {
			t.Errorf("%q", p)
		}
	}
}

func TestSecretsAreKnown(t *testing.T) {
	m := form(t)
	for key, want := range map[string]bool{"PASS": true, "KEY": true, "USER": false, "NAME": false, "PX_URL": false, "UNKNOWN": true} {
		if got := m.Secret(key); got != want {
			t.Errorf("Secret(%s) = %v", key, got)
		}
	}
}

// An update brings a manifest with one more secret: it is made, and those that are there stay, whatever they once were
// made like.
func TestNewRevisionMakesOnlyTheNewSecret(t *testing.T) {
	first := manifest(t, `{"key": "DB", "type": "password", "generate": {"kind": "hex", "length": 32}}, {"key": "GONE", "type": "password", "generate": {"kind": "hex"}}`, `{"A": "${DB} ${GONE}"}`, "")
	old, err := first.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Generate(old); err != nil {
		t.Fatal(err)
	}
	second := manifest(t, `{"key": "DB", "type": "password", "immutable": true, "generate": {"kind": "password", "length": 8}}, {"key": "KEY", "type": "password", "generate": {"kind": "uuid"}}, {"key": "NAME", "type": "string", "default": "x"}`,
		`{"A": "${DB} ${KEY} ${NAME}"}`, `, "revision": 2`)
	for range 2 {
		now, err := second.ResolveChange(old, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Generate(now); err != nil {
			t.Fatal(err)
		}
		if now["DB"] != old["DB"] || len(now["KEY"]) != 36 || now["NAME"] != "x" || len(now) != 3 {
			t.Errorf("%v becomes %v", old, now)
		}
		if old["KEY"] != "" && now["KEY"] != old["KEY"] {
			t.Errorf("made again: %v becomes %v", old, now)
		}
		old = now
	}
}

func TestRulesAreToldInWords(t *testing.T) {
	m := form(t)
	for key, want := range map[string]string{
		"NAME": "2 to 5 characters, must have lower-case letters only", "CODE": "must match ^[0-9]+$", "TEXT": "", "PASS": "of at least 8 characters",
		"NUM": "a number from 1 to 10.5", "FLAG": "", "MAIL": "an e-mail address", "PORT": "a port of at least 1024", "SIZE": "",
	} {
		if f, _ := m.Field(key); f.Rule() != want {
			t.Errorf("%s: %q, want %q", key, f.Rule(), want)
		}
	}
}

// What is made up for trials is what the field takes.
func TestSamplesFit(t *testing.T) {
	m := form(t)
	given := catalog.Values{}
	for _, f := range m.Fields {
		given[f.Key] = f.Sample()
	}
	if _, err := m.Resolve(given); err != nil {
		t.Errorf("%v of %v", err, given)
	}
	for _, pattern := range []string{`^eyJ[A-Za-z0-9+/_-]+=*$`, `^https?://[^/]+$`, `^(a|b){3}x?$`, `^[^a-zA-Z0-9]{2}$`, `^[0-9A-F]{64}$`, `\d+\.\d+`, `^.{12,}$`} {
		m := manifest(t, `{"key": "P", "type": "string", "required": true, "min": 2, "pattern": "`+strings.ReplaceAll(pattern, `\`, `\\`)+`"}`, `{"A": "${P:?}"}`, "")
		if _, err := m.Resolve(catalog.Values{"P": m.Fields[0].Sample()}); err != nil {
			t.Errorf("%s: %q: %v", pattern, m.Fields[0].Sample(), err)
		}
	}
}
