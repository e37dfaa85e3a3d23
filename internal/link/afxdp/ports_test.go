package afxdp

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// ourPorts reads the set back from the program's map.
func ourPorts(t *testing.T, d *Device) *[65536]bool {
	t.Helper()
	var all [65536]bool
	for i := range uint32(portWords) {
		var word uint64
		if err := d.program.ports.Lookup(i, &word); err != nil {
			t.Fatal(err)
		}
		for bit := range uint32(64) {
			all[i*64+bit] = word>>bit&1 != 0
		}
	}
	return &all
}

func TestPorts_AreASetOfRanges(t *testing.T) {
	_, d := device(t, Config{Shared: true})
	var want [65536]bool
	random := rand.New(rand.NewPCG(5, 6))
	change := func(first, last uint16, on bool) {
		t.Helper()
		set := d.RemovePortRange
		if on {
			set = d.AddPortRange
		}
		if err := set(first, last); err != nil {
			t.Fatal(err)
		}
		for p := int(first); p <= int(last); p++ {
			want[p] = on
		}
	}
	check := func() {
		t.Helper()
		got, n := ourPorts(t, d), 0
		for p := range want {
			if got[p] != want[p] {
				t.Fatalf("port %d: %v, want %v", p, got[p], want[p])
			}
			if want[p] {
				n++
			}
		}
		if d.Ports() != n {
			t.Fatalf("%d ports, want %d", d.Ports(), n)
		}
	}
	check()
	for _, r := range [][2]uint16{{1, 1}, {63, 64}, {64, 127}, {65535, 65535}, {1, 65535}} {
		change(r[0], r[1], true)
		check()
		change(r[0], r[1], false)
		check()
	}
	for range 40 {
		first := 1 + uint16(random.IntN(65535))
		last := first + uint16(random.IntN(min(300, 65536-int(first))))
		change(first, last, random.IntN(3) > 0)
		check()
	}
}

func TestPorts_SingleOnes(t *testing.T) {
	_, d := device(t, Config{Shared: true})
	for range 2 {
		if err := d.AddPort(80); err != nil {
			t.Fatal(err)
		}
	}
	if got := ourPorts(t, d); d.Ports() != 1 || !got[80] {
		t.Errorf("%d ports after adding 80 twice", d.Ports())
	}
	if err := d.RemovePort(80); err != nil {
		t.Fatal(err)
	}
	if got := ourPorts(t, d); d.Ports() != 0 || got[80] {
		t.Error("80 is still there")
	}
}

func TestPorts_RefusesWhatCannotBe(t *testing.T) {
	_, d := device(t, Config{Shared: true})
	for _, err := range []error{d.AddPort(0), d.AddPortRange(0, 9), d.AddPortRange(9, 8), d.RemovePort(0)} {
		if !errors.Is(err, ErrConfig) {
			t.Errorf("got %v, want ErrConfig", err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.AddPort(80); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	_, exclusive := device(t, Config{})
	if err := exclusive.AddPort(80); !errors.Is(err, ErrConfig) {
		t.Errorf("addresses that are not shared: %v", err)
	}
}
