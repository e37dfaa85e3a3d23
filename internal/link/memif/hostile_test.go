package memif

// A lying peer, in shared memory and on the socket.

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

// A lie is what one side writes into a ring of which the other side is the
// victim; liar is the liar's view.
type lie struct {
	name  string
	tell  func(liar *pair)
	fault string // "": only the frame is lost
}

// word overwrites half a descriptor.
func (s *slot) lie(flags, region uint16, length, offset uint32) {
	s.what = uint64(flags) | uint64(region)<<16 | uint64(length)<<32
	s.where = uint64(offset)
}

// publish makes n descriptors visible to the victim, from the first on.
func (p *pair) publish(n uint16) {
	if p.of.pairs[0].rxOwn != 0 { // a slave
		p.tx.storeHead(n)
	} else {
		p.tx.storeTail(n)
	}
}

// toBoth are lies that either victim can be told in its receive ring.
var toBoth = []lie{
	{"an index beyond the ring", func(p *pair) { p.publish(p.tx.size() + 1) }, "receive ring: an index"},
	{"an index that runs backwards", func(p *pair) { p.publish(math.MaxUint16) }, "receive ring: an index"},
	{"a huge length", func(p *pair) { p.tx.slots[0].lie(0, 0, math.MaxUint32, 0); p.publish(1) }, "receive ring: a buffer"},
	{"no length", func(p *pair) { p.tx.slots[0].lie(0, 0, 0, 1<<17); p.publish(1) }, ""},
	{"less than a header", func(p *pair) { p.tx.slots[0].lie(0, 0, 13, 1<<17); p.publish(1) }, ""},
	{"more than the MTU", func(p *pair) { p.tx.slots[0].lie(0, 0, 2048, 1<<17); p.publish(1) }, ""},
	{"a chain without end", func(p *pair) {
		for i := range p.tx.slots {
			p.tx.slots[i].lie(flagNext, 0, 64, 1<<17)
		}
		p.publish(p.tx.size())
	}, ""},
	{"a chain of nothing", func(p *pair) {
		for i := range p.tx.slots {
			p.tx.slots[i].lie(flagNext, 0, 0, 1<<17)
		}
		p.tx.slots[9].lie(0, 0, 0, 1<<17)
		p.publish(10)
	}, ""},
	{"a chain into nowhere", func(p *pair) {
		p.tx.slots[0].lie(flagNext, 0, 64, 1<<17)
		p.tx.slots[1].lie(0, 0, math.MaxUint32, 1<<17)
		p.publish(2)
	}, "receive ring: a buffer"},
}

// toMaster are lies of a slave, whose descriptors say where.
var toMaster = []lie{
	{"another region", func(p *pair) { p.tx.slots[0].lie(0, 1, 64, 0); p.publish(1) }, "receive ring: a buffer"},
	{"the last region there can be", func(p *pair) { p.tx.slots[0].lie(0, math.MaxUint16, 64, 0); p.publish(1) }, "receive ring: a buffer"},
	{"outside of the region", func(p *pair) { p.tx.slots[0].lie(0, 0, 64, uint32(len(p.of.regions[0]))); p.publish(1) }, "receive ring: a buffer"},
	{"across the region's end", func(p *pair) { p.tx.slots[0].lie(0, 0, 64, uint32(len(p.of.regions[0])-63)); p.publish(1) }, "receive ring: a buffer"},
	{"a sum that overflows", func(p *pair) { p.tx.slots[0].lie(0, 0, 64, math.MaxUint32-31); p.publish(1) }, "receive ring: a buffer"},
}

// inTransmitRing are lies about the buffers to send into.
var toMasterSending = []lie{
	{"more buffers than the ring has", func(p *pair) { p.rx.storeHead(p.rx.size() + 1) }, "transmit ring: an index"},
	{"a buffer outside", func(p *pair) { p.rx.slots[0].lie(0, 0, 2048, uint32(len(p.of.regions[0]))) }, "transmit ring: a buffer"},
	{"a buffer in another region", func(p *pair) { p.rx.slots[0].lie(0, 7, 2048, 0) }, "transmit ring: a buffer"},
	{"a small buffer", func(p *pair) { p.rx.slots[0].lie(0, 0, 59, 1<<17) }, ""},
}

