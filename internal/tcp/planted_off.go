//go:build !plantedbugs

package tcp

// Bugs that a build with the tag plantedbugs can have, to show that the tests
// find them. Constants, so that they cost nothing here: see planted_on.go.
const (
	plantedFastPath = false
	plantedFIN      = false
	plantedHoles    = false
)
