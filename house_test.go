package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is the import path of the house.
const module = "proximity"

// rooms says what each room may import of the house: an import may only go
// down. "*" after a room stands for all below it.
var rooms = []struct {
	room string
	may  []string
}{
	{"sshd", []string{"tui", "tui/*", "cli", "core", "keys"}},
	{"cli", []string{"core"}},
	{"tui", []string{"core", "tui/*"}},
	{"tui/ui", nil},
	{"tui/screen", nil},
	{"api", []string{"core", "keys"}},
	{"core", []string{"jobs", "store", "core/*", "keys"}},
	{"core/pve", nil},
	{"core/catalog", []string{"catalog_data"}},
	{"core/forward", nil},
	{"core/safe", nil},
	{"jobs", []string{"store"}},
	{"store", nil},
	{"keys", nil},
	{"catalog_data", nil},
	{"pvesim", []string{"pvesim/*"}},
	{"pvesim/*", []string{"pvesim/*"}},
	{"docs/*", []string{"core", "core/catalog", "tui", "tui/*", "pvesim"}}, // draw the README's picture and the table of apps
	{"e2e", nil},
}

// only says which rooms alone may import something from outside.
var only = []struct {
	path  string
	rooms []string
	why   string
}{
	{"github.com/luthermonson/go-proxmox", []string{"core/pve"}, "only core/pve knows what Proxmox says on the wire"},
	{"go.etcd.io/bbolt", []string{"store"}, "only store knows how rows are kept"},
	{"github.com/spf13/cobra", []string{"cli", ""}, "commands are cli's and main's"},
	{"charm.land/wish/v2", []string{"sshd"}, "only sshd lets people in"},
	{"github.com/danielgtaylor/huma", []string{"api"}, "only api speaks HTTP"},
	{"github.com/prometheus", []string{"api"}, "figures are served, not kept"},
	{"github.com/getsentry", []string{""}, "errors are logged; main says who else is told"},
	{"github.com/golang-jwt", []string{"keys"}, "only keys signs and verifies"},
	{"charm.land/lipgloss/v2/compat", nil, "it asks the process's terminal, not the session's"},
}

// listed is a package of `go list -json`.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// house lists the packages of this module.
func house(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &errs)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// room is the folder of a package of the house: "" for main.
func room(path string) (name string, ok bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

func fits(room, pattern string) bool {
	if all, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(room, all+"/")
	}
	return room == pattern
}

func TestImportsOnlyGoDown(t *testing.T) {
	for _, p := range house(t) {
		from, _ := room(p.ImportPath)
		for _, path := range p.Imports {
			if to, ok := room(path); ok {
				if text := forbidden(from, to); text != "" {
					t.Error(text)
				}
			}
			for _, o := range only {
				if (path == o.path || strings.HasPrefix(path, o.path+"/")) && !slices.Contains(o.rooms, from) {
					t.Errorf("%s imports %s: %s", p.ImportPath, path, o.why)
				}
			}
		}
	}
}

// forbidden says what is wrong with an import from one room of the other; ""
// = nothing.
func forbidden(from, to string) string {
	if from == "" {
		return ""
	}
	for _, r := range rooms {
		if !fits(from, r.room) {
			continue
		}
		for _, m := range r.may {
			if fits(to, m) {
				return ""
			}
		}
		may := "nothing of the house"
		if len(r.may) > 0 {
			may = "only " + strings.Join(r.may, ", ")
		}
		return module + "/" + from + " imports " + module + "/" + to + ": " + r.room + " may import " + may
	}
	return module + "/" + from + " is no room of the house: give it a line in this test's table"
}

func TestSimulatorServesOnlyDemoAndTests(t *testing.T) {
	for _, p := range house(t) {
		from, _ := room(p.ImportPath)
		simulator := from == "pvesim" || strings.HasPrefix(from, "pvesim/")
		picture := strings.HasPrefix(from, "docs/")
		for _, path := range p.Imports {
			to, _ := room(path)
			if (to == "pvesim" || strings.HasPrefix(to, "pvesim/")) && from != "" && !simulator && !picture {
				t.Errorf("%s imports %s: only main and tests run the simulated cluster", p.ImportPath, path)
			}
		}
		if simulator {
			for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
				if to, ok := room(path); ok && to != "pvesim" && !strings.HasPrefix(to, "pvesim/") {
					t.Errorf("%s imports %s: the simulated cluster must not share our mistakes", p.ImportPath, path)
				}
			}
		}
	}
}

// TestHouseRulesBite makes sure that the rules forbid something.
func TestHouseRulesBite(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"cli", "jobs"}, {"tui", "store"}, {"core", "tui"}, {"core/pve", "core"}, {"jobs", "core"}, {"store", "keys"}, {"tui/ui", "core"}, {"api", "core/pve"}, {"api", "store"}, {"api", "jobs"}, {"api", "core/catalog"}, {"core", "pvesim"}, {"pvesim", "core"}, {"util", "core"},
	} {
		if forbidden(c.from, c.to) == "" {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
}

// TestArchitectureNamesFilesThatAreThere: docs/architecture.md leads a reader
// into the code, by names that a move would leave behind.
func TestArchitectureNamesFilesThatAreThere(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z_*/]+\\.(?:go|sh))`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Fatalf("only %d files are named", len(named))
	}
	for _, n := range named {
		there := 0
		for _, room := range []string{".", "core", "jobs"} {
			files, err := filepath.Glob(filepath.Join(room, n[1]))
			if err != nil {
				t.Fatal(err)
			}
			there += len(files)
		}
		if there == 0 {
			t.Errorf("there is no %s", n[1])
		}
	}
}
