package pvesim

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"proximity/pvesim/wire"
)

// identity is who makes a call.
type identity struct {
	User  string // user@realm, "" for nobody
	Token string // token id, "" for a person
}

func (i identity) String() string {
	if i.Token != "" {
		return i.User + "!" + i.Token
	}
	return i.User
}

// root says whether it is root@pam in person: its tokens are not.
func (i identity) root() bool { return i.User == "root@pam" && i.Token == "" }

// ticketLife is that of tickets and CSRF tokens; clocks may differ by ticketGrace.
const (
	ticketLife  = 2 * time.Hour
	ticketGrace = 5 * time.Minute
)

// unauthorized is a 401 without a body.
func unauthorized(reason string) error {
	return &apiError{status: 401, message: reason + "\n", bare: true}
}

// open says whether a path can be asked for without credentials.
func open(method, path string) bool {
	return path == "/access/ticket" && (method == "GET" || method == "POST") || path == "/access/domains" && method == "GET"
}

// authenticate finds who makes a request. A cookie beats a token.
// Proxmox: PVE/HTTPServer.pm auth_handler.
func (c *Cluster) authenticate(r *wire.Request, path string) (identity, error) {
	if open(r.Method, path) {
		return identity{}, nil
	}
	if ticket := cookie(r); ticket != "" {
		user, ok := c.ticketUser(ticket)
		if !ok {
			return identity{}, unauthorized("Authentication failed!")
		}
		if r.Method != "GET" && !c.csrfValid(r.Header.Get("CSRFPreventionToken"), user) {
			return identity{}, unauthorized("Permission denied - invalid csrf token")
		}
		return identity{User: user}, nil
	}
	auth := r.Header.Get("Authorization")
	value, ok := strings.CutPrefix(auth, "PVEAPIToken")
	if !ok {
		return identity{}, unauthorized("No ticket")
	}
	who, ok := c.tokenIdentity(strings.TrimLeft(value, "= "))
	if !ok {
		return identity{}, unauthorized("Authentication failed!")
	}
	return who, nil
}

// cookie is the ticket a request carries, "" without.
func cookie(r *wire.Request) string {
	for _, line := range r.Header.Values("Cookie") {
		for _, part := range strings.Split(line, ";") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(part), "PVEAuthCookie="); ok {
				if strings.Contains(v, "%") {
					if raw, err := url.PathUnescape(v); err == nil {
						return raw
					}
				}
				return v
			}
		}
	}
	if v, ok := strings.CutPrefix(r.Header.Get("Authorization"), "PVEAuthCookie="); ok {
		return v
	}
	return ""
}

func (c *Cluster) sign(what, text string) string {
	m := hmac.New(sha256.New, c.secret)
	fmt.Fprintf(m, "%s\n%s", what, text)
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// ticket makes a ticket as "PVE:user:HEXTIME::signature".
func (c *Cluster) ticket(user string) string {
	plain := fmt.Sprintf("PVE:%s:%08X", user, c.now().Unix())
	return plain + "::" + c.sign("ticket", plain)
}

// ticketUser verifies a ticket and says whose it is.
func (c *Cluster) ticketUser(ticket string) (string, bool) {
	plain, signature, ok := strings.Cut(ticket, "::")
	if !ok || subtle.ConstantTimeCompare([]byte(signature), []byte(c.sign("ticket", plain))) != 1 {
		return "", false
	}
	i := strings.LastIndexByte(plain, ':')
	user := strings.TrimPrefix(plain[:i], "PVE:")
	return user, c.fresh(plain[i+1:]) && c.access.enabled(user, c.now())
}

func (c *Cluster) fresh(hexTime string) bool {
	made, err := strconv.ParseInt(hexTime, 16, 64)
	age := c.now().Sub(time.Unix(made, 0))
	return err == nil && age < ticketLife && age > -ticketGrace
}

func (c *Cluster) csrf(user string) string {
	at := fmt.Sprintf("%08X", c.now().Unix())
	return at + ":" + strings.TrimRight(c.sign("csrf", at+":"+user), "=")
}

func (c *Cluster) csrfValid(token, user string) bool {
	at, signature, _ := strings.Cut(token, ":")
	want := strings.TrimRight(c.sign("csrf", at+":"+user), "=")
	return subtle.ConstantTimeCompare([]byte(signature), []byte(want)) == 1 && c.fresh(at)
}

var tokenText = regexp.MustCompile(`\A([^\s:/!]+@[A-Za-z][A-Za-z0-9.\-_]+)!([A-Za-z][A-Za-z0-9.\-_]+)=(.+)\z`)

// tokenIdentity verifies "user@realm!id=secret".
func (c *Cluster) tokenIdentity(text string) (identity, bool) {
	parts := tokenText.FindStringSubmatch(text)
	if parts == nil {
		return identity{}, false
	}
	u := c.access.Users[parts[1]]
	if u == nil || !c.access.enabled(parts[1], c.now()) {
		return identity{}, false
	}
	t := u.Tokens[parts[2]]
	if t == nil || t.Expire != 0 && t.Expire < c.now().Unix() || subtle.ConstantTimeCompare([]byte(t.Secret), []byte(parts[3])) != 1 {
		return identity{}, false
	}
	return identity{User: parts[1], Token: parts[2]}, true
}

// createTicket is the login.
func createTicket(q *call) (any, error) {
	user := q.p["username"]
	if !strings.Contains(user, "@") {
		realm := q.p["realm"]
		if realm == "" {
			realm = "pam"
		}
		user += "@" + realm
	}
	failure := &apiError{status: 401, message: "authentication failure\n"}
	if !q.access.enabled(user, q.now()) {
		return nil, failure
	}
	if renewed, ok := q.ticketUser(q.p["password"]); ok {
		if renewed != user && renewed != "root@pam" {
			return nil, failure
		}
	} else if !q.access.password(user, q.p["password"]) {
		return nil, failure
	}
	who := identity{User: user}
	if path, privs := q.p["path"], q.p["privs"]; path != "" && privs != "" {
		if err := q.access.check(who, path, strings.FieldsFunc(privs, func(r rune) bool { return r == ',' || r == ' ' }), false); err != nil {
			return nil, err
		}
		return map[string]any{"username": user}, nil
	}
	data := map[string]any{"ticket": q.ticket(user), "username": user, "CSRFPreventionToken": q.csrf(user), "cap": q.access.capabilities(who)}
	if q.o.ClusterName != "" && q.access.check(who, "/", []string{"Sys.Audit"}, false) == nil {
		data["clustername"] = q.o.ClusterName
	}
	return data, nil
}
