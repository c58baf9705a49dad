package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"proximity/core"
)

func (s *Server) coreRoutes(api huma.API) {
	route(s, api, endpoint{method: http.MethodGet, path: "/api/health", summary: "Whether the server is well"}, s.health)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/core/health", summary: "That the server answers"}, s.alive)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/core/system/info", summary: "What this installation is", entry: person}, s.info)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/core/sentry-debug", summary: "Fail, to try error reports; 404 where there are none", entry: person, verb: core.VerbSettings, errors: []int{404, 500}}, s.crash)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/core/settings/resources", summary: "The sizes of apps that ask for none", entry: person}, s.resources)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/core/settings/resources", summary: "Change them", entry: person, verb: core.VerbSettings, errors: []int{422}}, s.setResources)
	route(s, api, endpoint{method: http.MethodGet, path: "/api/core/settings/network", summary: "The network of new containers", entry: person}, s.network)
	route(s, api, endpoint{method: http.MethodPost, path: "/api/core/settings/network", summary: "Change it", entry: person, verb: core.VerbSettings, errors: []int{422}}, s.setNetwork)
}

type healthBody struct {
	Status   string `json:"status" enum:"healthy,degraded"`
	Service  string `json:"service"`
	Version  string `json:"version"`
	Database string `json:"database" doc:"connected, or what is wrong"`
	Cache    string `json:"cache"`
}

// health answers 200 also when degraded, as the earlier project did; /healthz,
// which machines watch, turns to 503.
func (s *Server) health(ctx context.Context, _ core.Actor, _ *struct{}) (*struct{ Body healthBody }, error) {
	h := s.core.Health(ctx)
	return &struct{ Body healthBody }{healthBody{h.Status, "proximity-backend", h.Version, h.Database, "connected"}}, nil // the cache is this process's memory
}

type aliveBody struct {
	Status    string    `json:"status"`
	Version   string    `json:"version"`
	Timestamp time.Time `json:"timestamp"`
}

func (s *Server) alive(context.Context, core.Actor, *struct{}) (*struct{ Body aliveBody }, error) {
	return &struct{ Body aliveBody }{aliveBody{"healthy", core.Version, stamp(time.Now())}}, nil
}

type infoBody struct {
	Version       string `json:"version"`
	DefaultTheme  string `json:"default_theme"`
	AIAgent       bool   `json:"enable_ai_agent"`
	CommunityChat bool   `json:"enable_community_chat"`
	MultiHost     bool   `json:"enable_multi_host"`
}

func (s *Server) info(context.Context, core.Actor, *struct{}) (*struct{ Body infoBody }, error) {
	return &struct{ Body infoBody }{infoBody{Version: core.Version, DefaultTheme: "rack_proximity", MultiHost: true}}, nil
}

// crash fails on purpose.
func (s *Server) crash(context.Context, core.Actor, *struct{}) (*struct{ Body detail }, error) {
	if !s.o.Crash {
		return nil, fail(http.StatusNotFound, "Not Found")
	}
	panic("this request was asked to fail, to try error reports")
}

type resourcesBody struct {
	Cores     int        `json:"default_cpu_cores" minimum:"1" maximum:"128"`
	MemoryMB  int        `json:"default_memory_mb" minimum:"256" maximum:"524288"`
	DiskGB    int        `json:"default_disk_gb" minimum:"1" maximum:"10240"`
	SwapMB    int        `json:"default_swap_mb" minimum:"0" maximum:"32768"`
	UpdatedAt *time.Time `json:"updated_at" required:"false" readOnly:"true" doc:"null: never"`
}

func resourcesOf(set core.Settings) *struct{ Body resourcesBody } {
	return &struct{ Body resourcesBody }{resourcesBody{set.Cores, set.MemoryMB, set.DiskGB, set.SwapMB, some(stamp(set.UpdatedAt))}}
}

func (s *Server) resources(context.Context, core.Actor, *struct{}) (*struct{ Body resourcesBody }, error) {
	return resourcesOf(s.core.Settings()), nil
}

func (s *Server) setResources(ctx context.Context, a core.Actor, in *struct{ Body resourcesBody }) (*struct{ Body resourcesBody }, error) {
	b := in.Body
	set, err := s.core.SetResources(ctx, a, core.Resources{Cores: b.Cores, MemoryMB: b.MemoryMB, DiskGB: b.DiskGB, SwapMB: b.SwapMB})
	if err != nil {
		return nil, settingsFailure(err)
	}
	return resourcesOf(set), nil
}

type networkBody struct {
	Subnet       string     `json:"default_subnet" pattern:"^\\d{1,3}(\\.\\d{1,3}){3}/\\d{1,2}$" doc:"10.0.0.0/24"`
	Gateway      string     `json:"default_gateway" pattern:"^\\d{1,3}(\\.\\d{1,3}){3}$"`
	DNSPrimary   string     `json:"default_dns_primary" minLength:"1" maxLength:"45"`
	DNSSecondary *string    `json:"default_dns_secondary" required:"false" maxLength:"45"`
	Bridge       string     `json:"default_bridge" minLength:"1" maxLength:"50"`
	UpdatedAt    *time.Time `json:"updated_at" required:"false" readOnly:"true" doc:"null: never"`
}

func networkOf(set core.Settings) *struct{ Body networkBody } {
	b := networkBody{Subnet: set.Subnet, Gateway: set.Gateway, Bridge: set.Bridge, UpdatedAt: some(stamp(set.UpdatedAt))}
	if len(set.DNS) > 0 {
		b.DNSPrimary = set.DNS[0]
	}
	if len(set.DNS) > 1 {
		b.DNSSecondary = &set.DNS[1]
	}
	return &struct{ Body networkBody }{b}
}

func (s *Server) network(context.Context, core.Actor, *struct{}) (*struct{ Body networkBody }, error) {
	return networkOf(s.core.Settings()), nil
}

func (s *Server) setNetwork(ctx context.Context, a core.Actor, in *struct{ Body networkBody }) (*struct{ Body networkBody }, error) {
	b := in.Body
	n := core.Network{Subnet: b.Subnet, Gateway: b.Gateway, DNS: []string{b.DNSPrimary}, Bridge: b.Bridge}
	if b.DNSSecondary != nil && *b.DNSSecondary != "" {
		n.DNS = append(n.DNS, *b.DNSSecondary)
	}
	set, err := s.core.SetNetwork(ctx, a, n)
	if err != nil {
		return nil, settingsFailure(err)
	}
	return networkOf(set), nil
}
