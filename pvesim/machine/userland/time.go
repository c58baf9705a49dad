package userland

import (
	"strconv"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

func sleep(p *unix.Proc) int {
	var total time.Duration
	for _, arg := range p.Args[1:] {
		d, ok := seconds(arg)
		if !ok {
			return p.Fail("invalid number '%s'", arg)
		}
		total += d
	}
	p.Sleep(total)
	return 0
}

// seconds reads 5, 0.5, 3s, 2m, 1h.
func seconds(text string) (time.Duration, bool) {
	if text == "infinity" {
		return 1 << 62, true
	}
	unit := time.Second
	switch {
	case strings.HasSuffix(text, "s"):
		text = text[:len(text)-1]
	case strings.HasSuffix(text, "m"):
		text, unit = text[:len(text)-1], time.Minute
	case strings.HasSuffix(text, "h"):
		text, unit = text[:len(text)-1], time.Hour
	case strings.HasSuffix(text, "d"):
		text, unit = text[:len(text)-1], 24*time.Hour
	}
	n, err := strconv.ParseFloat(text, 64)
	return time.Duration(n * float64(unit)), err == nil && n >= 0
}