var toSlaveSending = []lie{
	{"an index ahead of ours", func(p *pair) { p.rx.storeTail(1) }, "transmit ring: an index"},
	{"an index far behind ours", func(p *pair) { p.rx.storeTail(math.MaxUint16 - 1024) }, "transmit ring: an index"},
}

// TestPeer_LiesInARing tells each lie, and afterwards connects an honest peer.
func TestPeer_LiesInARing(t *testing.T) {
	for _, c := range []struct {
		victim Role
		lies   []lie
	}{
		{Master, toBoth}, {Slave, toBoth}, {Master, toMaster}, {Master, toMasterSending}, {Slave, toSlaveSending},
	} {
		for _, l := range c.lies {
			t.Run(c.victim.String()+" "+l.name, func(t *testing.T) {
				master, slave := newPair(t, nil)
				victim, liar := master, slave
				if c.victim == Slave {
					victim, liar = slave, master
				}
				v, q := victim.Queue(0), liar.Queue(0)
				settled(v, q)
				l.tell(&q.pair)
				var rx [64]link.Frame
				for range 40 { // all that the ring can hold
					n := v.Recv(clock, rx[:])
					for i := range n {
						if len(rx[i].Bytes) < etherHeader || len(rx[i].Bytes) > frameSize(1500) {
							t.Errorf("a frame of %d octets", len(rx[i].Bytes))
						}
					}
					v.Release(rx[:n])
					transmit(v, make([]byte, 60))
				}
				if l.fault == "" {
					if s := victim.State(); s.Faults != 0 || v.drops.stats() == (QueueStats{}) {
						t.Errorf("state %+v, drops %+v: want a drop, and no fault", s, v.drops.stats())
					}
					return
				}
				if why := victim.expect(false); !strings.HasPrefix(why, l.fault) {
					t.Errorf("ended because of %q, want %q", why, l.fault)
				}
				if s := victim.State(); s.Faults != 1 || v.drops.stats().Faults != 1 {
					t.Errorf("state %+v, drops %+v: want one fault", s, v.drops.stats())
				}
				liar.expect(false)
				master.expect(true) // the slave comes again
				slave.expect(true)
				settled(v, q)
				transmit(q, make([]byte, 77))
				if got := fetch(t, v, 1); len(got[0]) != 77 {
					t.Errorf("%d octets after the lie, want 77", len(got[0]))
				}
			})
		}
	}
}

// TestPeer_ChangesWhatIsBeingRead rewrites descriptors and buffers all the time.
func TestPeer_ChangesWhatIsBeingRead(t *testing.T) {
	master, slave := newPair(t, nil)
	v, q := master.Queue(0), slave.Queue(0)
	settled(v, q)
	p := q.pair
	p.of.hold()
	defer p.of.release()
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for i := uint32(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s := &p.tx.slots[i%64]
			s.what = uint64(60+i%4000) << 32 // at times more than a frame
			s.where = uint64(1<<17 + i%4096)
			p.of.regions[0][1<<17+i%8192] = byte(i)
		}
	})
	var rx [64]link.Frame
	head := uint16(0)
	for range 20000 {
		head += 32
		p.tx.storeHead(head)
		for range 2 {
			n := v.Recv(clock, rx[:])
			for i := range n {
				b := rx[i].Bytes
				first := b[:etherHeader:etherHeader]
				sum := binary.LittleEndian.Uint64(first)
				if len(b) > frameSize(1500) || sum != binary.LittleEndian.Uint64(first) {
					t.Fatal("a frame changes after it was received")
				}
			}
			v.Release(rx[:n])
		}
		if v.peer == nil {
			t.Fatal("the victim lost its peer: everything was within the region")
		}
	}
	close(stop)
	all.Wait()
}

