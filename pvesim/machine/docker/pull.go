package docker

import (
	"context"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

func (e *Engine) cmdPull(p *unix.Proc, args []string) int {
	o := parseFlags(args, "platform", map[string]string{"q": "quiet"}, false)
	if len(o.rest) != 1 {
		p.Errf("docker: 'docker pull' requires 1 argument\n")
		return 1
	}
	return e.pullLoud(p, o.rest[0], o.has("quiet"), "Error response from daemon: ")
}

// pullLoud pulls one image with docker pull's own output.
func (e *Engine) pullLoud(p *unix.Proc, image string, quiet bool, prefix string) int {
	n, err := parseImage(image)
	if err != nil {
		p.Errf("%s\n", err)
		return 1
	}
	say := func(format string, args ...any) {
		if !quiet {
			p.Outf(format, args...)
		}
	}
	if image == n.base() || !strings.Contains(image[strings.LastIndexByte(image, '/')+1:], ":") && n.Digest == "" {
		say("Using default tag: latest\n")
	}
	if err := e.pullError(p.Context(), n); err != nil {
		p.Errf("%s%s\n", prefix, err)
		return 1
	}
	img := newImage(n, p.K.Now())
	say("%s: Pulling from %s\n", n.Tag, n.Path)
	status := "Image is up to date for"
	e.mu.Lock()
	have := e.imageOf(image) != nil
	e.mu.Unlock()
	if !have {
		status = "Downloaded newer image for"
		err = e.fetch(p.Context(), img, func(layer, state string, _, _ int64) {
			if !strings.HasPrefix(state, "Extracting") && state != "Downloading" {
				say("%s: %s\n", layer, state)
			}
		})
		if err != nil {
			p.Errf("%s\n", err)
			return 1
		}
	}
	say("Digest: %s\nStatus: %s %s\n", img.Digest, status, n.Familiar)
	p.Outf("%s\n", n.Domain+"/"+n.Path+":"+n.Tag)
	return 0
}

// downloadRate is the speed of pulls in bytes a second of simulated time.
const downloadRate = 25 << 20

// fetch downloads an image layer by layer, telling of its progress.
func (e *Engine) fetch(ctx context.Context, img Image, progress func(layer, state string, done, total int64)) error {
	size := img.Size / int64(len(img.Layers))
	for _, layer := range img.Layers {
		progress(layer, "Pulling fs layer", 0, size)
	}
	for _, layer := range img.Layers {
		const steps = 3
		for i := int64(1); i <= steps; i++ {
			if err := e.Kernel.Sleep(ctx, time.Duration(float64(size)/downloadRate/steps*float64(time.Second))); err != nil {
				return err
			}
			progress(layer, "Downloading", size*i/steps, size)
		}
		progress(layer, "Verifying Checksum", size, size)
		progress(layer, "Download complete", size, size)
		progress(layer, "Extracting", size, size)
		progress(layer, "Pull complete", size, size)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.imageOf(img.Name) == nil {
		e.state.Images = append(e.state.Images, img)
	}
	return nil
}

func (e *Engine) cmdLogin(p *unix.Proc, _ []string) int {
	p.Outf("Login Succeeded\n")
	return 0
}
