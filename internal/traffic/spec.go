package traffic

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Work is a kind of load.
type Work uint8

// The kinds.
const (
	Requests  Work = iota // request and answer on kept connections
	Short                 // a connection for each, or for each few
	Out                   // the server sends without end
	In                    // the server reads without end
	Idle                  // connections that do nothing
	HTTP                  // GET and its answer on kept connections
	HTTPClose             // a connection for each, "Connection: close"
)

var workNames = [...]string{
	Requests: "requests", Short: "short", Out: "out", In: "in", Idle: "idle", HTTP: "http", HTTPClose: "http-close",
}

func (w Work) String() string { return workNames[w] }

// UnmarshalText reads the name of a kind.
func (w *Work) UnmarshalText(b []byte) error {
	for i, name := range workNames {
		if string(b) == name {
			*w = Work(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no kind of load: requests, short, out, in, idle, http or http-close", b)
}

// each is whether a connection is for one transaction, after which the server
// closes.
func (w Work) each() bool { return w == Short || w == HTTPClose }

// bulk is whether there are no transactions.
func (w Work) bulk() bool { return w == Out || w == In || w == Idle }

// The ports of the server.
const (
	PortHTTP     = 80
	PortRequests = 8080 // answers each request
	PortShort    = 8081 // answers one, and closes
	PortOut      = 8082 // sends without end
	PortIn       = 8083 // reads without end
)

// Limits.
const (
	MaxConnections = 4 << 20
	MaxSize        = 1 << 20
)

// A Spec says what load to make.
type Spec struct {
	Work   Work
	Server netip.Addr
	From   []netip.Addr // our addresses, taken in turn; none: the stack chooses

	Connections   int // at a time
	PerConnection int // requests on each connection of Requests; 0: no limit
	Size          int // octets of a request, and of its answer
	Hold          int // connections beside these, opened before, that do nothing

	// Rate makes the loop an open one: so many transactions a second are due,
	// whether those before have been answered or not. 0 is a closed loop: each
	// connection asks again as soon as it has its answer.
	Rate float64

	Warmup, Duration time.Duration
}

// check refuses what makes no sense.
func (s *Spec) check() error {
	switch {
	case !s.Server.Is4():
		return errors.New("traffic: the server's address must be IPv4")
	case s.Connections < 1 || s.Connections > MaxConnections:
		return fmt.Errorf("traffic: %d connections: 1 to %d are possible", s.Connections, MaxConnections)
	case s.Size < 1 || s.Size > MaxSize:
		return fmt.Errorf("traffic: %d octets: 1 to %d are possible", s.Size, MaxSize)
	case s.Hold < 0 || s.Hold > MaxConnections:
		return fmt.Errorf("traffic: %d connections to be held: 0 to %d are possible", s.Hold, MaxConnections)
	case s.Rate < 0 || s.Rate > 0 && s.Work.bulk():
		return errors.New("traffic: a rate can be given for requests and short connections only")
	case s.Rate > 0 && s.Work == Requests && s.PerConnection > 0:
		return errors.New("traffic: a rate goes with kept connections or with short ones")
	case s.Duration <= 0 || s.Warmup < 0:
		return errors.New("traffic: the duration must be positive")
	}
	return nil
}

// port is where the server does this work.
func (s *Spec) port() uint16 {
	switch s.Work {
	case Short:
		return PortShort
	case Out:
		return PortOut
	case In:
		return PortIn
	case HTTP, HTTPClose:
		return PortHTTP
	default:
		return PortRequests
	}
}

// A Result is what came of a load, between the warm-up and the end.
type Result struct {
	Elapsed      time.Duration
	Transactions uint64 // requests answered
	Connections  uint64 // connections established
	Octets       uint64 // of answers, or of bulk
	Open         int    // connections at the end
	Held         int    // those of Spec.Hold at the end
	Errors       uint64
	FirstError   string
	Wrong        uint64 // answers with an octet that was not as it should be
	Late         uint64 // open loop: transactions that were given up, too many being due
	All          uint64 // transactions, connections and octets since the load
	AllOpened    uint64 // began, the warm-up's among them
	AllOctets    uint64

	// Shares are what each place of the load had: its transactions, of bulk its
	// octets.
	Shares Shares

	// Latency is from when a transaction began, or in an open loop was due, to
	// its last octet, in ns: with the opening of the connection if that is short.
	Latency *hdrhistogram.Histogram
}

// Shares are numbers as Jain's index of fairness needs them.
type Shares struct{ N, Sum, Squares float64 }

func (s *Shares) add(share uint64) {
	f := float64(share)
	s.N, s.Sum, s.Squares = s.N+1, s.Sum+f, s.Squares+f*f
}

// Jain is their index of fairness: 1 when all have the same, 1/n when one has all;
// 0 when there is nothing to share.
func (s *Shares) Jain() float64 {
	if s.Squares == 0 {
		return 0
	}
	return s.Sum * s.Sum / (s.N * s.Squares)
}

// PerSecond is the rate of a count.
func (r *Result) PerSecond(n uint64) float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(n) / r.Elapsed.Seconds()
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute), 3)
}

// add takes in what one shard did.
func (r *Result) add(o *Result) {
	r.Transactions += o.Transactions
	r.Connections += o.Connections
	r.Octets += o.Octets
	r.Open += o.Open
	r.Held += o.Held
	r.Errors += o.Errors
	r.Wrong += o.Wrong
	r.Late += o.Late
	r.All += o.All
	r.AllOpened += o.AllOpened
	r.AllOctets += o.AllOctets
	r.Shares.N += o.Shares.N
	r.Shares.Sum += o.Shares.Sum
	r.Shares.Squares += o.Shares.Squares
	if r.FirstError == "" {
		r.FirstError = o.FirstError
	}
	r.Elapsed = max(r.Elapsed, o.Elapsed)
	r.Latency.Merge(o.Latency)
}

// Pattern fills p with what requests and answers say: every octet tells its
// place, which is at octets from the beginning.
func Pattern(p []byte, at int) {
	for i := range p {
		v := at + i
		p[i] = byte(v) ^ byte(v>>8)*31 ^ byte(v>>16)*7
	}
}

// patternPeriod is after how many octets a pattern repeats.
const patternPeriod = 1 << 16

// newPattern returns twice the period, so that any piece of up to a period can be
// found in it.
func newPattern() []byte {
	p := make([]byte, 2*patternPeriod)
	Pattern(p[:patternPeriod], 0)
	copy(p[patternPeriod:], p[:patternPeriod])
	return p
}
