//go:build !race

package mtcp

import "testing"

const raceEnabled = false

// skipUnderRace does nothing in ordinary builds.
func skipUnderRace(testing.TB) {}
