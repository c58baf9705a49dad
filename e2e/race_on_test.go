//go:build race

package e2e

import "time"

// The program under test is built with the race detector, too; it is slower.
const (
	raceEnabled = true
	raceSlack   = 10 * time.Second
)
