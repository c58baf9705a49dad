package pvesim

import (
	"os/exec"
	"strings"
	"testing"
)

// TestIndependentClient drives the simulator with Debian's python3-proxmoxer, which knows nothing of it.
func TestIndependentClient(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import proxmoxer, requests").Run() != nil {
		t.Skip("python3-proxmoxer is not installed")
	}
	r := start(t, Options{TaskTime: 0.01})
	id, secret := r.AddToken("root@pam", "py", false)
	out, err := exec.CommandContext(t.Context(), python, "testdata/lifecycle.py", strings.TrimPrefix(r.URL(), "https://"), r.RootPassword(), id, secret, r.template("pve1")).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "ok" {
		t.Fatalf("%v\n%s", err, out)
	}
}
