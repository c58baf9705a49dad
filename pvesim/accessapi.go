package pvesim

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"proximity/pvesim/schema"
)

// AddToken makes an API token for a user, who is made if unknown, and returns its full id ("user@realm!id") and
// secret. Without privsep it may do what its user may.
func (c *Cluster) AddToken(user, id string, privsep bool) (tokenID, secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.access.Users[user]
	if u == nil {
		u = newUser()
		c.access.Users[user] = u
	}
	t := &token{Secret: newUUID(), Privsep: privsep}
	u.Tokens[id] = t
	return user + "!" + id, t.Secret
}

// Grant gives a user or a token ("user@realm!id") a role on a path and below.
func (c *Cluster) Grant(path, who, role string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.access.grant(aclEntry{Path: path, Who: who, Role: role, Propagate: true})
}

func (a *access) grant(e aclEntry) {
	a.revoke(e.Path, e.Who, e.Role)
	a.ACL = append(a.ACL, e)
}

func (a *access) revoke(path, who, role string) {
	a.ACL = slices.DeleteFunc(a.ACL, func(e aclEntry) bool { return e.Path == path && e.Who == who && e.Role == role })
}

func newUser() *user { return &user{Tokens: map[string]*token{}} }

func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func getAccess(*call) (any, error) {
	return subdirs("users", "groups", "roles", "acl", "domains", "ticket", "permissions", "password"), nil
}

func subdirs(names ...string) []map[string]string {
	out := make([]map[string]string, len(names))
	for i, n := range names {
		out[i] = map[string]string{"subdir": n}
	}
	return out
}

func getTicket(*call) (any, error) { return nil, nil }

