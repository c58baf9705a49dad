package pve

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"strings"
)

// exitChanged is how replaceScript says that the file is not what it was.
const exitChanged = 75

// putScript writes a file inside a container. The content travels as base64 in the script, which is
// binary-safe and needs no second form of command. The file has its permissions before it has its content.
func putScript(file string, mode os.FileMode, content []byte) string {
	temporary := path.Join(path.Dir(file), "."+path.Base(file)+"."+rand.Text()[:8])
	return fill(`set -e
file=FILE
temporary=TEMP
if [ -d "$file" ]; then echo "$file is a directory" >&2; exit 21; fi
mkdir -p DIR
trap 'rm -f "$temporary"' EXIT
rm -f "$temporary"
: >"$temporary"
chmod MODE "$temporary"
base64 -d >"$temporary" <<'PROXIMITY'
CONTENT
PROXIMITY
mv -f "$temporary" "$file"
trap - EXIT
arrived=$(sha256sum <"$file")
if [ "${arrived%% *}" != SUM ]; then echo "$file did not arrive whole" >&2; exit 74; fi
`, "FILE", Quote(file), "DIR", Quote(path.Dir(file)), "TEMP", Quote(temporary),
		"MODE", fmt.Sprintf("%04o", mode.Perm()), "SUM", fmt.Sprintf("%x", sha256.Sum256(content)), "CONTENT", encoded(content))
}

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
