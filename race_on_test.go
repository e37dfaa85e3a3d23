//go:build race

package mtcp

import "testing"

const raceEnabled = true

// skipUnderRace skips counts that the race detector changes.
func skipUnderRace(t testing.TB) { t.Skip("the race detector allocates") }
