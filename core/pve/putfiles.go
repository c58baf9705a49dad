package pve

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"path"
	"strings"
)

// File is a file to be written inside a container.
type File struct {
	Path      string // relative to the folder it goes to
	Mode      os.FileMode
	Content   []byte
	Overwrite string // where it is there already: "always"; "never"; "if-unchanged": since we wrote it the last time
}

// putFilesScript is what writes files inside a container. Their contents travel as base64 in the script, which
// is binary-safe and needs no second form of command. A file has its permissions before it has its content,
// and appears at once or not at all. The file .written remembers the sums of what was written.
//
//go:embed putfiles.sh
var putFilesScript string

// PutFiles writes files into a folder inside a running container, in one call: owner root, folders made
// where missing. What arrived is compared with what was sent. Files that are there and may not be
// overwritten stay as they are, and are told.
func (c *Client) PutFiles(ctx context.Context, node string, vmid int, dir string, files []File) (kept []string, err error) {
	name := request{op: "write files to " + dir + " in CT", node: node, vmid: vmid}
	if !path.IsAbs(dir) || path.Clean(dir) != dir || strings.ContainsAny(dir, "\x00\n") {
		return nil, name.explain(&Error{Kind: ErrParameter, Message: fmt.Sprintf("%q is not the absolute path of a folder", dir)})
	}
	for _, f := range files {
		if !below(f.Path) {
			return nil, name.explain(&Error{Kind: ErrParameter, Message: fmt.Sprintf("%q is not the path of a file below %s", f.Path, dir)})
		}
	}
	var said bytes.Buffer
	exit, err := c.Exec(ctx, node, vmid, filled(dir, files), &said)
	if e := asError(ctx, err); e != nil {
		e.Op = name.op
		return nil, e
	}
	if exit != 0 {
		text := strings.TrimSpace(said.String())
		e := &Error{Kind: OutputKind(text), Message: text}
		if e.Kind == nil {
			e.Kind = ErrRefused
		}
		return nil, name.explain(e)
	}
	for line := range strings.Lines(said.String()) {
		if file, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "kept ./"); is {
			kept = append(kept, file)
		}
	}
	return kept, nil
}

// below reports whether a path leads to a file below the folder it starts from, and is written plainly.
func below(file string) bool {
	return file != "" && !path.IsAbs(file) && path.Clean(file) == file && file != "." && file != ".." && !strings.HasPrefix(file, "../") &&
		!strings.ContainsAny(file, "\x00\r\n") && strings.TrimSpace(file) == file
}

// filled is the script that writes files to dir.
func filled(dir string, files []File) string {
	var puts strings.Builder
	for _, f := range files {
		fmt.Fprintf(&puts, "put %s %04o %x %s <<'PROXIMITY'\n%s\nPROXIMITY\n", Quote("./"+f.Path), f.Mode.Perm(), sha256.Sum256(f.Content), Quote(f.Overwrite), encoded(f.Content))
	}
	return strings.NewReplacer("@DIR@", Quote(dir), "@ID@", rand.Text()[:8], "@FILES@", puts.String()).Replace(putFilesScript)
}
