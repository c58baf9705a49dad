package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

func (s *Server) hostRoutes(api huma.API) {
	hosts := "/api/proxmox/hosts"
	one := hosts + "/{host_id}"
	change := core.VerbChangeHosts
	names := map[string]string{"url": "host", "token": "user", "credentials": "password"}
	route(s, api, endpoint{method: http.MethodGet, path: hosts, summary: "List Proxmox hosts, the default one first", entry: person, verb: core.VerbReadHosts}, s.hosts)
	route(s, api, endpoint{method: http.MethodPost, path: hosts, summary: "Connect a host", status: http.StatusCreated, entry: person, verb: change, errors: []int{409, 422, 503}, names: names}, s.addHost)
	route(s, api, endpoint{method: http.MethodGet, path: one, summary: "One host", entry: person, verb: core.VerbReadHosts, errors: []int{404, 422}}, s.host)
	route(s, api, endpoint{method: http.MethodPut, path: one, summary: "Change a host; what is not sent stays", entry: person, verb: change, errors: []int{404, 409, 422, 503}, names: names}, s.editHost)
	route(s, api, endpoint{method: http.MethodDelete, path: one, summary: "Forget a host that has no apps", entry: person, verb: change, errors: []int{404, 409, 422}}, s.removeHost)
	route(s, api, endpoint{method: http.MethodPost, path: one + "/sync-nodes", summary: "Learn again which nodes a host has", entry: person, verb: change, errors: []int{404, 409, 422, 503}}, s.syncNodes)
	route(s, api, endpoint{method: http.MethodPost, path: one + "/test", summary: "Ask a host now", entry: person, verb: change, errors: []int{404, 422, 503}}, s.testHost)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/proxmox/nodes", summary: "List nodes", entry: person, verb: core.VerbListNodes, errors: []int{422}}, s.nodes)
}

// hostBody is a host as the earlier project's clients know one. No credential
// is ever in it.
type hostBody struct {
	ID        uint64     `json:"id"`
	Name      string     `json:"name"`
	Host      string     `json:"host"`
	Port      int        `json:"port"`
	User      string     `json:"user"`
	Active    bool       `json:"is_active"`
	Default   bool       `json:"is_default"`
	VerifySSL bool       `json:"verify_ssl" doc:"false: the certificate is pinned instead"`
	SSHPort   *int       `json:"ssh_port" doc:"of its nodes; null: no credentials for them"`
	LastSeen  *time.Time `json:"last_seen"`
	State     string     `json:"state" doc:"online, unreachable, asking, disabled or untrusted"`
	Error     *string    `json:"error"`
}

func hostOf(v core.HostView) hostBody {
	b := hostBody{ID: v.ID, Name: v.Name, User: v.User, Active: v.State != "disabled", Default: v.Default, VerifySSL: v.Fingerprint == "", SSHPort: some(v.SSHPort), State: v.State, Error: some(v.Error)}
	if u, err := url.Parse(v.URL); err == nil {
		b.Host = u.Hostname()
		b.Port, _ = strconv.Atoi(u.Port()) // core gives every address a port
	}
	if !v.LastSeen.IsZero() {
		b.LastSeen = some(stamp(v.LastSeen))
	}
	return b
}

func (s *Server) hosts(_ context.Context, a core.Actor, _ *struct{}) (*struct{ Body []hostBody }, error) {
	list := []hostBody{}
	for _, h := range s.core.FreshWorld(a).Hosts {
		list = append(list, hostOf(h))
	}
	return &struct{ Body []hostBody }{list}, nil
}

// HostPath is a host in the path.
type HostPath struct {
	Host uint64 `path:"host_id"`
}

// hostWith finds a host by number.
func (s *Server) hostWith(a core.Actor, id uint64) (core.HostView, error) {
	for _, h := range s.core.FreshWorld(a).Hosts {
		if h.ID == id {
			return h, nil
		}
	}
	return core.HostView{}, fail(http.StatusNotFound, "Not Found")
}

func (s *Server) host(_ context.Context, a core.Actor, in *HostPath) (*struct{ Body hostBody }, error) {
	h, err := s.hostWith(a, in.Host)
	if err != nil {
		return nil, err
	}
	return &struct{ Body hostBody }{hostOf(h)}, nil
}

