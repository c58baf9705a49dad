package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Images are the images of the services, by service.
func (m *Manifest) Images() map[string]string {
	images := map[string]string{}
	for _, s := range m.Services() {
		images[s.Name] = s.Image
	}
	return images
}

// WithImages is the manifest with other images for the services named; others
// keep theirs, and all else its order. What it shares with m stays shared.
func (m *Manifest) WithImages(images map[string]string) (*Manifest, error) {
	places, err := imagePlaces(m.DockerCompose)
	if err != nil {
		return nil, fmt.Errorf("images of %s: docker_compose: %w", m.ID, err)
	}
	now := m.Images()
	var compose []byte
	at := 0
	for _, p := range places {
		want := images[p.service]
		if want == "" || want == now[p.service] {
			continue
		}
		text, _ := json.Marshal(want) // a string: cannot fail
		compose = append(append(compose, m.DockerCompose[at:p.from]...), text...)
		at = p.to
	}
	if at == 0 {
		return m, nil
	}
	with := *m
	with.DockerCompose = append(compose, m.DockerCompose[at:]...)
	with.services = with.readServices()
	return &with, nil
}

// imagePlace is where in a compose document a service's image stands.
type imagePlace struct {
	service  string
	from, to int
}

// imagePlaces finds services.NAME.image of all services.
func imagePlaces(compose []byte) ([]imagePlace, error) {
	type level struct {
		object, valued bool // valued: the value of key comes next
		key            string
	}
	var places []imagePlace
	in := []level{{}} // the document itself is in the first
	d := json.NewDecoder(bytes.NewReader(compose))
	for {
		before := int(d.InputOffset())
		t, err := d.Token()
		if err == io.EOF {
			return places, nil
		}
		if err != nil {
			return nil, err
		}
		here := &in[len(in)-1]
		word, isWord := t.(string)
		switch {
		case isWord && here.object && !here.valued:
			here.key, here.valued = word, true
			continue
		case t == json.Delim('{') || t == json.Delim('['):
			in = append(in, level{object: t == json.Delim('{')})
			continue
		case t == json.Delim('}') || t == json.Delim(']'):
			in = in[:len(in)-1]
		case isWord && len(in) == 4 && in[1].key == "services" && here.key == "image":
			places = append(places, imagePlace{in[2].key, before + bytes.IndexByte(compose[before:], '"'), int(d.InputOffset())})
		}
		in[len(in)-1].valued = false
	}
}

// SplitImage takes an image reference apart: "docker.io/library/nginx:1.29"
// is the repository docker.io/library/nginx with the tag 1.29. One with a
// digest has no tag that could move.
func SplitImage(image string) (repository, tag string) {
	if strings.Contains(image, "@") {
		return image, ""
	}
	at := strings.LastIndexByte(image, ':')
	if at < 0 || strings.Contains(image[at:], "/") { // a registry's port
		return image, ""
	}
	return image[:at], image[at+1:]
}

// TagOf is the tag of an image reference, "" for none.
func TagOf(image string) string {
	_, tag := SplitImage(image)
	return tag
}
