// The octets that applications send: octet i of a direction is octet
// (salt + i) mod a prime of one random text, so that text that is shifted,
// repeated or of another connection does not match.

package sim

import (
	"bytes"
	"math/rand/v2"
)

const (
	period     = 65521    // a prime, near no ring size
	maxStretch = 64 << 10 // octets that can be had in one piece
)

// text is the period, and so much of the next that any stretch is in one piece.
var text = func() []byte {
	b := make([]byte, period+maxStretch)
	rand.NewChaCha8([32]byte{'t', 'e', 'x', 't'}).Read(b[:period])
	copy(b[period:], b[:maxStretch])
	return b
}()

// pattern is one direction's text.
type pattern struct{ salt uint64 }

// at returns n octets from position i on.
func (p pattern) at(i uint64, n int) []byte {
	first := (p.salt + i) % period
	return text[first : first+uint64(n)]
}

// check compares octets with those that belong at position i, and returns how
// many are right before the first wrong one.
func (p pattern) check(i uint64, b []byte) int {
	for done := 0; done < len(b); {
		n := min(len(b)-done, maxStretch)
		if want := p.at(i+uint64(done), n); !bytes.Equal(b[done:done+n], want) {
			for k := range want {
				if b[done+k] != want[k] {
					return done + k
				}
			}
		}
		done += n
	}
	return len(b)
}