func getDomains(*call) (any, error) {
	return []map[string]any{
		{"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
		{"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
	}, nil
}

// shown are the paths that a permission listing always has.
var shown = []string{"/", "/access", "/access/groups", "/access/realm", "/mapping", "/nodes", "/pool", "/sdn", "/storage", "/vms"}

func getPermissions(q *call) (any, error) {
	who := q.who
	if id := q.p["userid"]; id != "" && id != who.String() {
		if err := q.may("/access", "Sys.Audit"); err != nil {
			return nil, err
		}
		who.User, who.Token, _ = strings.Cut(id, "!")
	}
	paths := shown
	if p := q.p["path"]; p != "" {
		paths = []string{p}
	} else {
		for _, e := range q.access.ACL {
			paths = append(paths[:len(paths):len(paths)], e.Path)
		}
	}
	out := map[string]map[string]int{}
	for _, p := range paths {
		privs := map[string]int{}
		for priv, propagate := range q.access.privileges(who, p) {
			privs[priv] = bit(propagate)
		}
		if len(privs) > 0 || q.p["path"] != "" {
			out[p] = privs
		}
	}
	return out, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func putPassword(q *call) (any, error) {
	u := q.access.Users[q.p["userid"]]
	if u == nil {
		return nil, failf("no such user ('%s')", q.p["userid"])
	}
	u.Password = q.p["password"]
	return nil, nil
}

func getRoles(q *call) (any, error) {
	var out []map[string]any
	row := func(name string, privs []string, special int) {
		out = append(out, map[string]any{"roleid": name, "privs": strings.Join(privs, ","), "special": special})
	}
	for _, name := range sortedKeys(builtinRoles) {
		row(name, builtinRoles[name], 1)
	}
	for _, name := range sortedKeys(q.access.Roles) {
		row(name, q.access.Roles[name], 0)
	}
	return out, nil
}

func createRole(q *call) (any, error) {
	id := q.p["roleid"]
	if _, taken := q.access.role(id); taken {
		return nil, failf("create role failed: role '%s' already exists", id)
	}
	if strings.HasPrefix(strings.ToUpper(id), "PVE") {
		return nil, paramErr("roleid", "role ID may not start with 'PVE' (namespace is reserved)!")
	}
	q.access.Roles[id] = schema.Split(q.p["privs"])
	return nil, nil
}

func getRole(q *call) (any, error) {
	privs, ok := q.access.role(q.p["roleid"])
	if !ok {
		return nil, failf("role '%s' does not exist", q.p["roleid"])
	}
	out := map[string]int{}
	for _, p := range privs {
		out[p] = 1
	}
	return out, nil
}

func updateRole(q *call) (any, error) {
	id := q.p["roleid"]
	old, ok := q.access.Roles[id]
	if !ok {
		return nil, failf("role '%s' does not exist", id)
	}
	privs := schema.Split(q.p["privs"])
	if q.flag("append") {
		privs = append(privs, old...)
	}
	slices.Sort(privs)
	q.access.Roles[id] = slices.Compact(privs)
	return nil, nil
}

func deleteRole(q *call) (any, error) {
	id := q.p["roleid"]
	if _, special := builtinRoles[id]; special {
		return nil, failf("auto-generated role '%s' cannot be deleted", id)
	}
	if _, ok := q.access.Roles[id]; !ok {
		return nil, failf("role '%s' does not exist", id)
	}
	delete(q.access.Roles, id)
	q.access.ACL = slices.DeleteFunc(q.access.ACL, func(e aclEntry) bool { return e.Role == id })
	return nil, nil
}

func getACL(q *call) (any, error) {
	all := q.mayAny("/access", "Sys.Audit") == nil
	out := []map[string]any{}
	for _, e := range q.access.ACL {
		if !all && q.may(e.Path, "Permissions.Modify") != nil {
			continue
		}
		kind := "user"
		if strings.Contains(e.Who, "!") {
			kind = "token"
		}
		out = append(out, map[string]any{"path": e.Path, "type": kind, "ugid": e.Who, "roleid": e.Role, "propagate": bit(e.Propagate)})
	}
	return out, nil
}

func updateACL(q *call) (any, error) {
	if q.p["users"] == "" && q.p["groups"] == "" && q.p["tokens"] == "" {
		return nil, paramErrs(map[string]string{
			"users": "either 'users', 'groups' or 'tokens' is required.", "groups": "either 'users', 'groups' or 'tokens' is required.",
			"tokens": "either 'users', 'groups' or 'tokens' is required.",
		})
	}
	propagate := q.p["propagate"] != "0"
	for _, role := range schema.Split(q.p["roles"]) {
		if _, ok := q.access.role(role); !ok {
			return nil, failf("role '%s' does not exist", role)
		}
		for _, who := range append(schema.Split(q.p["users"]), schema.Split(q.p["tokens"])...) {
			name, id, isToken := strings.Cut(who, "!")
			u := q.access.Users[name]
			if u == nil {
				return nil, failf("user '%s' does not exist", name)
			}
			if isToken && u.Tokens[id] == nil {
				return nil, failf("no such token '%s' for user '%s'", id, name)
			}
			if q.flag("delete") {
				q.access.revoke(q.p["path"], who, role)
			} else {
				q.access.grant(aclEntry{Path: q.p["path"], Who: who, Role: role, Propagate: propagate})
			}
		}
	}
	return nil, nil
}

func getGroups(*call) (any, error) { return []any{}, nil }

func getUsers(q *call) (any, error) {
	all := q.mayAny("/access/groups", "User.Modify", "Sys.Audit") == nil
	out := []map[string]any{}
	for _, name := range sortedKeys(q.access.Users) {
		if all || name == q.who.User {
			row := userRow(q.access.Users[name])
			row["userid"], row["realm-type"] = name, realm(name)
			out = append(out, row)
		}
	}
	return out, nil
}

func userRow(u *user) map[string]any {
	row := map[string]any{"enable": bit(!u.Disabled), "expire": u.Expire}
	if u.Comment != "" {
		row["comment"] = u.Comment
	}
	if u.Email != "" {
		row["email"] = u.Email
	}
	return row
}

func createUser(q *call) (any, error) {
	id := q.p["userid"]
	if q.access.Users[id] != nil {
		return nil, failf("create user failed: user '%s' already exists", id)
	}
	if r := realm(id); r != "pam" && r != "pve" {
		return nil, failf("create user failed: domain '%s' does not exist", r)
	}
	u := newUser()
	u.Password = q.p["password"]
	q.changeUser(u)
	q.access.Users[id] = u
	return nil, nil
}

func (q *call) changeUser(u *user) {
	if q.has("comment") {
		u.Comment = q.p["comment"]
	}
	if q.has("email") {
		u.Email = q.p["email"]
	}
	if q.has("expire") {
		u.Expire = int64(q.number("expire"))
	}
	if q.has("enable") {
		u.Disabled = !q.flag("enable")
	}
}

// user finds the user of the path.
func (q *call) user() (*user, error) {
	u := q.access.Users[q.p["userid"]]
	if u == nil {
		return nil, failf("no such user ('%s')", q.p["userid"])
	}
	return u, nil
}

func getUser(q *call) (any, error) {
	u, err := q.user()
	if err != nil {
		return nil, err
	}
	row := userRow(u)
	tokens := map[string]any{}
	for id, t := range u.Tokens {
		tokens[id] = tokenRow(t)
	}
	if len(tokens) > 0 {
		row["tokens"] = tokens
	}
	row["groups"] = []string{}
	return row, nil
}

func updateUser(q *call) (any, error) {
	u, err := q.user()
	if err == nil {
		q.changeUser(u)
	}
	return nil, err
}

func deleteUser(q *call) (any, error) {
	id := q.p["userid"]
	if _, err := q.user(); err != nil {
		return nil, err
	}
	if id == "root@pam" {
		return nil, failf("cannot delete user 'root@pam'")
	}
	delete(q.access.Users, id)
	q.access.ACL = slices.DeleteFunc(q.access.ACL, func(e aclEntry) bool { return e.Who == id || strings.HasPrefix(e.Who, id+"!") })
	return nil, nil
}

func tokenRow(t *token) map[string]any {
	row := map[string]any{"privsep": bit(t.Privsep), "expire": t.Expire}
	if t.Comment != "" {
		row["comment"] = t.Comment
	}
	return row
}

func getTokens(q *call) (any, error) {
	u, err := q.user()
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	for _, id := range sortedKeys(u.Tokens) {
		row := tokenRow(u.Tokens[id])
		row["tokenid"] = id
		out = append(out, row)
	}
	return out, nil
}

// token finds the token of the path.
func (q *call) token() (*user, *token, error) {
	u, err := q.user()
	if err != nil {
		return nil, nil, err
	}
	t := u.Tokens[q.p["tokenid"]]
	if t == nil {
		return nil, nil, failf("no such token '%s' for user '%s'", q.p["tokenid"], q.p["userid"])
	}
	return u, t, nil
}

func getToken(q *call) (any, error) {
	_, t, err := q.token()
	if err != nil {
		return nil, err
	}
	return tokenRow(t), nil
}

func createToken(q *call) (any, error) {
	u, err := q.user()
	if err != nil {
		return nil, err
	}
	id := q.p["tokenid"]
	if u.Tokens[id] != nil {
		return nil, paramErr("tokenid", "Token already exists.")
	}
	t := &token{Secret: newUUID(), Privsep: q.p["privsep"] != "0", Expire: int64(q.number("expire")), Comment: q.p["comment"]}
	u.Tokens[id] = t
	info := map[string]any{"privsep": fmt.Sprint(bit(t.Privsep))}
	if t.Expire != 0 {
		info["expire"] = t.Expire
	}
	if t.Comment != "" {
		info["comment"] = t.Comment
	}
	return map[string]any{"full-tokenid": q.p["userid"] + "!" + id, "value": t.Secret, "info": info}, nil
}

func updateToken(q *call) (any, error) {
	_, t, err := q.token()
	if err != nil {
		return nil, err
	}
	if q.has("privsep") {
		t.Privsep = q.flag("privsep")
	}
	if q.has("expire") {
		t.Expire = int64(q.number("expire"))
	}
	if q.has("comment") {
		t.Comment = q.p["comment"]
	}
	return tokenRow(t), nil
}

func deleteToken(q *call) (any, error) {
	u, _, err := q.token()
	if err != nil {
		return nil, err
	}
	delete(u.Tokens, q.p["tokenid"])
	full := q.p["userid"] + "!" + q.p["tokenid"]
	q.access.ACL = slices.DeleteFunc(q.access.ACL, func(e aclEntry) bool { return e.Who == full })
	return nil, nil
}
