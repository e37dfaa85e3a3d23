package memif

// Whatever a peer says and writes, we neither crash nor read outside of what is
// mapped, nor keep what we should give back.

import (
	"encoding/binary"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

// FuzzPeerMessages lets a peer of either role say anything: each message is
// one octet that says which descriptor comes with it, and then 40 octets or
// fewer of the message; the rest is zero.
func FuzzPeerMessages(f *testing.F) {
	const used = 40
	script := func(all ...*message) []byte {
		var b []byte
		for _, m := range all {
			with := byte(0)
			switch m.kind() {
			case kindAddRegion:
				with = 1
			case kindAddRing:
				with = 2
			}
			b = append(append(b, with), m[:used]...)
		}
		return b
	}
	f.Add(true, script((&start{version: version}).message(), regionOf(0, 1<<16),
		ringOf(addRing{toMaster: true, log2: 5}), ringOf(addRing{offset: 4096, log2: 5}), named(kindConnect, "x"), disconnect(0, "bye")))
	h := hello{minVersion: version, maxVersion: version, maxLog2: 5}
	ack := newMessage(kindAck)
	f.Add(false, script(h.message(), ack, ack, ack, ack, named(kindConnected, "x"), disconnect(0, "bye")))
	f.Fuzz(func(t *testing.T, master bool, said []byte) {
		before := openFiles(t)
		c := Config{Socket: "@", Role: Slave, RingSize: 32}
		first := waitHello
		if master {
			c.Role, first = Master, waitInit
			c.Socket = "@mtcp-fuzz-" + t.TempDir()
		}
		d, err := Open(c)
		if err != nil {
			t.Skip(err)
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		s := &session{d: d, fd: pair[0], state: first}
		mem := memory(t, 1<<16, unix.F_SEAL_SHRINK)
		var mark [4]byte
		binary.LittleEndian.PutUint32(mark[:], cookie)
		unix.Pwrite(mem, mark[:], 0)
		unix.Pwrite(mem, mark[:], 4096)
		ring := event(t)
		for range 40 {
			if len(said) == 0 {
				break
			}
			var m message
			with := said[0]
			said = said[1:]
			said = said[copy(m[:used], said):]
			var fds []int
			for bit, fd := range []int{mem, ring} {
				if with>>bit&1 != 0 {
					if fd, err = unix.Dup(fd); err == nil {
						fds = append(fds, fd)
					}
				}
			}
			if s.handle(&m, fds) != nil {
				break
			}
			for { // what it answered
				var answer message
				fds, err := receive(pair[1], &answer)
				closeAll(fds)
				if err != nil {
					break
				}
			}
			settled(d.queues[0])
			transmit(d.queues[0], make([]byte, 60))
		}
		s.end("over")
		unix.Close(pair[1])
		d.active = nil
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		unix.Close(mem)
		unix.Close(ring)
		if n := openFiles(t); n > before {
			t.Errorf("%d descriptors were not closed", n-before)
		}
	})
}

// FuzzPeerRings lets a peer write anything into the memory between our steps:
// each move is three octets, of which the first says what happens, and the others
// where, or what.
func FuzzPeerRings(f *testing.F) {
	f.Add(true, []byte{0, 1, 2, 1, 0, 0, 2, 3, 4, 3, 1, 0, 4, 0, 8})
	f.Add(false, []byte{0, 1, 2, 1, 0, 0, 2, 3, 4, 3, 1, 0, 4, 0, 8, 1, 0, 0})
	const log2 = 5
	l := layout{queues: 1, log2: log2, buffer: 2048, stride: 2112}
	l.fit()
	f.Fuzz(func(t *testing.T, master bool, moves []byte) {
		d, err := Open(Config{Socket: "@", Role: Slave, RingSize: 1 << log2})
		if err != nil {
			t.Skip(err)
		}
		defer d.Close()
		mem, fd, _, err := l.make(false)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		q := d.queues[0]
		q.slave = !master
		p := newPeer(1, func() {})
		p.regions = [][]byte{mem}
		r := &p.pairs[0]
		ringAt := func(n int) ring {
			r, err := newRing(mem, l.ringAt(n), log2)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r.tx, r.rx = ringAt(0), ringAt(1)
		if master {
			r.tx, r.rx = r.rx, r.tx
		}
		r.stride, r.buffer, r.txOwn, r.rxOwn = l.stride, l.buffer, l.bufferAt(0), l.bufferAt(1)
		r.rxBell, _ = newEvent()
		r.txBell, _ = newEvent()
		theirs := *r
		p.hold() // ours
		q.offer(r)
		defer p.release()
		defer p.release()
		defer q.offer(nil)
		var rx, tx [8]link.Frame
		for ; len(moves) >= 3; moves = moves[3:] {
			a, b := moves[1], moves[2]
			switch moves[0] % 7 {
			case 0:
				n := q.Recv(clock, rx[:a%8+1])
				for i := range n {
					if size := len(rx[i].Bytes); size < etherHeader || size > frameSize(1500) {
						t.Fatalf("a frame of %d octets", size)
					}
				}
				q.Release(rx[:n])
			case 1:
				n := q.Reserve(tx[:a%8+1])
				for i := range n {
					tx[i].Bytes = tx[i].Bytes[:int(b)*5]
				}
				q.Send(clock, tx[:n])
			case 2:
				theirs.rx.storeTail(uint16(a) | uint16(b)<<8)
				theirs.tx.storeTail(uint16(b))
			case 3:
				theirs.rx.head.Store(uint32(a)<<16 | uint32(b))
				theirs.tx.head.Store(uint32(a)<<16 | uint32(b)<<24 | 1)
			case 4:
				theirs.rx.slots[a%32].what = uint64(b&1) | uint64(b)<<31
				theirs.tx.slots[a%32].what = uint64(b&3)<<16 | uint64(b)<<36
			case 5:
				theirs.rx.slots[a%32].where = uint64(b) << 14
				theirs.tx.slots[a%32].where = uint64(b) << 24
			case 6:
				q.Wait(0)
			}
		}
	})
}
