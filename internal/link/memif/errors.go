package memif

// What can go wrong: with the configuration or the socket, which a user can
// mend, and with the peer, which is only counted and told.

import "errors"

// Errors of Open. The text around them says how to mend them.
var (
	ErrConfig = errors.New("bad configuration")
	ErrBusy   = errors.New("somebody listens on the socket")
)

// A fault is what a queue saw the peer do in shared memory.
type fault uint8

const (
	noFault fault = iota
	faultReceiveIndex
	faultTransmitIndex
	faultReceiveBuffer
	faultTransmitBuffer
	faultBell
	numFaults
)

var faultNames = [numFaults]string{
	"none",
	"receive ring: an index is further ahead than the ring is large",
	"transmit ring: an index is further ahead than the ring is large",
	"receive ring: a buffer lies outside of its region",
	"transmit ring: a buffer lies outside of its region",
	"a ring's interrupt hangs",
}

func (f fault) String() string {
	if f < numFaults {
		return faultNames[f]
	}
	return "unknown"
}
