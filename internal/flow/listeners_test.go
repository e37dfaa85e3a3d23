package flow

import "testing"

func TestListeners_BindRules(t *testing.T) {
	const a, b = 0x0a000001, 0x0a000002
	tests := []struct {
		what   string
		before [][2]uint32
		ip     uint32
		port   uint16
		want   BindResult
	}{
		{"first of all", nil, a, 80, Bound},
		{"same address and port", [][2]uint32{{a, 80}}, a, 80, BindInUse},
		{"other address, same port", [][2]uint32{{a, 80}}, b, 80, Bound},
		{"same address, other port", [][2]uint32{{a, 80}}, a, 81, Bound},
		{"any address after a specific one", [][2]uint32{{a, 80}}, AnyIP, 80, BindInUse},
		{"specific address after any", [][2]uint32{{AnyIP, 80}}, a, 80, BindInUse},
		{"any after any", [][2]uint32{{AnyIP, 80}}, AnyIP, 80, BindInUse},
		{"any address, other port", [][2]uint32{{AnyIP, 80}, {a, 81}}, AnyIP, 82, Bound},
		{"conflict goes before full", [][2]uint32{{a, 80}, {a, 81}, {a, 82}}, a, 80, BindInUse},
		{"full", [][2]uint32{{a, 80}, {a, 81}, {a, 82}}, a, 83, BindFull},
	}
	for _, tt := range tests {
		l := NewListeners(3, testSeed)
		for i, x := range tt.before {
			if r := l.Add(x[0], uint16(x[1]), uint32(i+1)); r != Bound {
				t.Fatalf("%s: preparation: %d", tt.what, r)
			}
		}
		if got := l.Add(tt.ip, tt.port, 9); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.what, got, tt.want)
		}
		_, ok := l.Lookup(tt.ip, tt.port)
		if want := tt.want != BindFull && !(tt.ip == AnyIP && tt.want == BindInUse && tt.before[0][0] != AnyIP); ok != want {
			t.Errorf("%s: Lookup afterwards %v, want %v", tt.what, ok, want)
		}
	}
}

func TestListeners_LookupFindsExactThenAny(t *testing.T) {
	l := NewListeners(10, testSeed)
	l.Add(0x0a000001, 80, 1)
	l.Add(AnyIP, 81, 2)
	for _, tt := range []struct {
		ip   uint32
		port uint16
		want uint32
	}{{0x0a000001, 80, 1}, {0x0a000002, 80, 0}, {0x0a000001, 81, 2}, {0x0a000002, 81, 2}, {0x0a000001, 82, 0}} {
		if got, ok := l.Lookup(tt.ip, tt.port); got != tt.want || ok != (tt.want != 0) {
			t.Errorf("Lookup(%#x, %d) = %d, %v, want %d", tt.ip, tt.port, got, ok, tt.want)
		}
	}
	if l.Remove(0x0a000001, 81) {
		t.Error("Remove of a specific address took the listener on any")
	}
	if !l.Remove(AnyIP, 81) || l.Len() != 1 {
		t.Error("Remove must take exactly the listener named")
	}
	if l.Add(0x0a000002, 81, 3) != Bound {
		t.Error("the port must be free again")
	}
}
