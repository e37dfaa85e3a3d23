//go:build !race

package mtcp

import "testing"

// skipUnderRace does nothing in ordinary builds.
func skipUnderRace(testing.TB) {}
