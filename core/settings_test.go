package core

import (
	"errors"
	"strings"
	"testing"
)

func TestSettingsAreCheckedAndKept(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.GuestNetworks = nil
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetSetting(t.Context(), admin, "guest-networks", "192.168.7.0/24"); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"here", "127.0.0.0/8", "0.0.0.0/0", "::/0", "169.254.0.0/16", "fe80::/10"} {
		if _, err := c.SetSetting(t.Context(), admin, "guest-networks", bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := c.SetResources(t.Context(), admin, Resources{Cores: 4, MemoryMB: 4096, DiskGB: 40, SwapMB: 0}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		key, value string
		want       error
		reads      string
	}{
		{"cores", "8", nil, "8"}, {"cores", "many", ErrInvalid, "8"}, {"cores", "0", ErrInvalid, "8"}, {"dns", "1.1.1.1,9.9.9.9", nil, "1.1.1.1, 9.9.9.9"}, {"dns", "", ErrInvalid, "1.1.1.1, 9.9.9.9"},
		{"delete-wait", "1h30m", nil, "1h30m"}, {"delete-wait", "1s", ErrInvalid, "1h30m"}, {"delete-wait", "90s", nil, "1m30s"}, {"subnet", "10.9.0.0/16", ErrInvalid, "10.0.0.0/24"}, {"cores", "4", nil, "4"},
		{"subnet", "10.9.0.0/29 10.9.0.1", nil, "10.9.0.0/29"}, {"gateway", "10.9.0.2", nil, "10.9.0.2"}, {"network", "magic", ErrInvalid, "dhcp"}, {"network", "static", nil, "static"},
		{"reserved", "10.9.0.3-10.9.0.4, 10.9.0.5", nil, "10.9.0.3-10.9.0.4, 10.9.0.5"}, {"reserved", "10.9.0.0/29", ErrInvalid, "10.9.0.3-10.9.0.4, 10.9.0.5"}, {"reserved", "none", nil, "none"},
	} {
		if _, err := c.SetSetting(t.Context(), admin, k.key, k.value); kindOf(err) != k.want {
			t.Errorf("%s %q: %v, want %v", k.key, k.value, err, k.want)
		}
		for _, v := range c.SettingsList() {
			if v.Key == k.key && v.Value != k.reads {
				t.Errorf("%s reads %q, want %q", k.key, v.Value, k.reads)
			}
		}
	}
	if _, err := c.SetSetting(t.Context(), admin, "colour", "blue"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a setting there is not: %v", err)
	}
	for role, who := range map[Role]string{RoleOperator: "an operator", RoleUser: "a user", RoleViewer: "a viewer", "": "somebody without a role"} {
		_, err := c.SetResources(t.Context(), Actor{User: "x", Role: role}, Resources{Cores: 1, MemoryMB: 256, DiskGB: 1})
		if !errors.Is(err, ErrDenied) || !strings.HasPrefix(err.Error(), who+" may not ") {
			t.Errorf("%s may change settings: %v", role, err)
		}
	}
	if _, err := c.Reconcile(t.Context(), Actor{User: "x", Role: RoleUser}); err == nil || !strings.Contains(err.Error(), "may not change the apps of others") { // their own they may
		t.Errorf("a user may not look after all apps: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s := c.Settings(); s.Cores != 4 || len(s.GuestNetworks) != 1 || s.GuestNetworks[0] != "192.168.7.0/24" || s.Network != NetworkStatic || s.UpdatedAt.IsZero() {
		t.Errorf("after a restart: %+v", s)
	}
}