// TestPeer_GoesInTheMiddleOfABatch: what is lent stays valid, and the memory is
// unmapped only when the owner comes by.
func TestPeer_GoesInTheMiddleOfABatch(t *testing.T) {
	directions(t, nil, func(t *testing.T, from, to *end) {
		a, b := from.Queue(0), to.Queue(0)
		settled(a, b)
		transmit(a, make([]byte, 60), make([]byte, 61))
		var rx, tx [4]link.Frame
		for b.Recv(clock, rx[:1]) == 0 {
		}
		n := b.Reserve(tx[:])
		from.Close()
		to.expect(false)
		p := b.peer
		if p == nil {
			t.Fatal("the peer went before its user")
		}
		for end := time.Now().Add(patience); p.users.Load() > 1 && time.Now().Before(end); {
			time.Sleep(time.Millisecond) // Serve tells of the end before it lets go
		}
		if p.users.Load() != 1 || len(p.regions) == 0 {
			t.Fatalf("%d users of %d regions, want the owner to keep them", p.users.Load(), len(p.regions))
		}
		if len(rx[0].Bytes) != 60 {
			t.Error("a lent frame has changed")
		}
		b.Release(rx[:1])
		for i := range n {
			tx[i].Bytes = tx[i].Bytes[:60]
		}
		b.Send(clock, tx[:n])
		if b.peer != nil || p.users.Load() != 0 || p.regions != nil {
			t.Error("the memory was not unmapped after its last user")
		}
		if s := b.drops.stats(); s.TxDown != uint64(n) {
			t.Errorf("drops %+v, want %d for want of a peer", s, n)
		}
	})
}

// A fake speaks the control protocol as the test tells it to.
type fake struct {
	t  *testing.T
	fd int
}

func (f *fake) say(m *message, fds ...int) { f.sayRaw(m[:], fds...) }

func (f *fake) sayRaw(b []byte, fds ...int) {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_ = unix.Sendmsg(f.fd, b, rights, nil, unix.MSG_NOSIGNAL) // it may have been thrown out
}

// hear returns the next message, or how the connection ended.
func (f *fake) hear() (message, error) {
	f.t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		var m message
		fds, err := receive(f.fd, &m)
		closeAll(fds)
		if err != errAgain {
			return m, err
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}}, 100)
	}
	f.t.Fatal("nothing was said")
	return message{}, nil
}

// expect hears a message of a kind.
func (f *fake) expect(k kind) message {
	f.t.Helper()
	m, err := f.hear()
	if err != nil || m.kind() != k {
		f.t.Fatalf("heard %v (%s), %v; want %v", m.kind(), m.reason(), err, k)
	}
	return m
}

// sentAway hears why, and then nothing more.
func (f *fake) sentAway(reason string) {
	f.t.Helper()
	for {
		m, err := f.hear()
		if err != nil {
			f.t.Errorf("ended with %v, without a reason; want %q", err, reason)
			return
		}
		if m.kind() == kindDisconnect {
			if !strings.Contains(m.reason(), reason) {
				f.t.Errorf("sent away because of %q, want %q", m.reason(), reason)
			}
			break
		}
	}
	if _, err := f.hear(); err != io.EOF {
		f.t.Errorf("after DISCONNECT: %v", err)
	}
}

func newFake(t *testing.T, path string) *fake {
	t.Helper()
	fd, err := dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &fake{t, fd}
}

func (f *fake) init(change func(*start)) {
	f.t.Helper()
	f.expect(kindHello)
	i := start{version: version, id: 3, name: "fake"}
	copy(i.secret[:], "sesame")
	if change != nil {
		change(&i)
	}
	f.say(i.message())
}

// began is a fake that has passed INIT.
func (f *fake) began() {
	f.t.Helper()
	f.init(nil)
	f.expect(kindAck)
}

