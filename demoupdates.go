package main

import (
	"context"
	"strconv"
	"strings"

	"proximity/core/catalog"
	"proximity/pvesim"
)

// offerUpdates has the simulated registries know a newer image of every app
// whose recipe follows its tags.
func offerUpdates(ctx context.Context, sim *pvesim.Cluster) {
	all, _ := catalog.Load(ctx, catalog.Options{}, catalog.Embedded())
	for _, m := range all.All() {
		for service, image := range m.Images() {
			if _, tag := catalog.SplitImage(image); m.Follows(service, nextTag(tag)) {
				sim.SetTags(catalog.Repository(image), "latest", tag, nextTag(tag))
			}
		}
	}
}

// nextTag is the patch after a tag: 1.27.3 after 1.27.2; "" = none.
func nextTag(tag string) string {
	at := strings.LastIndexByte(tag, '.')
	n, err := strconv.Atoi(tag[at+1:])
	if at < 0 || err != nil {
		return ""
	}
	return tag[:at+1] + strconv.Itoa(n+1)
}
