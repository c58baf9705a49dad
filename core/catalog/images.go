package catalog

import (
	"encoding/json"
	"fmt"
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
// keep theirs. What it shares with m stays shared.
func (m *Manifest) WithImages(images map[string]string) (*Manifest, error) {
	changed := map[string]string{}
	for service, now := range m.Images() {
		if want := images[service]; want != "" && want != now {
			changed[service] = want
		}
	}
	if len(changed) == 0 {
		return m, nil
	}
	var compose map[string]json.RawMessage
	var services map[string]map[string]json.RawMessage
	err := json.Unmarshal(m.DockerCompose, &compose)
	if err == nil {
		err = json.Unmarshal(compose["services"], &services)
	}
	if err != nil {
		return nil, fmt.Errorf("images of %s: docker_compose: %w", m.ID, err)
	}
	for service, image := range changed {
		services[service]["image"], _ = json.Marshal(image) // a string: cannot fail
	}
	if compose["services"], err = json.Marshal(services); err != nil {
		return nil, fmt.Errorf("images of %s: %w", m.ID, err)
	}
	with := *m
	if with.DockerCompose, err = json.Marshal(compose); err != nil {
		return nil, fmt.Errorf("images of %s: %w", m.ID, err)
	}
	return &with, nil
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
