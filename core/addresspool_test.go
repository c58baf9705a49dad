package core

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"proximity/pvesim"
)

func TestTheAddressPoolHandsOutWhatIsFree(t *testing.T) {
	t.Parallel()
	set := Settings{Subnet: "10.1.0.0/29", Gateway: "10.1.0.1", Reserved: []string{"10.1.0.2-10.1.0.3", "10.1.0.5"}}
	p, err := set.pool()
	if err != nil {
		t.Fatal(err)
	}
	taken := map[netip.Addr]string{}
	var got []string
	for {
		a, ok := p.lowest(taken)
		if !ok {
			break
		}
		got = append(got, a.String())
		taken[a] = "somebody"
	}
	if strings.Join(got, " ") != "10.1.0.4 10.1.0.6" { // .0 network, .1 gateway, .7 broadcast
		t.Errorf("handed out %v", got)
	}
	for text, says := range map[string]string{
		"10.1.0.0": "the network itself", "10.1.0.1": "the gateway", "10.1.0.7": "the broadcast address", "10.1.0.3": "is reserved", "10.2.0.1": "is not in 10.1.0.0/29",
		"10.1.0.4": "belongs to somebody", "ten": "is not an address",
	} {
		if _, err := p.wanted(text, taken); err == nil || !strings.Contains(refused(err).Text, says) || refused(err).Hint == "" {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, bad := range []Settings{
		{Subnet: "10.1.0.0/33", Gateway: "10.1.0.1"}, {Subnet: "10.1.0.0/31", Gateway: "10.1.0.1"}, {Subnet: "fd00::/64", Gateway: "fd00::1"},
		{Subnet: "10.1.0.0/24", Gateway: "10.2.0.1"}, {Subnet: "10.1.0.0/24", Gateway: "10.1.0.1", Reserved: []string{"10.1.0.9-10.1.0.2"}},
	} {
		if _, err := bad.pool(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// static makes a rig hand out addresses of its simulator's network.
func (r *rig) static(sim *pvesim.Cluster) {
	set := r.Settings()
	base := sim.Network().Addr().As4()
	at := func(host byte) string { return netip.AddrFrom4([4]byte{base[0], base[1], 200, host}).String() }
	set.Network, set.Subnet, set.Gateway, set.Reserved = NetworkStatic, at(0)+"/24", at(1), []string{at(2) + "-" + at(9)}
	r.settings.Store(&set)
}

func TestStaticAddressesAreHandedOutAndGivenBack(t *testing.T) {
	t.Parallel()
	sim := startSim(t, pvesim.Options{TaskTime: 0.01})
	r := openRig(t, testConfig(t.TempDir()))
	r.connect(sim)
	r.static(sim)
	base := sim.Network().Addr().As4()
	at := func(host byte) string { return fmt.Sprintf("%d.%d.200.%d", base[0], base[1], host) }
	check := r.CheckDeploy(admin, DeployRequest{CatalogID: "adminer", Hostname: "first"})
	if check.Network != "static "+at(10)+"/24" {
		t.Errorf("the form says %q", check.Network)
	}
	first := r.running("adminer", "first")
	if first.Address != at(10) || first.Network != "static "+at(10)+"/24" {
		t.Fatalf("its address is %s (%s)", first.Address, first.Network)
	}
	l, _ := r.liveHost("lab")
	cfg, err := l.client.GuestConfig(t.Context(), first.Node, first.VMID)
	if err != nil || cfg.Nets[0].IP != at(10)+"/24" || cfg.Nets[0].Gateway != at(1) {
		t.Errorf("its card is %+v, %v", cfg.Nets[0], err)
	}
	if code, _, err := get(first.URL); err != nil || code != 200 {
		t.Errorf("it answers %d, %v", code, err)
	}
	_, _, err = r.DeployApp(t.Context(), admin, DeployRequest{CatalogID: "adminer", Hostname: "second", IP: at(10)})
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "belongs to first") {
		t.Errorf("the same address again: %v", err)
	}
	_, job := r.clone("first", CloneRequest{Hostname: "copy"})
	r.succeeds(job)
	copied, _ := r.App(t.Context(), admin, "copy")
	r.twins(sim, first, copied)
	if copied.Address != at(11) {
		t.Errorf("the copy's address is %s", copied.Address)
	}
	_, job = r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "fifty", IP: at(50)})
	r.succeeds(job)
	_, job = r.deploy(DeployRequest{CatalogID: "adminer", Hostname: "roaming", IP: "dhcp"})
	r.succeeds(job)
	fifty, _ := r.App(t.Context(), admin, "fifty")
	roaming, _ := r.App(t.Context(), admin, "roaming")
	if fifty.Address != at(50) || roaming.Network != "dhcp" || strings.HasPrefix(roaming.Address, at(0)[:len(at(0))-1]) {
		t.Errorf("fifty has %s, roaming %s (%s)", fifty.Address, roaming.Address, roaming.Network)
	}
	r.did(DeleteApp, "first")
	if again := r.CheckDeploy(admin, DeployRequest{CatalogID: "adminer", Hostname: "third"}); again.Network != "static "+at(10)+"/24" {
		t.Errorf("after the first is gone the form says %q", again.Network)
	}
}
