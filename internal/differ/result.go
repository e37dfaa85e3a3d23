// What calls return, in words.

package differ

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

func errnoName(e syscall.Errno) string {
	if e == 0 {
		return "none"
	}
	if s := unix.ErrnoName(e); s != "" {
		return s
	}
	return fmt.Sprintf("errno %d", int(e))
}

func count(n int) string { return fmt.Sprintf("%d octets", n) }

// countRead says how much was read, and whether it is what the peer sent.
func countRead(p []byte, at uint32) string {
	if !followsPattern(p, at) {
		return count(len(p)) + " of something else"
	}
	return count(len(p))
}
