package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

// appBody is an app as the earlier project's clients know one. Figures are
// null where they are not known.
type appBody struct {
	ID           string            `json:"id"`
	CatalogID    string            `json:"catalog_id"`
	CatalogAppID string            `json:"catalog_app_id" doc:"the same as catalog_id"`
	Name         string            `json:"name"`
	Hostname     string            `json:"hostname"`
	Status       string            `json:"status" enum:"deploying,cloning,running,stopped,error,updating,removing"`
	Error        *string           `json:"error" doc:"why the status is error"`
	URL          *string           `json:"url"`
	IframeURL    *string           `json:"iframe_url"`
	PublicPort   *int              `json:"public_port"`
	InternalPort *int              `json:"internal_port" doc:"inside the container"`
	LXC          *int              `json:"lxc_id"`
	VMID         *int              `json:"vmid" doc:"the same as lxc_id"`
	Node         string            `json:"node"`
	NodeName     string            `json:"node_name" doc:"the same as node"`
	HostID       *uint64           `json:"host_id"`
	Owner        string            `json:"owner"`
	CreatedAt    time.Time         `json:"created_at"`
	UpdatedAt    time.Time         `json:"updated_at"`
	ChangedAt    time.Time         `json:"state_changed_at"`
	Config       map[string]any    `json:"config"`
	Environment  map[string]string `json:"environment" doc:"what was given at deploy, but the secrets"`
	Ports        map[string]int    `json:"ports" doc:"public ports by the ports inside"`
	Volumes      map[string]string `json:"volumes"`
	CPU          *float64          `json:"cpu_usage" doc:"percent of its cores"`
	MemoryUsed   *int64            `json:"memory_used" doc:"bytes"`
	MemoryTotal  *int64            `json:"memory_total" doc:"bytes"`
	DiskUsed     *int64            `json:"disk_used" doc:"bytes"`
	DiskTotal    *int64            `json:"disk_total" doc:"bytes"`
	Job          *uint64           `json:"job_id" doc:"the unfinished job on it"`
}

// some is a value that may be missing; its zero is null.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// stamp is a moment as old clients can read it: UTC, no finer than
// microseconds.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func appOf(w *core.World, v core.AppView) appBody {
	b := appBody{
		ID: v.ID, CatalogID: v.CatalogID, CatalogAppID: v.CatalogID, Name: nameOf(&v), Hostname: v.Hostname, Status: statusWord(v.Status), Error: some(v.Error),
		URL: some(v.URL), IframeURL: some(v.URL), PublicPort: some(v.PublicPort), InternalPort: some(v.InternalPort), LXC: some(v.VMID), VMID: some(v.VMID),
		Node: v.Node, NodeName: v.Node, HostID: hostID(w, v.Host), Owner: v.Owner, CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt), ChangedAt: stamp(v.ChangedAt),
		Config:      map[string]any{"cores": v.Cores, "memory": v.MemoryMB, "swap": v.SwapMB, "disk_size": v.DiskGB, "os": v.OS, "storage": v.Storage},
		Environment: v.Values, Ports: map[string]int{}, Volumes: map[string]string{},
	}
	if b.Environment == nil {
		b.Environment = map[string]string{}
	}
	if v.PublicPort != 0 {
		b.Ports[strconv.Itoa(v.InternalPort)] = v.PublicPort
	}
	if o := v.Adoption; v.Adopted && o != nil {
		ports := o.Ports
		if ports == nil {
			ports = []int{}
		}
		for name, value := range map[string]any{
			"adopted": true, "original_vmid": o.VMID, "original_name": o.Name, "adoption_date": stamp(o.At), "suggested_type": o.Type, "container_port": v.InternalPort,
			"detected_ports": ports, "proxmox_config_snapshot": o.Config, "status_at_adoption": o.Status,
			"resources_at_adoption": map[string]any{"cpus": o.CPUs, "memory_bytes": o.Memory, "disk_bytes": o.Disk, "uptime_seconds": o.Uptime},
		} {
			b.Config[name] = value
		}
	}
	if v.Job != nil {
		b.Job = &v.Job.ID
	}
	if m := v.Metrics; m != nil && !v.Stale && v.Status == core.StatusRunning { // what is old, or lags behind a stop, is not known
		percent := 100 * m.CPU
		b.CPU, b.MemoryUsed, b.MemoryTotal, b.DiskUsed, b.DiskTotal = &percent, &m.Mem, &m.MaxMem, &m.Disk, &m.MaxDisk
	}
	return b
}

