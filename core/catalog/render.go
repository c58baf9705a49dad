package catalog

import "io/fs"

// Builtins are the values that Proximity itself gives to every app: PX_URL, PX_HOST, PX_ADDRESS, PX_TZ, PX_INSTANCE.
type Builtins struct{ URL, Host, Address, TZ, Instance string }

// File is one file to put into the app's container. Path is relative to /opt/proximity/<instance>.
type File struct {
	Path    string
	Mode    fs.FileMode
	Content []byte
}

// Render makes the files of a deployment: compose.json, .env and the manifest's own.
func (m *Manifest) Render(v Values, b Builtins) ([]File, error) { return nil, nil }

// AfterInstall renders the note shown after a deployment.
func (m *Manifest) AfterInstall(v Values, b Builtins) string { return m.Notes.AfterInstall }