// memory makes a memfd.
func memory(t *testing.T, size int64, seals int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("fake", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	if seals != 0 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

func event(t *testing.T) int {
	t.Helper()
	fd, err := newEvent()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// region offers a good one.
func (f *fake) region(index uint16) int {
	f.t.Helper()
	fd := memory(f.t, 1<<20, unix.F_SEAL_SHRINK)
	a := addRegion{index, 1 << 20}
	f.say(a.message(), fd)
	f.expect(kindAck)
	return fd
}

// ring offers a ring with its cookie.
func (f *fake) ring(mem int, a addRing) {
	f.t.Helper()
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], cookie)
	if _, err := unix.Pwrite(mem, b[:], int64(a.offset)); err != nil {
		f.t.Fatal(err)
	}
	f.say(a.message(), event(f.t))
}

// connects offers two rings, of which change may edit the first.
func (f *fake) connects(change func(*addRing)) {
	f.t.Helper()
	f.began()
	mem := f.region(0)
	a := addRing{toMaster: true, log2: 5}
	b := addRing{offset: 4096, log2: 5}
	if change != nil {
		change(&a)
	}
	f.ring(mem, a)
	f.expect(kindAck)
	f.ring(mem, b)
	f.expect(kindAck)
	f.say(named(kindConnect, "fake0"))
}

// offers sends a message that must be refused.
func (f *fake) offers(m *message, fds ...int) {
	f.t.Helper()
	f.began()
	f.say(m, fds...)
}

func regionOf(index uint16, size uint64) *message {
	a := addRegion{index, size}
	return a.message()
}

func ringOf(a addRing) *message { return a.message() }

// controlLies are what a slave may try, and what it is told.
var controlLies = []struct {
	name, reason string
	do           func(f *fake)
}{
	{"another version", "version 3.0", func(f *fake) { f.init(func(i *start) { i.version = 3 << 8 }) }},
	{"another interface", "no interface 4", func(f *fake) { f.init(func(i *start) { i.id = 4 }) }},
	{"a wrong secret", "wrong secret", func(f *fake) { f.init(func(i *start) { i.secret[0]++ }) }},
	{"no secret", "wrong secret", func(f *fake) { f.init(func(i *start) { i.secret = [secretSize]byte{} }) }},
	{"IP mode", "only Ethernet", func(f *fake) { f.init(func(i *start) { i.mode = 1 }) }},
	{"no INIT", "unexpected message CONNECT", func(f *fake) { f.expect(kindHello); f.say(named(kindConnect, "x")) }},
	{"INIT twice", "unexpected message INIT", func(f *fake) { f.began(); f.say((&start{version: version, id: 3}).message()) }},
	{"a short message", "100 octets", func(f *fake) { f.began(); f.sayRaw(make([]byte, 100)) }},
	{"a long message", "129 octets", func(f *fake) { f.began(); f.sayRaw(make([]byte, 1000)) }},
	{"an unknown message", "unexpected message unknown (999)", func(f *fake) { f.offers(newMessage(999)) }},
	{"a master's message", "unexpected message HELLO", func(f *fake) { f.offers((&hello{}).message()) }},
	{"a flood of ACKs", "unexpected message ACK", func(f *fake) {
		f.began()
		for range 1000 {
			f.say(newMessage(kindAck))
		}
	}},
	{"a descriptor where none belongs", "CONNECT with 1 descriptors", func(f *fake) { f.offers(named(kindConnect, "x"), event(f.t)) }},
	{"a region without memory", "ADD_REGION with 0 descriptors", func(f *fake) { f.offers(regionOf(0, 4096)) }},
	{"a region with two memories", "ADD_REGION with 2 descriptors", func(f *fake) {
		fd := memory(f.t, 4096, unix.F_SEAL_SHRINK)
		f.offers(regionOf(0, 4096), fd, fd)
	}},
	{"many descriptors", "too many descriptors", func(f *fake) {
		fd := event(f.t)
		many := make([]int, 200)
		for i := range many {
			many[i] = fd
		}
		f.offers(regionOf(0, 4096), many...)
	}},
	{"memory that can shrink", "not sealed against shrinking", func(f *fake) { f.offers(regionOf(0, 4096), memory(f.t, 4096, unix.F_SEAL_GROW)) }},
	{"a file", "not a memfd", func(f *fake) {
		file, err := os.Create(filepath.Join(f.t.TempDir(), "file"))
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { file.Close() })
		f.offers(regionOf(0, 4096), int(file.Fd()))
	}},
	{"an event for memory", "not a memfd", func(f *fake) { f.offers(regionOf(0, 4096), event(f.t)) }},
	{"memory that cannot be written", "map", func(f *fake) {
		f.offers(regionOf(0, 4096), memory(f.t, 4096, unix.F_SEAL_SHRINK|unix.F_SEAL_WRITE))
	}},
	{"a region larger than its file", "in a file of 4096", func(f *fake) { f.offers(regionOf(0, 4097), memory(f.t, 4096, unix.F_SEAL_SHRINK)) }},
	{"a region of nothing", "region of 0 octets", func(f *fake) { f.offers(regionOf(0, 0), memory(f.t, 4096, unix.F_SEAL_SHRINK)) }},
	{"a huge region", "more than 1073741824", func(f *fake) {
		f.offers(regionOf(0, math.MaxUint64), memory(f.t, 4096, unix.F_SEAL_SHRINK))
	}},
	{"a region out of order", "region 1 announced", func(f *fake) { f.offers(regionOf(1, 4096), memory(f.t, 4096, unix.F_SEAL_SHRINK)) }},
	{"too many regions", "more than 16 regions", func(f *fake) {
		f.began()
		for i := range maxRegions {
			f.region(uint16(i))
		}
		f.say(regionOf(maxRegions, 4096), memory(f.t, 4096, unix.F_SEAL_SHRINK))
	}},
	{"a ring without an interrupt", "ADD_RING with 0 descriptors", func(f *fake) { f.offers(ringOf(addRing{log2: 5})) }},
	{"a ring without a region", "ring in region 0, which there is not", func(f *fake) { f.offers(ringOf(addRing{log2: 5}), event(f.t)) }},
	{"an interrupt that is none", "not an eventfd", func(f *fake) {
		f.began()
		f.region(0)
		f.say(ringOf(addRing{log2: 5}), f.fd)
	}},
	{"too many rings", "ring 1: there are 1", func(f *fake) { f.began(); f.region(0); f.say(ringOf(addRing{index: 1, log2: 5}), event(f.t)) }},
	{"a ring twice", "ring 0 twice", func(f *fake) {
		f.began()
		mem := f.region(0)
		f.ring(mem, addRing{log2: 5})
		f.expect(kindAck)
		f.ring(mem, addRing{log2: 6})
	}},
	{"a private header", "private header", func(f *fake) { f.began(); f.region(0); f.say(ringOf(addRing{private: 8, log2: 5}), event(f.t)) }},
	{"too few rings", "1 rings", func(f *fake) {
		f.began()
		f.ring(f.region(0), addRing{log2: 5})
		f.expect(kindAck)
		f.say(named(kindConnect, "x"))
	}},
	{"an absurd ring size", "ring size 2^200", func(f *fake) { f.connects(func(a *addRing) { a.log2 = 200 }) }},
	{"a ring larger than there may be", "ring size 2^15", func(f *fake) { f.connects(func(a *addRing) { a.log2 = 15 }) }},
	{"a ring across the end", "ends outside", func(f *fake) { f.connects(func(a *addRing) { a.offset = 1<<20 - 512 }) }},
	{"a ring at an odd place", "no multiple of 8", func(f *fake) { f.connects(func(a *addRing) { a.offset = 4 }) }},
	{"no cookie", "cookie 0x0", func(f *fake) {
		f.began()
		mem := f.region(0)
		f.ring(mem, addRing{log2: 5})
		f.expect(kindAck)
		f.say(ringOf(addRing{toMaster: true, offset: 8192, log2: 5}), event(f.t))
		f.expect(kindAck)
		f.say(named(kindConnect, "x"))
	}},
	{"CONNECT twice", "unexpected message CONNECT", func(f *fake) {
		f.connects(nil)
		f.expect(kindConnected)
		f.say(named(kindConnect, "again"))
	}},
	{"more memory after CONNECT", "unexpected message ADD_REGION", func(f *fake) {
		f.connects(nil)
		f.expect(kindConnected)
		f.say(regionOf(1, 4096), memory(f.t, 4096, unix.F_SEAL_SHRINK))
	}},
}