// nameOf is the catalogue's name of an app, with "-clone" of a copy; a container
// that was adopted keeps its own.
func nameOf(v *core.AppView) string {
	switch {
	case v.Adopted:
		return v.Hostname
	case v.ClonedFrom != "":
		return v.Name + "-clone"
	}
	return v.Name
}

// statusWord is a status in the words of clients that know no adopting.
func statusWord(s core.AppStatus) string {
	if s == core.StatusAdopting {
		s = core.StatusDeploying
	}
	return string(s)
}

func hostID(w *core.World, name string) *uint64 {
	for i := range w.Hosts {
		if w.Hosts[i].Name == name {
			return &w.Hosts[i].ID
		}
	}
	return nil
}

func (s *Server) appRoutes(api huma.API) {
	route(s, api, endpoint{method: http.MethodGet, path: "/api/apps", summary: "List apps, the newest first", entry: person, errors: []int{422}}, s.apps)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/apps", summary: "Deploy an app", status: http.StatusCreated, entry: person, errors: []int{404, 409, 422, 503},
		names: map[string]string{"cores": "config.cores", "memory_mb": "config.memory", "disk_gb": "config.disk_size", "port": "config.public_port", "values": "environment"}}, s.deploy)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/apps/{app_id}", summary: "One app", entry: person, errors: []int{404}}, s.app)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/apps/{app_id}/action", summary: "Start, stop, restart or delete an app", entry: person, errors: []int{404, 409, 422}}, s.action)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/apps/{app_id}/logs", summary: "What happened to an app, the newest first", entry: person, errors: []int{404, 422}}, s.logs)
}

// appList is a page of apps.
type appList struct {
	Apps    []appBody `json:"apps" nullable:"false"`
	Total   int       `json:"total" doc:"of all pages"`
	Page    int       `json:"page"`
	PerPage int       `json:"per_page"`

	json []byte
}

func (l appList) encoded() []byte { return l.json }

// appQuery is what a list of apps is narrowed to.
type appQuery struct {
	Page    int    `query:"page" minimum:"1" default:"1"`
	PerPage int    `query:"per_page" minimum:"1" maximum:"1000" default:"20"`
	Status  string `query:"status" maxLength:"20"`
	Search  string `query:"search" maxLength:"200" doc:"part of a name or hostname"`
}

func (q appQuery) matches(v *core.AppView) bool {
	if q.Status != "" && statusWord(v.Status) != q.Status {
		return false
	}
	part := strings.ToLower(q.Search)
	return part == "" || strings.Contains(strings.ToLower(nameOf(v)), part) || strings.Contains(v.Hostname, part)
}

// apps gives a page; encoded once for as long as nothing changes.
func (s *Server) apps(_ context.Context, a core.Actor, in *appQuery) (*sized[appList], error) {
	w := s.core.FreshWorld(a)
	b, err := w.Memo(fmt.Sprintf("apps?%d&%d&%q&%q", in.Page, in.PerPage, in.Status, in.Search), func() ([]byte, error) {
		var b bytes.Buffer
		err := encode(&b, in.page(w))
		return b.Bytes(), err
	})
	return sizedOf(appList{json: b}), err
}

// page picks the apps of a page out of the world.
func (q appQuery) page(w *core.World) appList {
	var found []*core.AppView
	for i := range w.Apps {
		if q.matches(&w.Apps[i]) {
			found = append(found, &w.Apps[i])
		}
	}
	slices.SortStableFunc(found, func(a, b *core.AppView) int { return b.CreatedAt.Compare(a.CreatedAt) })
	l := appList{Apps: []appBody{}, Total: len(found), Page: q.Page, PerPage: q.PerPage}
	first := min(len(found), (q.Page-1)*q.PerPage)
	if q.Page > len(found) { // past the end, and no overflow on the way
		first = len(found)
	}
	for _, v := range found[first:min(len(found), first+q.PerPage)] {
		l.Apps = append(l.Apps, appOf(w, *v))
	}
	return l
}

// AppPath is an app in the path. It is exported for huma, which fills it in
// where it is embedded.
type AppPath struct {
	App string `path:"app_id" maxLength:"200"`
}

func (s *Server) app(ctx context.Context, a core.Actor, in *AppPath) (*struct{ Body appBody }, error) {
	v, err := s.core.App(ctx, a, in.App)
	if err != nil {
		return nil, err
	}
	return &struct{ Body appBody }{appOf(s.core.FreshWorld(a), v)}, nil
}

