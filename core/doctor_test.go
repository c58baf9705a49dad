package core

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proximity/pvesim"
)

// finds is the first finding of a name about something, in a state.
func finds(t testing.TB, list []Finding, about, name, state string) Finding {
	t.Helper()
	for _, f := range list {
		if f.About == about && strings.HasPrefix(f.Name, name) && f.State == state {
			if state != FindingOK && (f.Text == "" || f.Hint == "") {
				t.Errorf("without a reason or a way out: %+v", f)
			}
			return f
		}
	}
	t.Errorf("the doctor does not find %s of %s to be %s:\n%+v", name, about, state, list)
	return Finding{}
}

func TestTheDoctorSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	ahead := time.Now
	sim := startSim(t, pvesim.Options{TaskTime: 0.01, Now: func() time.Time { return ahead().Add(time.Minute) }})
	data := t.TempDir()
	if err := os.Chmod(data, 0o700); err != nil {
		t.Fatal(err)
	}
	r := openRig(t, testConfig(data))
	if _, err := r.Doctor(t.Context(), Actor{User: "ann", Role: RoleOperator}); !errors.Is(err, ErrDenied) {
		t.Errorf("an operator asks the doctor: %v", err)
	}
	list, err := r.Doctor(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	finds(t, list, "here", "hosts", FindingWarn)
	finds(t, list, "here", "people", FindingWarn)
	r.connect(sim)
	id, secret := sim.AddToken("little@pve", "px", false)
	sim.Grant("/", "little@pve", "PVEAuditor")
	attic := startSim(t, pvesim.Options{Nodes: 1, Seed: 4})
	r.join("attic", attic)
	if _, err := r.EditHost(t.Context(), admin, "lab", HostEdit{TokenID: id, TokenSecret: secret}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(r.cfg.Data, "keys", "seal.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if list, err = r.Doctor(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	if f := finds(t, list, "here", "keys", FindingFail); !strings.Contains(f.Hint, "chmod 600 ") {
		t.Errorf("the way out is %q", f.Hint)
	}
	for _, name := range []string{"data folder", "database", "store", "settings", "catalogue", "public host"} {
		finds(t, list, "here", name, FindingOK)
	}
	finds(t, list, "host lab", "api", FindingOK)
	if f := finds(t, list, "host lab", "privileges", FindingFail); !strings.Contains(f.Text, "VM.Allocate on /vms") || strings.Contains(f.Text, "VM.Audit") {
		t.Errorf("it lacks %q", f.Text)
	}
	if f := finds(t, list, "host lab", "privileges", FindingWarn); !strings.Contains(f.Text, "no ") {
		t.Errorf("it also lacks %q", f.Text)
	}
	if f := finds(t, list, "host lab", "clock of pve2", FindingWarn); !strings.Contains(f.Text, "1m0s") && !strings.Contains(f.Text, "59s") {
		t.Errorf("its clock %q", f.Text)
	}
	finds(t, list, "host attic", "ssh to pve1", FindingOK)
	finds(t, list, "host attic", "templates on pve1", FindingOK)
	finds(t, list, "host attic", "storage on pve1", FindingOK)

	if _, err := r.EditHost(t.Context(), admin, "lab", HostEdit{Disabled: yes()}); err != nil {
		t.Fatal(err)
	}
	was := attic.Fingerprint()
	if err := attic.Rekey("pve1"); err != nil {
		t.Fatal(err)
	}
	r.until("attic is not trusted", func() bool { return r.state("attic") == "untrusted" })
	if list, err = r.Doctor(t.Context(), admin); err != nil {
		t.Fatal(err)
	}
	finds(t, list, "host lab", "host", FindingWarn)
	if f := finds(t, list, "host attic", "key", FindingFail); !strings.Contains(f.Text, was) || !strings.Contains(f.Text, attic.Fingerprint()) {
		t.Errorf("the keys are not both named: %q", f.Text)
	}
}

func TestADataFolderIsExaminedWithoutBeingOpened(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	finds(t, CheckData(filepath.Join(empty, "nowhere")), "here", "data folder", FindingFail)
	if err := os.Chmod(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	list := CheckData(empty)
	finds(t, list, "here", "data folder", FindingFail)
	finds(t, list, "here", "keys", FindingFail)
	finds(t, list, "here", "database", FindingFail)
}
