package core

import "fmt"

// Role is what a person may do. The zero value may do nothing.
type Role string

// The roles, strongest first.
const (
	RoleAdmin    Role = "admin"    // everything
	RoleOperator Role = "operator" // all apps; hosts read-only
	RoleUser     Role = "user"     // own apps
	RoleViewer   Role = "viewer"   // reads everything, changes nothing
)

// Roles lists all roles, strongest first.
func Roles() []Role { return []Role{RoleAdmin, RoleOperator, RoleUser, RoleViewer} }

// Via is the door an actor came through.
type Via string

// The doors.
const (
	ViaSSH       Via = "ssh"
	ViaLocal     Via = "local" // the socket: whoever can open it is local admin
	ViaAPI       Via = "api"
	ViaScheduler Via = "scheduler"
)

// Actor is who asks. Every call that reads or changes something takes one, and
// core alone decides what it may do.
type Actor struct {
	User        string `json:"user"`
	Role        Role   `json:"role"`
	Via         Via    `json:"via"`
	Scope       Scope  `json:"scope,omitempty"`       // of a personal token; "" narrows nothing
	Fingerprint string `json:"fingerprint,omitempty"` // SHA256:… of the key used over SSH, "token 3" over the API
	From        string `json:"from,omitempty"`        // remote address
}

// LocalAdmin is whoever opened the server's socket.
func LocalAdmin(user string) Actor { return Actor{User: user, Role: RoleAdmin, Via: ViaLocal} }

// Verb is something an actor wants to do.
type Verb string

// The verbs authority is decided on.
const (
	VerbReadApp     Verb = "see apps of others"
	VerbDeploy      Verb = "deploy apps"
	VerbChangeApp   Verb = "change apps"
	VerbAdopt       Verb = "adopt containers"
	VerbReadHosts   Verb = "see hosts and nodes"
	VerbListNodes   Verb = "list nodes" // over the API, for admins alone
	VerbChangeHosts Verb = "change hosts"
	VerbReadUsers   Verb = "see users"
	VerbChangeUsers Verb = "change users"
	VerbSettings    Verb = "change settings"
	VerbReadAudit   Verb = "read the audit"
	VerbSchedules   Verb = "plan backups"
	VerbOwnAccount  Verb = "change accounts of others"

	VerbReloadCatalogue Verb = "reload the catalogue"
)

// May reports whether the actor may do the verb to something owned by owner
// ("" = owned by nobody in particular). The error says who may.
func (a Actor) May(v Verb, owner string) error {
	if !a.Scope.allows(v) {
		return &Error{Kind: ErrDenied, Text: fmt.Sprintf("a token of scope %s may not do that", a.Scope), Hint: "use a token of a wider scope"}
	}
	own := owner != "" && owner == a.User
	ok := v == VerbOwnAccount && own && a.Role != ""
	switch a.Role {
	case RoleAdmin:
		ok = true
	case RoleOperator:
		switch v {
		case VerbReadApp, VerbDeploy, VerbChangeApp, VerbReadHosts, VerbSchedules:
			ok = true
		}
	case RoleUser:
		switch v {
		case VerbReadApp, VerbChangeApp:
			ok = own
		case VerbDeploy, VerbReadHosts:
			ok = true
		}
	case RoleViewer:
		switch v {
		case VerbReadApp, VerbReadHosts:
			ok = true
		}
	}
	if ok {
		return nil
	}
	who := "a " + string(a.Role)
	switch a.Role {
	case "":
		who = "somebody without a role"
	case RoleAdmin, RoleOperator:
		who = "an " + string(a.Role)
	}
	what := string(v)
	if a.Role == RoleUser && v == VerbChangeApp { // their own they may
		what = "change the apps of others"
	}
	return &Error{Kind: ErrDenied, Text: fmt.Sprintf("%s may not %s", who, what), Hint: "ask an admin"}
}

// sees reports whether an app owned by owner is visible: to others it does not
// exist at all.
func (a Actor) sees(owner string) bool { return a.May(VerbReadApp, owner) == nil }
