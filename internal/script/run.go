// Running a script: one event after the other, each at its time.

package script

import (
	"fmt"
	"time"

	"github.com/mtcp-go/mtcp/internal/posix"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// patience is how long a packet is waited for, in virtual time.
const patience = 24 * time.Hour

// A Failure says where and why a script failed.
type Failure struct {
	Name string
	Line int
	Why  string
}

func (f *Failure) Error() string { return fmt.Sprintf("%s:%d: %s", f.Name, f.Line, f.Why) }

// Config is what every script of a run has in common.
type Config struct {
	Settings map[string]string // Linux's names, before what scripts set
}

// A run is one script being run.
type run struct {
	script   *Script
	host     *posix.Host
	settings map[string]string
	began    time.Duration
	last     *event // the one before
	now      *event
	subject  *subject
	peers    uint16 // ports given to peers
	files    map[int64]int
	blocked  *blocked
	vars     map[string]value // of assertions
}

// blocked is a system call in progress.
type blocked struct {
	event *event
	call  *posix.Call
	then  func() error // looks at what it returned
}

// Run runs a script; the error, if any, is a *Failure.
func (sc *Script) Run(c Config) error {
	r := &run{script: sc, settings: make(map[string]string), files: make(map[int64]int), vars: constants()}
	for name, v := range c.Settings {
		r.settings[name] = v
	}
	r.shell(sc.before)
	defer func() {
		if r.host != nil {
			r.host.Close()
		}
	}()
	for _, e := range sc.events {
		copied := *e
		r.now = &copied
		r.adjust(r.now)
		if err := r.event(r.now); err != nil {
			return &Failure{sc.Name, e.line, err.Error()}
		}
		r.last = r.now
	}
	if r.blocked != nil {
		return &Failure{sc.Name, r.blocked.event.line, "the system call has not returned by the end of the script"}
	}
	return nil
}

// open makes the host, with the settings that were made by now.
func (r *run) open() error {
	if r.host != nil {
		return nil
	}
	c := posix.Config{
		Address: wire.IPv4Prefix{Addr: ourAddress, Bits: 16}, Gateway: peerGateway, MTU: r.script.options.mtu,
	}
	c.Apply(func(name string) string { return r.settings[name] })
	h, err := posix.New(c)
	if err != nil {
		return err
	}
	r.host, r.began = h, h.Now()
	return nil
}

// usecs is the time since the script began.
func (r *run) usecs() int64 {
	if r.host == nil {
		return 0
	}
	return (r.host.Now() - r.began).Microseconds()
}

// adjust makes relative times absolute. Packets that arrive one after the other
// count from each other's times, everything else from now.
func (r *run) adjust(e *event) {
	if e.when == absolute {
		return
	}
	offset := r.usecs()
	if r.last != nil && r.last.isInbound() && e.isInbound() {
		offset = r.last.at
	}
	e.at += offset
	e.to += offset
	if e.call != nil && e.call.blocks && e.when == relative {
		c := *e.call
		c.endsAt += offset
		e.call = &c
	}
}

func (r *run) event(e *event) error {
	if err := r.open0(e); err != nil {
		return err
	}
	if e.packet != nil && !e.packet.inbound {
		return r.expect(e)
	}
	if err := r.waitFor(e); err != nil {
		return err
	}
	switch {
	case e.packet != nil:
		return r.inject(e.packet)
	case e.call != nil:
		return r.system(e)
	case e.shell != "":
		r.shell(e.shell)
		return nil
	default:
		return r.code(e.code)
	}
}

// open0 opens the host unless e may still change its settings.
func (r *run) open0(e *event) error {
	if e.shell != "" && r.host == nil {
		return nil
	}
	return r.open()
}

// waitFor moves the clock to the event's time.
func (r *run) waitFor(e *event) error {
	if r.host == nil {
		return nil
	}
	if err := r.advance(r.began + time.Duration(e.at)*time.Microsecond); err != nil {
		return err
	}
	return r.onTime(e, e.at, r.lastAt(), r.usecs(), "the event")
}

// advance moves the clock, and looks at blocked calls that return on the way.
func (r *run) advance(to time.Duration) error {
	for r.host.Now() < to {
		r.host.Advance(to)
		if err := r.unblock(); err != nil {
			return err
		}
	}
	return nil
}

// lastAt is the time of the event before, from which the tolerance is reckoned;
// -1 if there was none.
func (r *run) lastAt() int64 {
	if r.last == nil {
		return -1
	}
	return r.last.at
}

// onTime checks that something happened when the script said.
func (r *run) onTime(e *event, at, since, live int64, what string) error {
	if e.when == anyTime {
		return nil
	}
	o := &r.script.options
	tolerance := o.toleranceUsecs
	if since >= 0 {
		tolerance = max(tolerance, int64(o.tolerancePercent/100*float64(at-since)))
	}
	to := at
	if e.isRange {
		to = e.to
	}
	if live < at-tolerance || live > to+tolerance {
		return fmt.Errorf("%s was to be at %s s and was at %s s (tolerance %s s)", what, seconds(at), seconds(live), seconds(tolerance))
	}
	return nil
}

func seconds(us int64) string { return fmt.Sprintf("%.6f", float64(us)/1e6) }

// inject gives the host a packet.
func (r *run) inject(p *packet) error {
	if p.icmp == nil && (r.subject == nil || r.subject.state == subjectListens) {
		r.subject = &subject{
			state: subjectSYNCame, ourPort: servicePort, peerPort: firstPort + r.peers, fromScript: make(map[uint32]uint32),
		}
		r.peers++
	}
	c := r.subject
	if c == nil {
		return fmt.Errorf("no connection that the packet could belong to")
	}
	b, err := c.inject(p)
	if err != nil {
		return err
	}
	r.host.Inject(b)
	return r.unblock()
}

// unblock looks at the blocked call, if it has returned.
func (r *run) unblock() error {
	b := r.blocked
	if b == nil || !b.call.Done {
		return nil
	}
	r.blocked = nil
	err := b.then()
	if err == nil {
		err = r.onTime(&event{when: absolute}, b.event.call.endsAt, b.event.at, r.usecs(), "the call's return")
	}
	if err != nil {
		return fmt.Errorf("%s of line %d: %w", b.event.call.name, b.event.line, err)
	}
	return nil
}
