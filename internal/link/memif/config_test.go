package memif

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestConfig_RefusesWhatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"no socket":         func(c *Config) { c.Socket = "" },
		"no name":           func(c *Config) { c.Socket = strings.Repeat("x", 108) },
		"role 2":            func(c *Config) { c.Role = 2 },
		"a secret of 25":    func(c *Config) { c.Secret = strings.Repeat("x", 25) },
		"65 queues":         func(c *Config) { c.Queues = 65 },
		"ring size 1000":    func(c *Config) { c.RingSize = 1000 },
		"ring size 16":      func(c *Config) { c.RingSize = 16 },
		"ring size 32768":   func(c *Config) { c.RingSize = 1 << 15 },
		"MTU 67":            func(c *Config) { c.MTU = 67 },
		"MTU 65536":         func(c *Config) { c.MTU = 65536 },
		"buffer size 1000":  func(c *Config) { c.BufferSize = 1000 },
		"buffer size 65537": func(c *Config) { c.BufferSize = 65537 },
		"take more than":    func(c *Config) { c.Role, c.Queues, c.RingSize = Slave, 64, 1<<14 },
		"a group's":         func(c *Config) { c.MAC[0] = 1 },
	} {
		c := Config{Socket: socketPath(t)}
		change(&c)
		d, err := Open(c)
		if err == nil {
			d.Close()
		}
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func TestConfig_HasDefaults(t *testing.T) {
	c, err := Config{Socket: "x"}.complete()
	if err != nil || c.Queues != 1 || c.RingSize != 1024 || c.BufferSize != 2048 || c.MTU != 1500 {
		t.Errorf("%+v, %v", c, err)
	}
	if c.MAC[0]&3 != 2 {
		t.Errorf("MAC %x is not locally administered", c.MAC)
	}
	if c, err = (Config{Socket: "x", MTU: 9000}).complete(); err != nil || c.BufferSize < frameSize(9000) {
		t.Errorf("%+v, %v: the buffers do not hold a frame", c, err)
	}
}

func TestLayout_BuffersAreApartAndInside(t *testing.T) {
	for _, c := range []Config{{}, {Queues: 3, RingSize: 32}, {Queues: 2, MTU: 9000}} {
		c.Socket = "x"
		c, err := c.complete()
		if err != nil {
			t.Fatal(err)
		}
		l := layoutOf(&c)
		if lines := l.stride / cacheLine; l.stride%cacheLine != 0 || lines%2 == 0 || l.stride < l.buffer {
			t.Errorf("stride %d for buffers of %d", l.stride, l.buffer)
		}
		end := uint64(0)
		for n := range 2 * l.queues {
			if at := uint64(l.ringAt(n)); at < end || at%cacheLine != 0 {
				t.Errorf("ring %d at %d, the one before ends at %d", n, at, end)
			}
			end = uint64(l.ringAt(n)) + ringSize(l.log2)
		}
		for n := range 2 * l.queues {
			if uint64(l.bufferAt(n)) < end {
				t.Errorf("buffers of ring %d at %d, before %d", n, l.bufferAt(n), end)
			}
			end = uint64(l.bufferAt(n)) + uint64(l.stride)<<l.log2
		}
		if end > l.size {
			t.Errorf("buffers end at %d, the region at %d", end, l.size)
		}
	}
}

// TestHugePages_AreReported, whether there are any or not; and a master takes
// them only when told to.
func TestHugePages_AreReported(t *testing.T) {
	_, slave := newPair(t, func(m, s *Config) { m.HugePages, s.HugePages = true, true })
	s := slave.State()
	if s.HugePages == (s.WhyNot != "") {
		t.Errorf("state %+v: either huge pages, or a reason", s)
	}
	if !s.HugePages {
		t.Skipf("%s: how a master takes them is not tested (sysctl vm.nr_hugepages=8)", s.WhyNot)
	}
	path := socketPath(t)
	newEnd(t, Config{Socket: path})
	other := newEnd(t, Config{Socket: path, Role: Slave, HugePages: true})
	eventually(t, "refused", func() bool { return strings.Contains(other.State().Why, "huge pages, which were not allowed") })
}

// TestRegion_OfOursCannotChangeItsSize, not even by the master, who has its
// descriptor.
func TestRegion_OfOursCannotChangeItsSize(t *testing.T) {
	mem, fd, err := makeRegion(1<<16, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	defer unix.Munmap(mem)
	for _, size := range []int64{0, 1 << 20} {
		if err := unix.Ftruncate(fd, size); !errors.Is(err, unix.EPERM) {
			t.Errorf("to %d octets: %v, want EPERM", size, err)
		}
	}
}

// What benchmarks compare with: every buffer begins in the same few cache sets.
func TestLayout_UncolouredStridesArePowersOfTwo(t *testing.T) {
	for size, want := range map[uint32]uint32{2048: 2048, 2049: 4096, 9100: 16384} {
		c := Config{BufferSize: int(size), Uncoloured: true, Queues: 1, RingSize: 32}
		if got := layoutOf(&c).stride; got != want {
			t.Errorf("stride %d for buffers of %d, want %d", got, size, want)
		}
	}
	var f frames
	c := Config{Uncoloured: true}
	f.init(1518, c.stride(1518))
	if got := cap(f.at[0]); got != 1518 {
		t.Errorf("a frame of %d octets", got)
	}
}