// TestPeer_LiesOnTheSocket tries everything on one master, which then still
// takes an honest slave, and has not lost a descriptor.
func TestPeer_LiesOnTheSocket(t *testing.T) {
	path := socketPath(t)
	m := newEnd(t, Config{Socket: path, ID: 3, Secret: "sesame"})
	before := openFiles(t)
	for i, c := range controlLies {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, path)
			c.do(f)
			f.sentAway(c.reason)
		})
		eventually(t, "counted", func() bool {
			s := m.State()
			return s.Refused+s.Disconnects == uint64(i+1) && s.Protocol == uint64(i+1) && !s.Up
		})
		settled(m.Queue(0))
	}
	eventually(t, "all descriptors closed", func() bool { return openFiles(t) == before })
	for len(m.news) > 0 {
		<-m.news
	}
	newEnd(t, Config{Socket: path, ID: 3, Secret: "sesame", Role: Slave}).expect(true)
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// eventually waits for a state that another goroutine brings about.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not %s", what)
		}
	}
}

// A master that lies to our slave, message by message.
func TestPeer_LiesAsAMaster(t *testing.T) {
	good := hello{name: "fake", minVersion: version, maxVersion: version, maxRegion: 1, maxLog2: 10}
	for _, c := range []struct {
		name, reason string
		do           func(f *fake)
	}{
		{"another version", "without 2.0", func(f *fake) {
			h := good
			h.minVersion = version + 1
			f.say(h.message())
		}},
		{"no HELLO", "unexpected message ACK", func(f *fake) { f.say(newMessage(kindAck)) }},
		{"CONNECTED at once", "before everything was said", func(f *fake) { f.say(good.message()); f.say(named(kindConnected, "x")) }},
		{"an ACK too many", "unexpected message ACK", func(f *fake) {
			f.say(good.message())
			for range 10 {
				f.say(newMessage(kindAck))
			}
		}},
		{"HELLO twice", "unexpected message HELLO", func(f *fake) { f.say(good.message()); f.say(good.message()) }},
		{"a slave's message", "unexpected message INIT", func(f *fake) { f.say((&start{}).message()) }},
		{"a descriptor", "HELLO with 1 descriptors", func(f *fake) { f.say(good.message(), event(f.t)) }},
		{"a tiny ring", "", func(f *fake) {
			h := good
			h.maxLog2 = 0
			f.say(h.message())
			f.expect(kindInit)
			for _, k := range []kind{kindAddRegion, kindAddRing, kindAddRing, kindConnect} {
				f.say(newMessage(kindAck))
				if m := f.expect(k); k == kindAddRing && m.addRing().log2 != 0 {
					f.t.Errorf("ring of 2^%d, the master allows one slot", m.addRing().log2)
				}
			}
			f.say(named(kindConnected, "x"))
			f.say(newMessage(kindNone))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := socketPath(t)
			listener, err := listen(path)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(listener)
			s := newEnd(t, Config{Socket: path, Role: Slave})
			fd := acceptOne(t, listener)
			defer unix.Close(fd)
			f := &fake{t, fd}
			c.do(f)
			f.sentAway(c.reason)
			eventually(t, "counted", func() bool { return s.State().Protocol > 0 })
			unix.Close(acceptOne(t, listener)) // it comes again
		})
	}
}

