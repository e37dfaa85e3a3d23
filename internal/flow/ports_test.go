package flow

import (
	"math/rand/v2"
	"testing"
)

func TestPorts_AsksAboutEachPortOnceAndThenGivesUp(t *testing.T) {
	for _, bounds := range [][2]uint16{{FirstPort, LastPort}, {1, 65535}, {40000, 40000}, {65530, 65535}} {
		p, ok := NewPorts(bounds[0], bounds[1], testSeed)
		if !ok {
			t.Fatalf("range %v refused", bounds)
		}
		for remote := range uint32(3) {
			for i := range p.counter {
				p.counter[i] = 0xffff_ffff - remote // near the wrap
			}
			asked := map[uint16]int{}
			if port, ok := p.Next(1, remote, 80, func(port uint16) bool { asked[port]++; return false }); ok {
				t.Errorf("range %v: port %d though none is free", bounds, port)
			}
			if want := int(bounds[1]) - int(bounds[0]) + 1; len(asked) != want {
				t.Errorf("range %v: %d ports were asked about, want %d", bounds, len(asked), want)
			}
			for port, n := range asked {
				if n != 1 || port < bounds[0] || port > bounds[1] {
					t.Fatalf("range %v: port %d asked about %d times", bounds, port, n)
				}
			}
		}
	}
}

func TestPorts_SameDestinationGetsEveryPortBeforeOneComesBack(t *testing.T) {
	p, _ := NewPorts(40000, 40099, testSeed)
	seen := map[uint16]bool{}
	for i := range 100 {
		port, ok := p.Next(1, 2, 80, func(uint16) bool { return true })
		if !ok || seen[port] {
			t.Fatalf("choice %d: port %d again", i, port)
		}
		seen[port] = true
	}
}

func TestPorts_TakesWhatFreeAccepts(t *testing.T) {
	p, _ := NewPorts(FirstPort, LastPort, testSeed)
	for i := range uint32(100) {
		port, ok := p.Next(1, i, 80, func(port uint16) bool { return port%97 == 13 })
		if !ok || port%97 != 13 {
			t.Fatalf("port %d, %v", port, ok)
		}
	}
}

func TestPorts_StartingPlaceIsSecretAndDiffersByDestination(t *testing.T) {
	free := func(uint16) bool { return true }
	r := rand.New(rand.NewPCG(9, 10))
	byDestination, bySecret := map[uint16]bool{}, map[uint16]bool{}
	for i := range uint32(1000) {
		p, _ := NewPorts(FirstPort, LastPort, testSeed)
		port, _ := p.Next(1, i, 80, free)
		byDestination[port] = true
		p, _ = NewPorts(FirstPort, LastPort, [2]uint64{r.Uint64(), r.Uint64()})
		port, _ = p.Next(1, 1, 80, free)
		bySecret[port] = true
	}
	if len(byDestination) < 950 || len(bySecret) < 950 {
		t.Errorf("1000 destinations begin at %d places, 1000 secrets at %d", len(byDestination), len(bySecret))
	}
}

func TestPorts_RefusesImpossibleRanges(t *testing.T) {
	for _, bounds := range [][2]uint16{{0, 100}, {101, 100}} {
		if _, ok := NewPorts(bounds[0], bounds[1], testSeed); ok {
			t.Errorf("range %v was taken", bounds)
		}
	}
}

func TestPorts_DoesNotAllocate(t *testing.T) {
	p, _ := NewPorts(FirstPort, LastPort, testSeed)
	tab := NewTable(10, testSeed, numbered{})
	if n := testing.AllocsPerRun(100, func() {
		p.Next(1, 2, 80, func(port uint16) bool {
			_, used := tab.Lookup(Key4{LocalIP: 1, RemoteIP: 2, LocalPort: port, RemotePort: 80})
			return !used
		})
	}); n != 0 {
		t.Errorf("%v allocations per choice", n)
	}
}

func TestNewPortList_IsKeptTo(t *testing.T) {
	list := []uint16{5, 70, 71, 3000}
	p := NewPortList(list, [2]uint64{1, 2})
	seen := map[uint16]bool{}
	for range list {
		got, ok := p.Next(1, 2, 3, func(p uint16) bool { return !seen[p] })
		if !ok {
			t.Fatal("no port, though some are free")
		}
		seen[got] = true
	}
	for _, want := range list {
		if !seen[want] {
			t.Errorf("%d never came: %v", want, seen)
		}
	}
	if _, ok := p.Next(1, 2, 3, func(p uint16) bool { return !seen[p] }); ok {
		t.Error("a port that is not in the list")
	}
}
