package tcp

// State is a connection's state (RFC 9293 §3.3.2). The order matters: states
// from Established on are synchronized and have a peer that knows us.
type State uint8

// The states. A listener has no TCB, so LISTEN does not occur in one.
const (
	Closed State = iota
	SynSent
	SynReceived
	Established
	CloseWait
	FinWait1
	FinWait2
	Closing
	LastAck
	TimeWait

	numStates
)

var stateNames = [numStates]string{
	"CLOSED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT",
	"FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT",
}

// String returns the RFC's name of the state.
func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return "invalid"
}

// set is a set of states.
type set uint16

func setOf(states ...State) set {
	var s set
	for _, x := range states {
		s |= 1 << x
	}
	return s
}

func (s State) in(x set) bool { return x>>s&1 != 0 }

const (
	// receiving: the peer may still send text.
	receiving set = 1<<Established | 1<<FinWait1 | 1<<FinWait2
	// sending: our FIN has not been acknowledged and text may be in flight.
	sending set = 1<<Established | 1<<CloseWait | 1<<FinWait1 | 1<<Closing | 1<<LastAck
	// kept: keep-alives make sense.
	kept set = receiving | sending
	// abortable: the peer may still count on us, so an abort sends a RST (RFC
	// 9293 §3.10.5).
	abortable set = 1<<SynReceived | 1<<Established | 1<<FinWait1 | 1<<FinWait2 | 1<<CloseWait
)

// legal lists the transitions of RFC 9293 figure 5, plus CLOSED from anywhere,
// where reset and abort lead. Two edges of the figure are two transitions here:
// a CLOSE in SYN-RECEIVED waits for ESTABLISHED, and a segment that
// acknowledges our FIN and carries the peer's goes through FIN-WAIT-2. Tests
// check that each is reached and that no other is taken.
var legal = [numStates]set{
	Closed:      1<<SynSent | 1<<SynReceived,
	SynSent:     1<<SynReceived | 1<<Established | 1<<Closed,
	SynReceived: 1<<Established | 1<<Closed,
	Established: 1<<FinWait1 | 1<<CloseWait | 1<<Closed,
	CloseWait:   1<<LastAck | 1<<Closed,
	FinWait1:    1<<FinWait2 | 1<<Closing | 1<<Closed,
	FinWait2:    1<<TimeWait | 1<<Closed,
	Closing:     1<<TimeWait | 1<<Closed,
	LastAck:     1 << Closed,
	TimeWait:    1 << Closed,
}

// setState is the only place where a state changes.
func (e *Engine) setState(t *TCB, s State) {
	if !s.in(legal[t.state]) {
		// Our own logic is wrong, and nothing that a peer sends may lead here.
		panic("tcp: illegal transition " + t.state.String() + " to " + s.String())
	}
	e.Stats.Transitions[t.state][s]++
	t.state = s
}
