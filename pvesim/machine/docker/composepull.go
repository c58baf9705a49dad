package docker

import (
	"strings"

	"proximity/pvesim/machine/unix"
)

// composePull pulls the images of services with compose's progress on standard error.
func (e *Engine) composePull(p *unix.Proc, pr *project, services []string, quiet, ignore bool) error {
	say := func(format string, args ...any) {
		if !quiet {
			p.Errf(format, args...)
		}
	}
	for _, name := range services {
		say(" %s Pulling \n", name)
	}
	var first error
	for _, name := range services {
		image := pr.Services[name].Image
		n, err := parseImage(image)
		if err == nil {
			err = e.pullError(p.Context(), n)
		}
		if err != nil {
			say(" %s Error %s\n", name, err)
			if first == nil && !ignore {
				first = exitError{exitPull, "Error response from daemon: " + err.Error()}
			}
			continue
		}
		e.mu.Lock()
		have := e.imageOf(image) != nil
		e.mu.Unlock()
		if !have {
			err = e.fetch(p.Context(), newImage(n, p.K.Now()), func(layer, state string, done, total int64) {
				if state == "Downloading" || state == "Extracting" {
					say(" %s %s [%-50s]  %s/%s\n", layer, state, strings.Repeat("=", int(49*done/total))+">", sizeText(done), sizeText(total))
					return
				}
				say(" %s %s \n", layer, state)
			})
			if err != nil {
				return err
			}
		}
		say(" %s Pulled \n", name)
	}
	return first
}
