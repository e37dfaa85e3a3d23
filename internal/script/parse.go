// A script as it is written.

package script

import (
	"fmt"
	"strconv"
	"strings"
)

// A Script is a parsed script.
type Script struct {
	Name    string
	options options
	before  string // commands before the first event
	events  []*event
}

// options are what a script says of itself, --name=value.
type options struct {
	toleranceUsecs   int64
	tolerancePercent float64
	mtu, mss         int
	tickUsecs        int64 // of timestamps; 0: they are not checked
	strictSegments   bool
}

// when says what the time of an event means.
type when uint8

const (
	absolute when = iota
	relative
	anyTime
)

// An event is one line of a script.
type event struct {
	line    int
	when    when
	at, to  int64 // µs; to only of a range
	isRange bool

	packet *packet
	call   *call
	code   string // %{ }%
	shell  string // ` `
}

// isInbound reports a packet to be injected.
func (e *event) isInbound() bool { return e.packet != nil && e.packet.inbound }

// A call is a system call of a script.
type call struct {
	name      string
	blocks    bool
	endsAt    int64 // µs, when it blocks
	arguments []expr
	result    expr
	errno     string
}

// Parse reads a script.
func Parse(name, text string) (sc *Script, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(syntaxError)
			if !ok {
				panic(r)
			}
			err = e.error
		}
	}()
	s := &scanner{name: name, text: text}
	sc = &Script{Name: name, options: options{toleranceUsecs: 4000, tolerancePercent: 12.5, mtu: 1500}}
	for s.has("--") {
		sc.option(s)
	}
	if s.has("`") {
		sc.before = s.until("`")
	}
	for !s.isEnd() {
		sc.events = append(sc.events, s.event())
	}
	if len(sc.events) == 0 {
		return nil, fmt.Errorf("%s: no events", name)
	}
	if last := sc.events[len(sc.events)-1]; last == nil {
		sc.events = sc.events[:len(sc.events)-1] // commands that clean up
	}
	return sc, nil
}

func (sc *Script) option(s *scanner) {
	text := s.text[s.at:]
	if n := strings.IndexAny(text, " \t\r\n"); n >= 0 {
		text = text[:n]
	}
	s.at += len(text)
	name, value, _ := strings.Cut(text, "=")
	n, _ := strconv.ParseInt(value, 0, 64)
	o := &sc.options
	switch name {
	case "tolerance_usecs":
		o.toleranceUsecs = n
	case "tolerance_percent":
		o.tolerancePercent, _ = strconv.ParseFloat(value, 64)
	case "mtu":
		o.mtu = int(n)
	case "mss":
		o.mss = int(n)
	case "tcp_ts_tick_usecs":
		o.tickUsecs = n
	case "strict_segments":
		o.strictSegments = true
	case "ip_version":
		if value != "ipv4" {
			s.fail("IP version %s is not there", value)
		}
	}
}

// event reads one event; nil is a command at the end, which cleans up.
func (s *scanner) event() *event {
	s.skip()
	e := &event{line: s.line()}
	if s.has("`") {
		s.until("`")
		if !s.isEnd() {
			s.fail("a command without a time before the end")
		}
		return nil
	}
	s.time(e)
	switch {
	case s.sees("<"), s.sees(">"):
		e.packet = s.packet()
		return e
	case s.has("`"):
		e.shell = s.until("`")
	case s.has("%{"):
		e.code = s.until("}%")
	default:
		e.call = s.call()
	}
	if e.when == anyTime || e.isRange {
		s.fail("only packets that leave can have such a time")
	}
	return e
}

func (s *scanner) time(e *event) {
	switch {
	case s.has("*"):
		e.when = anyTime
		return
	case s.has("+"):
		e.when = relative
	}
	e.at = s.usecs()
	if s.has("~") {
		if e.when == relative {
			s.want("+")
		}
		e.to, e.isRange = s.usecs(), true
		if e.to < e.at {
			s.fail("a time range that goes backwards")
		}
	}
}

func (s *scanner) call() *call {
	c := &call{}
	if s.has("...") {
		c.blocks, c.endsAt = true, s.usecs()
	}
	c.name = s.word()
	s.want("(")
	c.arguments = s.list(")")
	s.want("=")
	c.result = s.expression()
	s.skip()
	if w := s.match(wordRE); w != "" {
		c.errno = w
	}
	if s.has("(") {
		s.until(")")
	}
	return c
}
