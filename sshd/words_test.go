package sshd

import (
	"slices"
	"testing"
)

func TestCommandsAreCutIntoWords(t *testing.T) {
	for in, want := range map[string][]string{
		"":                       nil,
		"  ":                     nil,
		"apps":                   {"apps"},
		"  apps\t--json \n":      {"apps", "--json"},
		`app 'b c'`:              {"app", "b c"},
		`app "b c"d'e f'`:        {"app", "b cde f"},
		`app ''`:                 {"app", ""},
		`--set "A=it's"`:         {"--set", "A=it's"},
		`a\ b`:                   {"a b"},
		`"a\"b\\c\d"`:            {`a"b\c\d`},
		`'a\'`:                   {`a\`},
		`$HOME * ~ #`:            {"$HOME", "*", "~", "#"},
		"deploy gitea --set X=ä": {"deploy", "gitea", "--set", "X=ä"},
	} {
		if got, err := split(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q was cut into %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`a 'b`, `a "b`, `"a'`, `a\`} {
		if got, err := split(in); err == nil {
			t.Errorf("%q was cut into %q", in, got)
		}
	}
}

func FuzzQuotedWordsArriveAsTheyAre(f *testing.F) {
	for _, s := range []string{"", "a", "two words", "it's", `"`, `\`, "a\nb", "$HOME", "日本", "-", "'", "''", `a\'b`, "#x", "*"} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		got, err := split(quote(a) + " " + quote(b))
		if err != nil || !slices.Equal(got, []string{a, b}) {
			t.Errorf("%q %q arrived as %q, %v", a, b, got, err)
		}
	})
}