// newHost asks for a host to be connected. Its certificate is pinned at first
// contact, unless verify_ssl or a fingerprint ask for more.
type newHost struct {
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Host        string `json:"host" minLength:"1" maxLength:"255"`
	Port        int    `json:"port,omitempty" minimum:"1" maximum:"65535" default:"8006"`
	User        string `json:"user,omitempty" maxLength:"100" default:"root@pam" doc:"or the id of an API token: user@realm!id"`
	Password    string `json:"password" minLength:"1" doc:"or the token's secret"`
	VerifySSL   bool   `json:"verify_ssl,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty" doc:"SHA-256 of the certificate it must show"`
	Default     bool   `json:"is_default,omitempty"`
	SSHUser     string `json:"ssh_user,omitempty" maxLength:"100"`
	SSHPort     int    `json:"ssh_port,omitempty" minimum:"1" maximum:"65535"`
	SSHKey      string `json:"ssh_key,omitempty" doc:"private key (PEM) for the nodes' SSH"`
	SSHPassword string `json:"ssh_password,omitempty"`
}

func (s *Server) addHost(ctx context.Context, a core.Actor, in *struct{ Body newHost }) (*struct{ Body hostBody }, error) {
	b := in.Body
	r := core.AddHostRequest{Name: b.Name, URL: net.JoinHostPort(b.Host, strconv.Itoa(cmp.Or(b.Port, 8006))), Fingerprint: b.Fingerprint, Trust: !b.VerifySSL && b.Fingerprint == "",
		Default: b.Default, SSHUser: b.SSHUser, SSHPort: b.SSHPort, SSHKey: b.SSHKey, SSHPassword: b.SSHPassword}
	if user := cmp.Or(b.User, "root@pam"); strings.Contains(user, "!") {
		r.TokenID, r.TokenSecret = user, b.Password
	} else {
		r.User, r.Password = user, b.Password
	}
	h, err := s.core.AddHost(ctx, a, r)
	if err != nil {
		return nil, err
	}
	return &struct{ Body hostBody }{hostOf(h)}, nil
}

// hostChange is what is to be other; null is not sent.
type hostChange struct {
	Name        *string `json:"name,omitempty" minLength:"1" maxLength:"100"`
	Host        *string `json:"host,omitempty" minLength:"1" maxLength:"255"`
	Port        *int    `json:"port,omitempty" minimum:"1" maximum:"65535"`
	User        *string `json:"user,omitempty" minLength:"1" maxLength:"100"`
	Password    *string `json:"password,omitempty" minLength:"1"`
	VerifySSL   *bool   `json:"verify_ssl,omitempty"`
	Fingerprint *string `json:"fingerprint,omitempty"`
	Active      *bool   `json:"is_active,omitempty"`
	Default     *bool   `json:"is_default,omitempty"`
	SSHUser     *string `json:"ssh_user,omitempty" maxLength:"100"`
	SSHPort     *int    `json:"ssh_port,omitempty" minimum:"1" maximum:"65535"`
	SSHKey      *string `json:"ssh_key,omitempty"`
	SSHPassword *string `json:"ssh_password,omitempty"`
}

// or is what is sent, else what there is.
func or[T any](sent *T, is T) T {
	if sent == nil {
		return is
	}
	return *sent
}

// edit is the change in core's terms: only what differs from the host as it is.
func (c hostChange) edit(is hostBody) core.HostEdit {
	e := core.HostEdit{Fingerprint: or(c.Fingerprint, ""), SSHUser: or(c.SSHUser, ""), SSHPort: or(c.SSHPort, 0), SSHKey: or(c.SSHKey, ""), SSHPassword: or(c.SSHPassword, ""), Name: or(c.Name, ""), Default: or(c.Default, false) && !is.Default}
	if host, port := or(c.Host, is.Host), or(c.Port, is.Port); host != is.Host || port != is.Port {
		e.URL = net.JoinHostPort(host, strconv.Itoa(port))
	}
	if e.Name == is.Name {
		e.Name = ""
	}
	if is.SSHPort != nil && e.SSHPort == *is.SSHPort {
		e.SSHPort = 0
	}
	user, secret := or(c.User, is.User), or(c.Password, "")
	switch token := strings.Contains(user, "!"); {
	case user == is.User && secret == "":
	case token && user == is.User:
		e.TokenSecret = secret
	case token:
		e.TokenID, e.TokenSecret = user, secret
	case user == is.User:
		e.Password = secret
	default:
		e.User, e.Password = user, secret
	}
	verify := or(c.VerifySSL, is.VerifySSL)
	e.Verify = verify && !is.VerifySSL
	e.Trust = !verify && e.Fingerprint == "" && (is.VerifySSL || e.URL != "")
	if active := or(c.Active, is.Active); active != is.Active {
		off := !active
		e.Disabled = &off
	}
	return e
}

