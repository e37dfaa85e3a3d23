package tap

// What the kernel's end and the stack's say to each other.

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

// ping is an echo request to the kernel's end.
func (w world) ping(payload string) []byte {
	body := append([]byte{8, 0, 0, 0, 0, 1, 0, 1}, payload...)
	binary.BigEndian.PutUint16(body[2:], ^sum(body, 0))
	return w.ip(stackIP, kernelIP, unix.IPPROTO_ICMP, body)
}

func TestExchange_Ping(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	emit(t, q, w.ping("there and back"))
	got := collect(t, q, 1, func(b []byte) bool { return isIP(b, unix.IPPROTO_ICMP) })[0]
	if b := got.bytes; b[34] != 0 || string(b[42:]) != "there and back" || [6]byte(b) != stackMAC || [6]byte(b[6:]) != w.kernel.MAC {
		t.Errorf("answer %x", got.bytes)
	}
	c := q.Counters()
	if c.TxFrames != 1 || c.TxOctets != 42+14 || c.TxKicks != 1 || c.RxFrames < 1 || c.RxDropped+c.TxDropped != 0 {
		t.Errorf("%+v", c)
	}
}

func TestExchange_KernelAsksForTheStackByARP(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	if _, err := w.dial(t, shyIP, 9).Write([]byte("held until you answer")); err != nil {
		t.Fatal(err)
	}
	isRequest := func(b []byte) bool {
		return len(b) >= 42 && b[12] == 8 && b[13] == 6 && b[21] == 1 && [4]byte(b[38:]) == shyIP.As4()
	}
	request := collect(t, q, 1, isRequest)[0].bytes
	reply := append([]byte(nil), request[:42]...)
	copy(reply, request[6:12])
	copy(reply[6:], stackMAC[:])
	reply[21] = 2
	copy(reply[32:], request[22:32])
	copy(reply[22:], stackMAC[:])
	copy(reply[28:], request[38:42])
	emit(t, q, reply)
	if got := collect(t, q, 1, isUDP)[0].bytes; string(got[42:]) != "held until you answer" {
		t.Errorf("after the answer came %x", got)
	}
}

func TestRecv_KernelLeavesChecksumsToUs(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	for _, payload := range []string{"", "odd", "even", string(make([]byte, 1472))} {
		if _, err := w.dial(t, stackIP, 9).Write([]byte(payload)); err != nil {
			t.Fatal(err)
		}
		got := collect(t, q, 1, isUDP)[0]
		if got.Flags != link.ChecksumNone || got.ChecksumStart != 34 || got.ChecksumOffset != 6 {
			t.Errorf("%d octets: flags %b, start %d, offset %d", len(payload), got.Flags, got.ChecksumStart, got.ChecksumOffset)
		}
		if field := binary.BigEndian.Uint16(got.bytes[40:]); field != pseudo(got.bytes) || string(got.bytes[42:]) != payload {
			t.Errorf("%d octets: field %#x, the pseudo-header's sum is %#x", len(payload), field, pseudo(got.bytes))
		}
	}
}

func TestRecv_WholeChecksumsCarryNoFlag(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	if _, err := unix.Write(w.raw(t), w.udp(7, 9, "as from a bridge")); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, q, 1, isUDP)[0]; got.Flags != 0 || string(got.bytes[42:]) != "as from a bridge" {
		t.Errorf("flags %b of %q", got.Flags, got.bytes)
	}
}

// unsummed asks the device for the checksum of a packet in a frame.
func unsummed(t *testing.T, q *Queue, b []byte, offset uint16) {
	t.Helper()
	var tx [1]link.Frame
	if q.Reserve(tx[:]) != 1 {
		t.Fatal("no frame")
	}
	f := &tx[0]
	f.Bytes = f.Bytes[:copy(f.Bytes, b)]
	f.Flags, f.ChecksumStart, f.ChecksumOffset = link.WantChecksum, 34, offset
	binary.BigEndian.PutUint16(f.Bytes[34+offset:], pseudo(b))
	q.Send(0, tx[:])
}

// TestSend_KernelAcceptsUnfilledUDP sends a bad checksum first, which must be
// dropped: so the kernel looks, and the second was accepted for its request.
func TestSend_KernelAcceptsUnfilledUDP(t *testing.T) {
	w := newWorld(t, Config{})
	q, server := w.d.Queue(0), w.listen(t, 9)
	bad := w.udp(7, 9, "wrong")
	binary.BigEndian.PutUint16(bad[40:], pseudo(bad))
	emit(t, q, bad)
	unsummed(t, q, w.udp(7, 9, "right"), 6)
	var b [64]byte
	n, from, err := server.ReadFrom(b[:])
	if err != nil || string(b[:n]) != "right" {
		t.Fatalf("the kernel received %q, %v", b[:n], err)
	}
	if got := from.(*net.UDPAddr).AddrPort(); got.Addr() != stackIP || got.Port() != 7 {
		t.Errorf("from %v", got)
	}
}

