package pvesim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"proximity/pvesim/schema"
)

// access is the user database: users, tokens, roles and who has which role where.
type access struct {
	Users map[string]*user    `json:"users"`
	Roles map[string][]string `json:"roles"` // made by hand
	ACL   []aclEntry          `json:"acl"`

	pools func(int) []string // pools that a guest is in
}

type user struct {
	Password string            `json:"password,omitempty"`
	Comment  string            `json:"comment,omitempty"`
	Email    string            `json:"email,omitempty"`
	Disabled bool              `json:"disabled,omitempty"`
	Expire   int64             `json:"expire,omitempty"`
	Tokens   map[string]*token `json:"tokens,omitempty"`
}

type token struct {
	Secret  string `json:"secret"`
	Privsep bool   `json:"privsep"`
	Expire  int64  `json:"expire,omitempty"`
	Comment string `json:"comment,omitempty"`
}

// aclEntry gives a role to a user or a token ("user@realm!id") on a path.
type aclEntry struct {
	Path      string `json:"path"`
	Who       string `json:"who"`
	Role      string `json:"role"`
	Propagate bool   `json:"propagate"`
}

func (a *access) enabled(name string, now time.Time) bool {
	u := a.Users[name]
	return u != nil && !u.Disabled && (u.Expire == 0 || u.Expire > now.Unix())
}

func (a *access) password(name, password string) bool {
	u := a.Users[name]
	return u != nil && u.Password != "" && u.Password == password
}

// builtin are the roles that Proxmox VE comes with.
// Proxmox: PVE/AccessControl.pm create_roles.
func builtin() map[string][]string {
	pick := func(patterns ...string) []string {
		var out []string
		for _, p := range schema.Privileges {
			for _, want := range patterns {
				if ok, _ := regexp.MatchString(`\A(?:`+want+`)\z`, p); ok {
					out = append(out, p)
					break
				}
			}
		}
		return out
	}
	user := []string{`VM\.Audit`, `VM\.Backup`, `VM\.Config\.(CDROM|Cloudinit)`, `VM\.Console`, `VM\.PowerMgmt`, `VM\.GuestAgent\..*`}
	return map[string][]string{
		"Administrator":     schema.Privileges,
		"NoAccess":          {},
		"PVEAdmin":          pick(`VM\..*`, `Datastore\..*`, `Group\..*`, `Pool\..*`, `SDN\..*`, `Mapping\..*`, `Realm\.AllocateUser`, `User\.Modify`, `Sys\.(Audit|Console|Syslog)`),
		"PVEAuditor":        pick(`.*\.Audit`),
		"PVEDatastoreAdmin": pick(`Datastore\..*`),
		"PVEDatastoreUser":  pick(`Datastore\.(Audit|AllocateSpace)`),
		"PVEMappingAdmin":   pick(`Mapping\..*`), "PVEMappingAuditor": pick(`Mapping\.Audit`), "PVEMappingUser": pick(`Mapping\.(Audit|Use)`),
		"PVEPoolAdmin": pick(`Pool\..*`), "PVEPoolUser": pick(`Pool\.Audit`),
		"PVESDNAdmin": pick(`SDN\..*`), "PVESDNUser": pick(`SDN\.(Audit|Use)`),
		"PVESysAdmin":     pick(`Sys\.(Audit|Console|Syslog)`),
		"PVETemplateUser": pick(`VM\.(Audit|Clone)`),
		"PVEUserAdmin":    pick(`Group\..*`, `Realm\.AllocateUser`, `User\.Modify`),
		"PVEVMAdmin":      pick(`VM\..*`),
		"PVEVMUser":       pick(user...),
	}
}

var builtinRoles = builtin()

func (a *access) role(name string) ([]string, bool) {
	if privs, ok := builtinRoles[name]; ok {
		return privs, true
	}
	privs, ok := a.Roles[name]
	return privs, ok
}

// privileges are what somebody may do on a path, each with whether it goes for paths below, too.
func (a *access) privileges(who identity, path string) map[string]bool {
	if who.User == "root@pam" && (who.Token == "" || !a.separated(who)) {
		all := map[string]bool{}
		for _, p := range schema.Privileges {
			all[p] = true
		}
		return all
	}
	own := a.granted(who.User, path)
	if who.User == "root@pam" {
		own = a.privileges(identity{User: who.User}, path)
	}
	if who.Token == "" || !a.separated(who) {
		return own
	}
	narrowed := map[string]bool{}
	for p, propagate := range a.granted(who.String(), path) {
		if mine, ok := own[p]; ok {
			narrowed[p] = propagate && mine
		}
	}
	return narrowed
}

// separated says whether a token has privileges of its own.
func (a *access) separated(who identity) bool {
	u := a.Users[who.User]
	return u == nil || u.Tokens[who.Token] == nil || u.Tokens[who.Token].Privsep
}

// granted are the privileges that the access list gives one name on a path. An entry on a path replaces what comes
// from above; a guest's pools add theirs.
func (a *access) granted(name, path string) map[string]bool {
	out := map[string]bool{}
	paths := []string{path}
	if rest, ok := strings.CutPrefix(path, "/vms/"); ok && a.pools != nil {
		var vmid int
		if _, err := fmt.Sscan(rest, &vmid); err == nil {
			for _, pool := range a.pools(vmid) {
				paths = append(paths, "/pool/"+pool)
			}
		}
	}
	for _, p := range paths {
		roles := a.rolesOn(name, p)
		if _, none := roles["NoAccess"]; none {
			continue
		}
		for role, propagate := range roles {
			privs, _ := a.role(role)
			for _, priv := range privs {
				out[priv] = out[priv] || propagate
			}
		}
	}
	return out
}