func (s *Server) editHost(ctx context.Context, a core.Actor, in *struct {
	HostPath
	Body hostChange
}) (*struct{ Body hostBody }, error) {
	h, err := s.hostWith(a, in.Host)
	if err != nil {
		return nil, err
	}
	e := in.Body.edit(hostOf(h))
	if e == (core.HostEdit{}) {
		return &struct{ Body hostBody }{hostOf(h)}, nil
	}
	if h, err = s.core.EditHost(ctx, a, h.Name, e); err != nil {
		return nil, err
	}
	return &struct{ Body hostBody }{hostOf(h)}, nil
}

func (s *Server) removeHost(ctx context.Context, a core.Actor, in *HostPath) (*struct{ Body done }, error) {
	h, err := s.hostWith(a, in.Host)
	if err != nil {
		return nil, err
	}
	if err := s.core.RemoveHost(ctx, a, h.Name); err != nil {
		return nil, err
	}
	return &struct{ Body done }{done{true, "Host " + h.Name + " deleted"}}, nil
}

func (s *Server) syncNodes(ctx context.Context, a core.Actor, in *HostPath) (*struct{ Body done }, error) {
	h, err := s.hostWith(a, in.Host)
	if err != nil {
		return nil, err
	}
	n, err := s.core.SyncNodes(ctx, a, h.Name)
	if err != nil {
		return nil, connectionFailure(err)
	}
	return &struct{ Body done }{done{true, fmt.Sprintf("Synced %d nodes", n)}}, nil
}

// tested says how a host answered.
type tested struct {
	Success bool             `json:"success"`
	Message string           `json:"message"`
	Checks  []core.HostCheck `json:"checks" nullable:"false"`
}

func (s *Server) testHost(ctx context.Context, a core.Actor, in *HostPath) (*struct{ Body tested }, error) {
	h, err := s.hostWith(a, in.Host)
	if err != nil {
		return nil, err
	}
	checks, err := s.core.TestHost(ctx, a, h.Name)
	if err != nil {
		return nil, connectionFailure(err)
	}
	lacks := 0
	for _, c := range checks {
		if !c.OK {
			lacks++
		}
	}
	message := "Connection successful"
	if lacks > 0 {
		message = fmt.Sprintf("Connection successful, but %d of %d checks failed", lacks, len(checks))
	}
	return &struct{ Body tested }{tested{true, message, checks}}, nil
}

// connectionFailure says that a host does not do what it is asked, under all
// the names that clients of the earlier project look for.
func connectionFailure(err error) error {
	var e *core.Error
	if !errors.As(err, &e) || statusOf(err) != http.StatusServiceUnavailable {
		return err
	}
	text := "Connection to Proxmox host failed: " + e.Text
	return fail(http.StatusServiceUnavailable, text).with("success", false).with("message", text).hint(e.Hint)
}

// nodeBody is a node as the earlier project's clients know one. Figures are
// null where they are not known.
type nodeBody struct {
	ID          uint64   `json:"id"`
	Host        string   `json:"host_name"`
	Name        string   `json:"name"`
	Status      string   `json:"status"`
	CPUCount    *int     `json:"cpu_count"`
	CPUUsage    *float64 `json:"cpu_usage" doc:"0 to 1"`
	MemoryTotal *int64   `json:"memory_total" doc:"bytes"`
	MemoryUsed  *int64   `json:"memory_used" doc:"bytes"`
	Uptime      *int64   `json:"uptime" doc:"seconds"`
}

func (s *Server) nodes(_ context.Context, a core.Actor, in *struct {
	Host uint64 `query:"host_id" doc:"absent: of all hosts"`
}) (*struct{ Body []nodeBody }, error) {
	w := s.core.FreshWorld(a)
	list := []nodeBody{}
	for _, n := range w.Nodes {
		if id := hostID(w, n.Host); in.Host != 0 && (id == nil || *id != in.Host) {
			continue
		}
		b := nodeBody{ID: n.ID, Host: n.Host, Name: n.Name, Status: n.State}
		if m := n.Metrics; m != nil && !n.Stale {
			cores := int(m.Cores)
			b.CPUCount, b.CPUUsage, b.MemoryTotal, b.MemoryUsed, b.Uptime = &cores, &m.CPU, &m.MaxMem, &m.Mem, &m.Uptime
		}
		list = append(list, b)
	}
	return &struct{ Body []nodeBody }{list}, nil
}
