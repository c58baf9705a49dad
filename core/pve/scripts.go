package pve

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// exitChanged is how replaceScript says that the file is not what it was.
const exitChanged = 75

// replaceScript writes a configuration file on a node, if it still is as it was read. The name of the
// temporary file is the one Proxmox itself would use: its cluster file system renames in one step.
func replaceScript(file, was, becomes string) string {
	return fill(`set -e
now=$(sha256sum <FILE)
if [ "${now%% *}" != SUM ]; then exit CHANGED; fi
base64 -d >FILE.tmp.$$ <<'PROXIMITY'
CONTENT
PROXIMITY
mv -f FILE.tmp.$$ FILE
`, "FILE", file, "SUM", fmt.Sprintf("%x", sha256.Sum256([]byte(was))),
		"CHANGED", fmt.Sprint(exitChanged), "CONTENT", encoded([]byte(becomes)))
}

// fill puts values into the places of a script, all at once: what is filled in is not looked at again.
func fill(script string, places ...string) string {
	return strings.NewReplacer(places...).Replace(script)
}
