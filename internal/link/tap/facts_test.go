package tap

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLookUp_KnowsATAP(t *testing.T) {
	n := namespace(t)
	open(t, n, Config{Interface: "mine", Queues: 2, Persist: true})
	open(t, n, Config{Interface: "other"})
	if err := n.Do(func() error {
		if f, err := lookUp("mine"); err != nil || f != (facts{kind: "tun", tap: true, multi: true, persist: true, queues: 2}) {
			t.Errorf("%+v, %v", f, err)
		}
		if f, err := lookUp("other"); err != nil || f != (facts{kind: "tun", tap: true}) {
			t.Errorf("%+v, %v", f, err)
		}
		if f, err := lookUp("lo"); err != nil || f != (facts{}) {
			t.Errorf("%+v, %v", f, err)
		}
		_, err := lookUp("nosuch0")
		return err
	}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("got %v, want ENODEV", err)
	}
}

func TestFactsCheck(t *testing.T) {
	one, two := &Config{Interface: "x", Queues: 1}, &Config{Interface: "x", Queues: 2}
	for _, tt := range []struct {
		name string
		f    facts
		c    *Config
		want error
	}{
		{"one queue for one", facts{kind: "tun", tap: true}, one, nil},
		{"many for one", facts{kind: "tun", tap: true, multi: true}, one, nil},
		{"many for two", facts{kind: "tun", tap: true, multi: true}, two, nil},
		{"one for two", facts{kind: "tun", tap: true}, two, ErrQueues},
		{"held", facts{kind: "tun", tap: true, multi: true, queues: 1}, one, ErrBusy},
		{"TUN", facts{kind: "tun"}, one, ErrKind},
		{"hardware", facts{}, one, ErrKind},
		{"bridge", facts{kind: "bridge"}, one, ErrKind},
	} {
		if err := tt.f.check(tt.c); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// attr is one netlink attribute.
func attr(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func TestAttribute_FindsAmongPaddedOnes(t *testing.T) {
	b := append(attr(1, 'a'), attr(2|unix.NLA_F_NESTED, 'b', 'c', 'd', 'e', 'f')...)
	b = append(b, attr(3, 'g')...)
	for kind, want := range map[uint16]string{1: "a", 2: "bcdef", 3: "g", 4: ""} {
		if got := string(attribute(b, kind)); got != want {
			t.Errorf("attribute %d is %q, want %q", kind, got, want)
		}
	}
}

func FuzzParseFacts(f *testing.F) {
	data := append(attr(unix.IFLA_TUN_TYPE, 2), attr(unix.IFLA_TUN_NUM_QUEUES, 1, 0, 0, 0)...)
	f.Add(append(attr(unix.IFLA_INFO_KIND, 't', 'u', 'n', 0), attr(unix.IFLA_INFO_DATA, data...)...))
	f.Add([]byte{3, 0, 1, 0})
	f.Add([]byte{5, 0, 1, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := parseFacts(b)
		if len(b) < 8 && got.tap {
			t.Errorf("%x is a TAP", b)
		}
	})
}