// newApp asks for an app.
type newApp struct {
	CatalogID string `json:"catalog_id" minLength:"1" maxLength:"100"`
	Hostname  string `json:"hostname" minLength:"3" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])?$"`
	Config    *struct {
		Cores    *int `json:"cores,omitempty" minimum:"1" maximum:"128"`
		MemoryMB *int `json:"memory,omitempty" minimum:"1" maximum:"524288" doc:"MB"`
		DiskGB   *int `json:"disk_size,omitempty" minimum:"1" maximum:"10240" doc:"GB"`
		Port     *int `json:"public_port,omitempty" minimum:"1" maximum:"65535"`
	} `json:"config,omitempty"`
	Environment map[string]string `json:"environment,omitempty" doc:"values of the fields that the app's catalogue entry lists"`
	Node        *string           `json:"node,omitempty" doc:"absent: the one with the most free memory"`
}

func (s *Server) deploy(ctx context.Context, a core.Actor, in *struct{ Body newApp }) (*started[appBody], error) {
	b := in.Body
	r := core.DeployRequest{CatalogID: b.CatalogID, Hostname: b.Hostname, Values: b.Environment}
	if b.Node != nil {
		r.Node = *b.Node
	}
	if c := b.Config; c != nil {
		for to, from := range map[*int]*int{&r.Cores: c.Cores, &r.MemoryMB: c.MemoryMB, &r.DiskGB: c.DiskGB, &r.Port: c.Port} {
			if from != nil {
				*to = *from
			}
		}
	}
	v, j, err := s.core.DeployApp(ctx, a, r)
	if err != nil {
		return nil, deployFailure(err)
	}
	return begun(http.StatusCreated, j, appOf(s.core.FreshWorld(a), v)), nil
}

// action asks for something to be done to an app.
type action struct {
	Action string `json:"action" doc:"start, stop, restart or delete" maxLength:"40"`
}

// done says that something has begun.
type done struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

func (s *Server) action(ctx context.Context, a core.Actor, in *struct {
	AppPath
	Body action
}) (*started[done], error) {
	verb := core.AppVerb(strings.ToLower(in.Body.Action))
	doing, ok := map[core.AppVerb]string{core.StartApp: "Starting", core.StopApp: "Stopping", core.RestartApp: "Restarting", core.DeleteApp: "Deleting"}[verb]
	if !ok {
		return nil, fail(http.StatusBadRequest, "Invalid action: "+core.SafeText(in.Body.Action, 40))
	}
	j, err := s.core.DoApp(ctx, a, verb, in.App)
	if err != nil {
		return nil, err
	}
	return begun(http.StatusOK, j, done{true, doing + " " + j.Target}), nil
}

// logLine is a line of an app's history.
type logLine struct {
	ID        uint64    `json:"id"`
	Timestamp time.Time `json:"timestamp"`
	Level     string    `json:"level" enum:"info,warning,error"`
	Message   string    `json:"message"`
	Step      *string   `json:"step"`
}

// linesPerJob makes numbers of lines differ between jobs.
const linesPerJob = 1_000_000

type logList struct {
	App   string    `json:"app_id"`
	Logs  []logLine `json:"logs" nullable:"false"`
	Total int       `json:"total" doc:"how many are here"`
}

func (s *Server) logs(ctx context.Context, a core.Actor, in *struct {
	AppPath
	Limit int `query:"limit" minimum:"0" maximum:"10000" default:"50"`
	Tail  int `query:"tail" minimum:"0" maximum:"10000" doc:"the same as limit"`
}) (*struct{ Body logList }, error) {
	v, err := s.core.App(ctx, a, in.App)
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if in.Tail > 0 {
		limit = in.Tail
	}
	l := logList{App: v.ID, Logs: []logLine{}}
	if limit > 0 {
		lines, err := s.core.DeploymentLog(ctx, a, v.ID, limit)
		if err != nil {
			return nil, err
		}
		for _, x := range slices.Backward(lines) {
			l.Logs = append(l.Logs, logLine{ID: x.Job*linesPerJob + x.Seq, Timestamp: stamp(x.Time), Level: x.Level, Message: x.Text, Step: some(x.Step)})
		}
	}
	l.Total = len(l.Logs)
	return &struct{ Body logList }{l}, nil
}
