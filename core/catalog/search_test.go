package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"proximity/core/catalog"
)

// shelf is a catalogue of small apps.
func shelf(t *testing.T) *catalog.Catalogue {
	t.Helper()
	folder := fstest.MapFS{}
	for _, a := range []struct{ id, name, tagline, description, category, tags string }{
		{"gitea", "Gitea", "Light Git service", "Repositories and issues.", "Dev Tools", `"git", "forge"`},
		{"git-mirror", "Git Mirror", "Keeps copies", "Mirrors repositories.", "Dev Tools", ``},
		{"forgejo", "Forgejo", "Git forge", "A fork of Gitea.", "Dev Tools", `"git"`},
		{"legit", "leGit", "Viewer", "Looks at code.", "Dev Tools", ``},
		{"vaultwarden", "Vaultwarden", "Passwords", "Speaks to the Bitwarden apps.", "Passwords & Auth", `"passwords", "bitwarden"`},
		{"nextcloud", "Nextcloud", "Files and calendar", "Stores digital things.", "Files", `"files"`},
		{"miniflux", "Miniflux", "Feed reader", "RSS.", "News", `"rss"`},
	} {
		folder[a.id+".json"] = &fstest.MapFile{Data: fmt.Appendf(nil, `{"id": %q, "name": %q, "version": "1", "tagline": %q, "description": %q, "category": %q, "tags": [%s],
			"docker_compose": {"services": {"web": {"image": "nginx:1.29"}}}, "min_memory": 0, "min_cpu": 1}`, a.id, a.name, a.tagline, a.description, a.category, a.tags)}
	}
	c, problems := catalog.Load(t.Context(), catalog.Options{}, catalog.Source{FS: folder})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return c
}

func ids(list []*catalog.Manifest) string {
	var out []string
	for _, m := range list {
		out = append(out, m.ID)
	}
	return strings.Join(out, " ")
}

func TestSearchRanksTheBestFirst(t *testing.T) {
	c := shelf(t)
	for _, s := range []struct{ name, query, category, want string }{
		{"all by name", "", "", "forgejo git-mirror gitea legit miniflux nextcloud vaultwarden"},
		{"exact name first", "gitea", "", "gitea forgejo"},
		{"any case and spaces", "  GITEA ", "", "gitea forgejo"},
		{"prefix, word, tag, part of the name, part of the text", "git", "", "git-mirror gitea forgejo legit nextcloud"},
		{"id", "git-mirror", "", "git-mirror"},
		{"two words, both wanted", "git fork", "", "forgejo"},
		{"text", "calendar", "", "nextcloud"},
		{"tag", "bitwarden", "", "vaultwarden"},
		{"category's word", "auth", "", "vaultwarden"},
		{"swapped letters", "vaultwraden", "", "vaultwarden"},
		{"missing letter", "minflux", "", "miniflux"},
		{"wrong letter while typing", "nextcloid", "", "nextcloud"},
		{"a beginning with a slip", "nextcl0", "", "nextcloud"},
		{"short words are taken as they are", "gti", "", ""},
		{"two slips are too many", "vultwraden", "", ""},
		{"within a category", "git", "Dev Tools", "git-mirror gitea forgejo legit"},
		{"category in any case", "", "files", "nextcloud"},
		{"unknown category", "git", "Games", ""},
		{"nothing", "zebra", "", ""},
		{"punctuation", "!?", "", ""},
		{"not a pattern", "git.*", "", "git-mirror gitea forgejo legit nextcloud"},
	} {
		t.Run(s.name, func(t *testing.T) {
			if got := ids(c.Search(s.query, s.category)); got != s.want {
				t.Errorf("Search(%q, %q) = %q, want %q", s.query, s.category, got, s.want)
			}
		})
	}
}

// Among two thousand apps whose texts are full of the same words, the few that are meant still come first.
func TestSearchRanksTheBestFirstAmongTwoThousand(t *testing.T) {
	folder := fstest.MapFS{}
	put := func(id, name, tagline, description string) {
		folder[id+".json"] = &fstest.MapFile{Data: fmt.Appendf(nil, `{"id": %q, "name": %q, "version": "1", "tagline": %q, "description": %q, "category": "Tools",
			"docker_compose": {"services": {"web": {"image": "nginx:1.29"}}}, "min_memory": 0, "min_cpu": 1}`, id, name, tagline, description)}
	}
	put("vault", "Vault", "Keeps keys", "")
	put("vaultwarden", "Vaultwarden", "Server for password apps", "")
	put("open-vault", "Open Vault", "Keeps keys, too", "")
	put("keeper", "Keeper", "A vault for families", "")
	for i := len(folder); i < 2000; i++ {
		put(fmt.Sprintf("app-%d", i), fmt.Sprintf("App %d", i), "Does its work", "Can hand its secrets to a vault, and reads them there.")
	}
	c, problems := load(t, catalog.Source{FS: folder})
	if len(problems) > 0 || c.Len() != 2000 {
		t.Fatal(c.Len(), problems)
	}
	for query, want := range map[string]string{
		"vault":       "vault vaultwarden open-vault keeper", // exact name, prefix, word of the name, word of the tagline
		"vaultw":      "vaultwarden",
		"vaultwraden": "vaultwarden", // a typo
		"app 1234":    "app-1234",
		"open vault":  "open-vault",
	} {
		got := c.Search(query, "")
		if first := ids(got[:min(len(got), strings.Count(want, " ")+1)]); first != want {
			t.Errorf("%q finds %d apps, %q first, want %q", query, len(got), first, want)
		}
	}
	if got := c.Search("vault", ""); len(got) != 2000 {
		t.Errorf("%d apps have the word, 2000 do", len(got))
	}
}

func TestCategoriesAreCounted(t *testing.T) {
	want := []catalog.Category{{Name: "Dev Tools", Count: 4}, {Name: "Files", Count: 1}, {Name: "News", Count: 1}, {Name: "Passwords & Auth", Count: 1}}
	if got := shelf(t).Categories(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestSuggestKnowsWhatWasMeant(t *testing.T) {
	c := shelf(t)
	for _, s := range []struct{ id, want string }{
		{"gitae", "gitea"},
		{"Gitea", "gitea"},
		{"vaultwarde", "vaultwarden"},
		{"vault", "vaultwarden"},
		{"mini-flux", "miniflux"},
		{"forgejo-server", "forgejo"},
		{"zebra", ""},
		{"", ""},
		{strings.Repeat("x", 500), ""},
	} {
		if got := strings.Join(c.Suggest(s.id), " "); got != s.want {
			t.Errorf("Suggest(%q) = %q, want %q", s.id, got, s.want)
		}
	}
}

func TestSimilarAppsShareWhatIsRare(t *testing.T) {
	c := shelf(t)
	for _, s := range []struct{ id, want string }{
		{"gitea", "forgejo"}, // a tag and the category; the other tools share the category alone
		{"forgejo", "gitea"},
		{"nextcloud", ""},
	} {
		if got := ids(c.Similar(app(t, c, s.id), 5)); got != s.want {
			t.Errorf("like %s: %q, want %q", s.id, got, s.want)
		}
	}
	all := embedded(t)
	for _, m := range all.All() {
		if similar := all.Similar(m, 3); len(similar) > 3 || slices.Contains(similar, m) {
			t.Errorf("like %s: %s", m.ID, ids(similar))
		}
	}
}