func (a *access) rolesOn(name, path string) map[string]bool {
	roles := map[string]bool{}
	at := ""
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for i := -1; i < len(parts); i++ {
		if i >= 0 {
			at += "/" + parts[i]
		}
		here := map[string]bool{}
		for _, e := range a.ACL {
			if e.Who == name && strings.TrimRight(e.Path, "/") == at && (e.Propagate || i == len(parts)-1) {
				here[e.Role] = e.Propagate
			}
		}
		if len(here) > 0 {
			roles = here
		}
	}
	return roles
}

// check is nil when somebody has all of the privileges on a path, or any of them.
func (a *access) check(who identity, path string, privs []string, any bool) error {
	mine := a.privileges(who, path)
	missing := 0
	for _, p := range privs {
		if _, ok := mine[p]; !ok {
			missing++
			if !any {
				return denied(fmt.Sprintf("%s, %s", path, p))
			}
		}
	}
	if any && missing == len(privs) {
		return denied(fmt.Sprintf("%s, %s", path, strings.Join(privs, "|")))
	}
	return nil
}

// capabilities are what the web interface asks for at login.
// Proxmox: PVE/RPCEnvironment.pm compute_api_permission.
func (a *access) capabilities(who identity) map[string]map[string]int {
	areas := map[string][2]string{
		"vms": {"/vms", `VM\..*|Permissions\.Modify`}, "access": {"/access", `(User|Group)\..*|Permissions\.Modify`},
		"storage": {"/storage", `Datastore\..*|Permissions\.Modify`}, "nodes": {"/nodes", `Sys\..*|Permissions\.Modify`},
		"sdn": {"/sdn", `SDN\..*|Permissions\.Modify`}, "mapping": {"/mapping", `Mapping\..*|Permissions\.Modify`},
		"dc": {"/", `Sys\.Audit|Sys\.Modify|SDN\..*`},
	}
	out := map[string]map[string]int{}
	for area, x := range areas {
		want := regexp.MustCompile(`\A(?:` + x[1] + `)\z`)
		out[area] = map[string]int{}
		for p := range a.privileges(who, x[0]) {
			if want.MatchString(p) {
				out[area][p] = 1
			}
		}
	}
	return out
}

// authorize checks the schema's permissions of the method.
func (q *call) authorize(given map[string]any) error {
	m := q.method
	if m.AllowToken != nil && !*m.AllowToken && q.who.Token != "" {
		path := m.Path
		for k, v := range given {
			path = strings.ReplaceAll(path, "{"+k+"}", fmt.Sprint(v))
		}
		return denied(fmt.Sprintf("URI '%s' not available with API token, need proper ticket.\n", path))
	}
	if m.Permissions == nil {
		if !q.who.root() {
			return denied("user != root@pam")
		}
		return nil
	}
	if m.Permissions.User == "world" || q.who.root() || len(m.Permissions.Check) == 0 {
		return nil
	}
	return q.require(m.Permissions.Check, given)
}

// require evaluates one check of the schema, such as ["perm", "/vms/{vmid}", ["VM.Audit"]].
func (q *call) require(check []any, given map[string]any) error {
	kind, _ := check[0].(string)
	switch kind {
	case "and":
		for _, sub := range check[1:] {
			if err := q.require(sub.([]any), given); err != nil {
				return err
			}
		}
		return nil
	case "or":
		for _, sub := range check[1:] {
			if q.require(sub.([]any), given) == nil {
				return nil
			}
		}
		return denied("")
	case "perm":
		return q.requirePerm(check[1:], given)
	case "perm-modify":
		return q.access.check(q.who, fill(check[1].(string), given), []string{"Permissions.Modify"}, false)
	case "userid-param":
		if check[1] == "self" && given["userid"] == q.who.User {
			return nil
		}
		return q.access.check(q.who, "/access/realm/"+realm(given["userid"]), []string{"Realm.AllocateUser"}, false)
	case "userid-group":
		return q.access.check(q.who, "/access/groups", words(check[1]), true)
	}
	return denied("")
}

func (q *call) requirePerm(check []any, given map[string]any) error {
	any := false
	for i := 2; i+1 < len(check); i += 2 {
		switch check[i] {
		case "any":
			any = true
		case "require_param":
			if given[check[i+1].(string)] == nil {
				return denied("")
			}
		}
	}
	return q.access.check(q.who, fill(check[0].(string), given), words(check[1]), any)
}

func fill(path string, given map[string]any) string {
	for k, v := range given {
		path = strings.ReplaceAll(path, "{"+k+"}", fmt.Sprint(v))
	}
	return path
}

func realm(userid any) string {
	_, r, _ := strings.Cut(fmt.Sprint(userid), "@")
	return r
}

func words(list any) []string {
	var out []string
	for _, w := range list.([]any) {
		out = append(out, fmt.Sprint(w))
	}
	return out
}

// may checks privileges on a path for the caller.
func (q *call) may(path string, privs ...string) error {
	return q.access.check(q.who, path, privs, false)
}

// mayAny checks for at least one of the privileges.
func (q *call) mayAny(path string, privs ...string) error {
	return q.access.check(q.who, path, privs, true)
}

// audits returns a quick test of whether the caller has any of the privileges on /vms/VMID, for long lists.
func (q *call) audits(privs ...string) func(vmid int) bool {
	special := map[int]bool{}
	for _, e := range q.access.ACL {
		var vmid int
		if _, err := fmt.Sscanf(e.Path, "/vms/%d", &vmid); err == nil {
			special[vmid] = true
		}
	}
	general := q.mayAny("/vms", privs...) == nil
	return func(vmid int) bool {
		if !special[vmid] && len(q.access.pools(vmid)) == 0 {
			return general
		}
		return q.mayAny(fmt.Sprintf("/vms/%d", vmid), privs...) == nil
	}
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