// TestTCP_HandshakeWithUnfilledChecksumsBothWays connects to a listener of the
// kernel and hears a word from it.
func TestTCP_HandshakeWithUnfilledChecksumsBothWays(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	var l net.Listener
	w.do(t, func() (err error) { l, err = net.Listen("tcp4", kernelIP.String()+":80"); return err })
	defer l.Close()
	e := binary.BigEndian
	segment := func(flags byte, seq, ack uint32) []byte {
		b := make([]byte, 20)
		e.PutUint16(b, 4000)
		e.PutUint16(b[2:], 80)
		e.PutUint32(b[4:], seq)
		e.PutUint32(b[8:], ack)
		b[12], b[13] = 5<<4, flags
		e.PutUint16(b[14:], 65535)
		return w.ip(stackIP, kernelIP, unix.IPPROTO_TCP, b)
	}
	const syn, ack = 2, 16
	unsummed(t, q, segment(syn, 1000, 0), 16)
	answer := collect(t, q, 1, isTCP)[0]
	if b := answer.bytes; b[47] != syn|ack || answer.Flags != link.ChecksumNone || answer.ChecksumStart != 34 ||
		answer.ChecksumOffset != 16 || e.Uint16(b[50:]) != pseudo(b) {
		t.Fatalf("answer %x, flags %b", b, answer.Flags)
	}
	unsummed(t, q, segment(ack, 1001, e.Uint32(answer.bytes[38:])+1), 16)
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("a word")); err != nil {
		t.Fatal(err)
	}
	carries := func(b []byte) bool { return isTCP(b) && bytes.HasSuffix(b, []byte("a word")) }
	collect(t, q, 1, carries)
}

// TestRecv_LargeWritesComeInSegments: the kernel cuts by itself, since bulk was
// not asked for.
func TestRecv_LargeWritesComeInSegments(t *testing.T) {
	w := newWorld(t, Config{MTU: 600})
	q, c := w.d.Queue(0), w.dial(t, stackIP, 9)
	if _, err := c.Write([]byte(strings.Repeat("x", 5000))); err != nil {
		t.Fatal(err)
	}
	const fragments = 9 // 5,008 octets in pieces of at most 576
	isFragment := func(b []byte) bool { return len(b) > 34 && b[23] == unix.IPPROTO_UDP }
	total := 0
	for _, p := range collect(t, q, fragments, isFragment) {
		if len(p.bytes) > 614 {
			t.Errorf("a frame of %d octets with an MTU of 600", len(p.bytes))
		}
		total += len(p.bytes) - 34
	}
	if total != 5008 {
		t.Errorf("%d octets arrived, want 5008", total)
	}
	if s := w.d.Stats()[0]; s != (QueueStats{}) {
		t.Errorf("%+v", s)
	}
}

// TestQueues_FlowsComeBackWhereTheyWereSent also shows that all queues work.
func TestQueues_FlowsComeBackWhereTheyWereSent(t *testing.T) {
	const queues = 4
	w := newWorld(t, Config{Queues: queues})
	server := w.listen(t, 9)
	if w.d.Queues() != queues || w.d.Info().Queues != queues {
		t.Fatalf("%d queues, Info says %d", w.d.Queues(), w.d.Info().Queues)
	}
	var b [64]byte
	for round := range 3 {
		for i := range queues {
			q := w.d.Queue(i)
			unsummed(t, q, w.udp(uint16(7000+i+100*round), 9, "where am I"), 6)
			n, from, err := server.ReadFrom(b[:])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := server.WriteTo(b[:n], from); err != nil {
				t.Fatal(err)
			}
			if got := collect(t, q, 1, isUDP)[0].bytes; binary.BigEndian.Uint16(got[36:]) != uint16(7000+i+100*round) {
				t.Errorf("queue %d received %x", i, got)
			}
		}
	}
}

func TestSend_ToAnInterfaceThatIsDownIsDropped(t *testing.T) {
	n := namespace(t)
	d := open(t, n, Config{Interface: "low"})
	emit(t, d.Queue(0), make([]byte, 60))
	if c, s := d.Queue(0).Counters(), d.Stats()[0]; c.TxFrames != 0 || c.TxDropped != 1 || s.TxDown != 1 {
		t.Errorf("%+v %+v", c, s)
	}
}

func TestRecv_FrameLargerThanTheMTUAtOpenIsDropped(t *testing.T) {
	w := newWorld(t, Config{MTU: 1000})
	q := w.d.Queue(0)
	w.setMTU(t, 1500)
	fd := w.raw(t)
	for _, size := range []int{1014, 1018, 1019, 1400, 60} { // with a VLAN tag 1018 may be
		frame := w.udp(7, 9, strings.Repeat("x", size-42))
		if _, err := unix.Write(fd, frame); err != nil {
			t.Fatal(err)
		}
	}
	got := collect(t, q, 3, isUDP)
	if len(got[0].bytes) != 1014 || len(got[1].bytes) != 1018 || len(got[2].bytes) != 60 {
		t.Errorf("received %d, %d and %d octets", len(got[0].bytes), len(got[1].bytes), len(got[2].bytes))
	}
	if c, s := q.Counters(), w.d.Stats()[0]; c.RxDropped != 2 || s.RxTooLarge != 2 {
		t.Errorf("%+v %+v", c, s)
	}
}

func TestQueue_DoesNotAllocate(t *testing.T) {
	w := newWorld(t, Config{})
	q, ping := w.d.Queue(0), w.ping("octets")
	var rx, tx [8]link.Frame
	if n := testing.AllocsPerRun(100, func() {
		blast(q, tx[:], ping)
		q.Wait(time.Microsecond)
		for k := q.Recv(0, rx[:]); k > 0; k = q.Recv(0, rx[:]) {
			q.Release(rx[:k])
		}
		q.Wait(time.Microsecond)
		_ = q.Counters()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if q.Counters().RxFrames < 100 {
		t.Errorf("not much passed: %+v", q.Counters())
	}
}

func TestRecv_SilenceIsNoError(t *testing.T) {
	w := newWorld(t, Config{})
	q := w.d.Queue(0)
	for range 10 {
		quiet(q)
	}
	if s := w.d.Stats()[0]; s != (QueueStats{}) || w.d.Err() != nil {
		t.Errorf("%+v, %v", s, w.d.Err())
	}
}
