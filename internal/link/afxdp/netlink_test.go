package afxdp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAttribute_FindsByKind(t *testing.T) {
	b := appendAttribute(nil, 1, []byte("odd"))
	b = appendAttribute(b, 2|unix.NLA_F_NESTED, []byte("four"))
	b = appendAttribute(b, 3, nil)
	for kind, want := range map[uint16][]byte{1: []byte("odd"), 2: []byte("four"), 3: {}, 4: nil} {
		if got := attribute(b, kind); !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("attribute %d is %q, want %q", kind, got, want)
		}
	}
}

// message is a netlink message around a body.
func message(kind uint16, body []byte) []byte {
	e := binary.NativeEndian
	b := e.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = e.AppendUint16(b, kind)
	return append(append(b, make([]byte, 10)...), body...)
}

func TestAnswer(t *testing.T) {
	e := binary.NativeEndian
	refused := e.AppendUint32(nil, uint32(1<<32-int64(unix.ENOENT)))
	if _, err := answer(message(unix.NLMSG_ERROR, refused)); err != unix.ENOENT {
		t.Errorf("a refusal is %v", err)
	}
	if body, err := answer(message(99, []byte("body"))); err != nil || string(body) != "body" {
		t.Errorf("%q, %v", body, err)
	}
	long := message(99, []byte("body"))
	e.PutUint32(long, 1000)
	for _, b := range [][]byte{nil, make([]byte, 16), long, message(unix.NLMSG_ERROR, nil), message(unix.NLMSG_ERROR, make([]byte, 4))} {
		if _, err := answer(b); err != errReply {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func TestParseFeatures(t *testing.T) {
	e := binary.NativeEndian
	reply := make([]byte, unix.GENL_HDRLEN)
	if parseFeatures(reply).known {
		t.Error("known without an answer")
	}
	reply = appendAttribute(reply, netdevXDPFeatures, e.AppendUint64(nil, featureZeroCopy))
	reply = appendAttribute(reply, netdevXSKFeatures, e.AppendUint64(nil, featureTxChecksum))
	if got := parseFeatures(reply); !got.known || got.xdp != featureZeroCopy || got.xsk != featureTxChecksum {
		t.Errorf("%+v", got)
	}
}

func TestFacts_OfAVeth(t *testing.T) {
	p := newPair(t, 2, nil)
	var f facts
	var rx, tx int
	if err := p.Ends[0].Do(func() (err error) {
		f, err = learn(p.Ends[0].Interface)
		rx, tx = allocatedQueues(f.index)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if f.driver != "veth" || f.rx != 2 || f.tx != 2 || f.mac != stackMAC || f.mtu != 1500 {
		t.Errorf("%+v", f)
	}
	if rx != 2 || tx != 2 {
		t.Errorf("allocated %d and %d queues, want 2 and 2", rx, tx)
	}
	if _, err := genericFamily("netdev"); err == nil && !f.feature.known {
		t.Error("the kernel can be asked for features, and said nothing")
	}
	if f.feature.known && (f.feature.xdp == 0 || f.feature.xdp&featureZeroCopy != 0) {
		t.Errorf("features of a veth: %+v", f.feature)
	}
}

func TestChannels_CombinedCountForBoth(t *testing.T) {
	c := ethtoolChannels{rxCount: 1, txCount: 2, combined: 4}
	if rx, tx := c.queues(); rx != 5 || tx != 6 {
		t.Errorf("%d and %d queues, want 5 and 6", rx, tx)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(message(99, appendAttribute([]byte{1, 1, 0, 0}, netdevXDPFeatures, make([]byte, 8))))
	f.Add(message(unix.NLMSG_ERROR, make([]byte, 4)))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := answer(b)
		if err == nil {
			parseFeatures(body)
		}
		if v := attribute(b, 1); len(v) > len(b) {
			t.Error("an attribute larger than what holds it")
		}
	})
}
