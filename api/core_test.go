package api

import (
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	r := rigged(t)
	sizes, net := "/api/core/settings/resources/", "/api/core/settings/network/"
	good := map[string]any{"default_cpu_cores": 2, "default_memory_mb": 1024, "default_disk_gb": 10, "default_swap_mb": 0}
	with := func(base map[string]any, more map[string]any) map[string]any {
		b := map[string]any{}
		for k, v := range base {
			b[k] = v
		}
		for k, v := range more {
			b[k] = v
		}
		return b
	}
	r.owner.get(t, sizes).is(200, `"updated_at":`)
	r.owner.post(t, sizes, good).is(403, `"detail":"Admin privileges required"`, `"error":"Admin privileges required"`)
	for field, bad := range map[string][]any{"default_cpu_cores": {0, 129, "2", nil, 1.5}, "default_memory_mb": {255, 524289}, "default_disk_gb": {0, 10241}, "default_swap_mb": {-1, 32769}} {
		for _, v := range bad {
			r.admin.post(t, sizes, with(good, map[string]any{field: v})).is(422, `"loc":["body","payload","`+field+`"]`)
		}
	}
	r.admin.post(t, sizes, map[string]any{"default_cpu_cores": 2}).is(422, `"missing"`)
	p := r.admin.post(t, sizes, good).is(200, `"default_memory_mb":1024`)
	if at, ok := p.at("updated_at").(string); !ok || !strings.HasSuffix(at, "Z") {
		t.Errorf("updated_at is %v", p.at("updated_at"))
	}
	r.admin.post(t, sizes, string(p.body)).is(200) // what was got may be sent back
	r.viewer.get(t, sizes).is(200, `"default_disk_gb":10`)
	// They are used: the earlier project only kept them.
	app := r.owner.post(t, "/api/apps", map[string]any{"catalog_id": "adminer", "hostname": "by-default"}).is(201)
	if app.at("config", "memory") != 1024.0 || app.at("config", "disk_size") != 10.0 || app.at("config", "cores") != 2.0 {
		t.Errorf("deployed with %v", app.at("config"))
	}
	r.clear(t, app.at("id").(string))

	lan := map[string]any{"default_subnet": "10.1.0.0/16", "default_gateway": "10.1.0.1", "default_dns_primary": "1.1.1.1", "default_dns_secondary": nil, "default_bridge": "vmbr0"}
	r.owner.post(t, net, lan).is(403, `"error":"Admin privileges required"`)
	for _, k := range []struct {
		more   map[string]any
		status int
		want   string
	}{
		{map[string]any{"default_subnet": "here"}, 422, `"default_subnet"`},
		{map[string]any{"default_gateway": "10.1.0"}, 422, `"default_gateway"`},
		{map[string]any{"default_bridge": ""}, 422, `"default_bridge"`},
		{map[string]any{"default_bridge": strings.Repeat("b", 51)}, 422, `"default_bridge"`},
		{map[string]any{"default_subnet": "999.1.1.0/24"}, 400, `"error":"Invalid IP address or CIDR notation: 999.1.1.0/24"`},
		{map[string]any{"default_subnet": "10.1.0.0/99"}, 400, `"detail":"Invalid IP address or CIDR notation: 10.1.0.0/99"`},
		{map[string]any{"default_gateway": "10.1.0.256"}, 400, "Invalid IP address"},
		{map[string]any{"default_gateway": "192.168.1.1"}, 400, "is not in 10.1.0.0/16"},
		{map[string]any{"default_dns_primary": "resolver"}, 400, "Invalid IP address or CIDR notation: resolver"},
		{map[string]any{"default_bridge": "vmbr0,ip=1.2.3.4/8"}, 400, "is not the name of a bridge"},
	} {
		r.admin.post(t, net, with(lan, k.more)).is(k.status, k.want)
	}
	r.admin.post(t, net, lan).is(200, `"default_dns_secondary":null`)
	r.admin.post(t, net, with(lan, map[string]any{"default_dns_primary": "2606:4700:4700::1111", "default_dns_secondary": "9.9.9.9"})).is(200)
	r.owner.get(t, net).is(200, `"default_dns_primary":"2606:4700:4700::1111"`, `"default_dns_secondary":"9.9.9.9"`)
}

func TestWhatTheInstallationIs(t *testing.T) {
	r := rigged(t)
	nobody := r.client("nobody")
	nobody.get(t, "/api/health").is(200, `"status":"healthy"`, `"service":"proximity-backend"`, `"database":"connected"`)
	nobody.get(t, "/api/core/health/").is(200, `"status":"healthy"`, `"timestamp"`)
	nobody.get(t, "/api/core/system/info").is(401)
	r.viewer.get(t, "/api/core/system/info/").is(200, `"default_theme":"rack_proximity"`, `"enable_multi_host":true`, `"enable_ai_agent":false`)
	r.admin.get(t, "/api/core/sentry-debug/").is(404)
	r.owner.get(t, "/api/core/sentry-debug/").is(403)
	nobody.get(t, "/healthz").is(200)
	nobody.get(t, "/readyz").is(200, `"running":true`)
}
