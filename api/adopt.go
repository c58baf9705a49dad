package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

func (s *Server) adoptRoutes(api huma.API) {
	route(s, api, endpoint{method: http.MethodGet, path: "/api/apps/discover", summary: "Containers that are not managed", entry: person, verb: core.VerbAdopt, errors: []int{422, 503}}, s.discover)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/apps/adopt", summary: "Manage a container that is there already", status: http.StatusAccepted, entry: person, verb: core.VerbAdopt, errors: []int{404, 409, 422, 503},
		names: map[string]string{"node": "node_name", "type": "suggested_type", "port": "port_to_expose"}}, s.adopt)
}

// foundBody is a container that nobody manages.
type foundBody struct {
	VMID      int    `json:"vmid"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	Node      string `json:"node"`
	Memory    int64  `json:"memory" doc:"bytes it may use"`
	Disk      int64  `json:"disk" doc:"bytes it may use"`
	Uptime    int64  `json:"uptime" doc:"seconds"`
	CPUs      int    `json:"cpus"`
	Ports     []int  `json:"ports" nullable:"false" doc:"on which something listens, where that is known"`
	LooksLike string `json:"looks_like" doc:"an id of the catalogue, or empty"`
}

func (s *Server) discover(ctx context.Context, a core.Actor, in *struct {
	Host uint64 `query:"host_id" doc:"absent: the default host"`
}) (*struct{ Body []foundBody }, error) {
	name := ""
	for _, h := range s.core.FreshWorld(a).Hosts { // the default one comes first
		if in.Host == 0 && name == "" || h.ID == in.Host {
			name = h.Name
		}
	}
	if name == "" {
		return nil, fail(http.StatusServiceUnavailable, "No such Proxmox host is connected")
	}
	found, err := s.core.Discover(ctx, a, name)
	if err != nil {
		return nil, err
	}
	list := []foundBody{}
	for _, g := range found {
		b := foundBody{VMID: g.VMID, Name: g.Name, Status: g.Status, Node: g.Node, Memory: g.MaxMem, Disk: g.MaxDisk, Uptime: g.Uptime, CPUs: g.Cores, Ports: g.Ports, LooksLike: g.LooksLike}
		if b.Name == "" {
			b.Name = "ct-" + strconv.Itoa(g.VMID)
		}
		if b.Ports == nil {
			b.Ports = []int{}
		}
		list = append(list, b)
	}
	return &struct{ Body []foundBody }{list}, nil
}

// newAdoption asks for a container to be managed.
type newAdoption struct {
	VMID int    `json:"vmid" minimum:"1"`
	Node string `json:"node_name" minLength:"1" maxLength:"100"`
	Type string `json:"suggested_type,omitempty" default:"custom" maxLength:"40"`
	Port *int   `json:"port_to_expose,omitempty" minimum:"1" maximum:"65535" doc:"absent: found from inside"`
	Host uint64 `json:"host_id,omitempty" doc:"absent: the host that has the node"`
}

// adopted says that a container is being taken over.
type adopted struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	App     string `json:"app_id"`
	VMID    int    `json:"vmid"`
	Node    string `json:"node"`
	Type    string `json:"type"`
	Port    string `json:"port_detection" doc:"automatic, or manual:N"`
}

func (s *Server) adopt(ctx context.Context, a core.Actor, in *struct{ Body newAdoption }) (*started[adopted], error) {
	b := in.Body
	w := s.core.FreshWorld(a)
	host := ""
	for _, n := range w.Nodes {
		if id := hostID(w, n.Host); n.Name == b.Node && host == "" && (b.Host == 0 || id != nil && *id == b.Host) {
			host = n.Host
		}
	}
	if host == "" {
		return nil, fail(http.StatusNotFound, "There is no node "+core.SafeText(b.Node, 60))
	}
	r := core.AdoptRequest{Host: host, Node: b.Node, VMID: b.VMID, Type: b.Type}
	port := "automatic"
	if b.Port != nil {
		r.Port, port = *b.Port, "manual:"+strconv.Itoa(*b.Port)
	}
	v, j, err := s.core.Adopt(ctx, a, r)
	var e *core.Error
	if errors.As(err, &e) && errors.Is(err, core.ErrInvalid) && (e.Field == "vmid" || e.Field == "node") {
		return nil, fail(http.StatusNotFound, e.Text).hint(e.Hint)
	}
	if err != nil {
		return nil, err
	}
	return begun(http.StatusAccepted, j, adopted{true, "Adopting CT " + strconv.Itoa(b.VMID) + " as " + v.Hostname, v.ID, v.VMID, v.Node, v.CatalogID, port}), nil
}