func acceptOne(t *testing.T, listener int) int {
	t.Helper()
	for limit := time.Now().Add(patience); ; {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err == nil {
			return fd
		}
		if err != unix.EAGAIN && err != unix.EINTR || time.Now().After(limit) {
			t.Fatal(err)
		}
		// A signal of the runtime's may cut it short.
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}, 100)
	}
}

func TestServe_HasOnePeerAtATime(t *testing.T) {
	path := socketPath(t)
	m := newEnd(t, Config{Socket: path, ID: 3, Secret: "sesame"})
	first := newFake(t, path)
	first.connects(nil)
	first.expect(kindConnected)
	second := newFake(t, path)
	second.init(nil)
	second.sentAway("already connected")
	if s := m.State(); !s.Up || s.Connects != 1 {
		t.Errorf("state %+v: the first must not notice", s)
	}
	first.say(disconnect(0, "enough\x1b[31m of it"))
	m.expect(true)
	if why := m.expect(false); why != "the peer disconnected: enough?[31m of it" {
		t.Errorf("ended because of %q", why)
	}
	third := newFake(t, path)
	third.connects(nil)
	third.expect(kindConnected)
}

// TestServe_BoundsThoseWhoSayNothing drives the loop by hand, in times of its own.
func TestServe_BoundsThoseWhoSayNothing(t *testing.T) {
	path := socketPath(t)
	d, err := Open(Config{Socket: path, ID: 3, Secret: "sesame"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	now := time.Now()
	var silent []*fake
	for range maxPending + 2 {
		silent = append(silent, newFake(t, path))
		d.step(now)
	}
	if len(d.sessions) != maxPending || d.State().Refused != 2 {
		t.Errorf("%d connections are waited for, %d refused; want %d and 2", len(d.sessions), d.State().Refused, maxPending)
	}
	if rest := d.step(now.Add(maxShake - time.Second)); rest > time.Second {
		t.Errorf("Serve would sleep %v, beyond the time limit of a connection", rest)
	}
	d.step(now.Add(maxShake + time.Second))
	if len(d.sessions) != 0 {
		t.Errorf("%d connections after the time limit", len(d.sessions))
	}
	silent[0].expect(kindHello)
	silent[0].sentAway("not connected within")
}

func TestServe_BoundsConnectionsPerSecond(t *testing.T) {
	path := socketPath(t)
	d, err := Open(Config{Socket: path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	now := time.Now()
	for range maxAccepts + 5 {
		fd, err := dial(path)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		d.step(now)
	}
	if d.accepts != maxAccepts || d.listens {
		t.Errorf("%d connections taken in one second, want %d and no more", d.accepts, maxAccepts)
	}
	if rest := d.step(now); rest < 0 || rest > time.Second {
		t.Errorf("Serve would sleep %v, and forget to listen", rest)
	}
	d.step(now.Add(time.Second))
	if !d.listens || d.accepts == 0 {
		t.Error("not listening in the next second")
	}
}

// TestServe_FreesAShardThatHangsInAKick: the slave makes the event's counter
// overflow, so that writing to it blocks; and it may leave then.
func TestServe_FreesAShardThatHangsInAKick(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		master, slave := newPair(t, nil)
		a, b := master.Queue(0), slave.Queue(0)
		settled(a, b)
		bell := b.pair.rxBell
		if err := unix.SetNonblock(bell, false); err != nil {
			t.Fatal(err)
		}
		var full [8]byte
		binary.LittleEndian.PutUint64(full[:], math.MaxUint64-1)
		if _, err := unix.Write(bell, full[:]); err != nil {
			t.Fatal(err)
		}
		b.pair.rx.mask(false)
		done := running(func() { transmit(a, make([]byte, 60)) })
		eventually(t, "hanging", func() bool { return a.kicks.Load()&1 != 0 })
		if leaves {
			slave.Close()
		}
		if why := master.expect(false); !leaves && why != faultBell.String() {
			t.Errorf("ended because of %q", why)
		}
		returned(t, done, "Serve must free it")
	}
}

func TestListen_ReplacesADeadSocketAndNoOther(t *testing.T) {
	path := socketPath(t)
	fd, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Socket: path}); err == nil || !strings.Contains(err.Error(), ErrBusy.Error()) {
		t.Errorf("a socket in use: %v, want ErrBusy", err)
	}
	unix.Close(fd) // its file stays
	d, err := Open(Config{Socket: path})
	if err != nil {
		t.Fatalf("a dead socket: %v", err)
	}
	d.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket's file is still there")
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Socket: path}); err == nil {
		t.Error("a file that is no socket was replaced")
	}
}

func TestOpen_WorksInTheAbstractNamespace(t *testing.T) {
	name := fmt.Sprintf("@mtcp-test-%d", os.Getpid())
	newPair(t, func(m, s *Config) { m.Socket, s.Socket = name, name })
}
