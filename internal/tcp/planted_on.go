//go:build plantedbugs

package tcp

import "os"

// One bug at a time, named by the environment: scripts/planted.sh tries each.
// Never part of an ordinary build.
var (
	planted         = os.Getenv("PLANTED_BUG")
	plantedFastPath = planted == "fastpath" // the fast path does not ask about the window
	plantedFIN      = planted == "fin"      // a FIN that is sent again counts as text
	plantedHoles    = planted == "holes"    // text that fills two holes leaves the second
)
