package stack

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link/mem"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/runner"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// onWire returns a configuration with so many shards on an in-process wire.
func onWire(t *testing.T, shards int) Config {
	t.Helper()
	w, err := mem.New(mem.Config{Queues: shards})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}, TCP: tcp.DefaultConfig()}
	for i := range shards {
		c.Queues = append(c.Queues, w.Side(0).Queue(i))
	}
	return c
}

func TestMemory_PartsFollowFromTheBudget(t *testing.T) {
	for _, c := range []struct {
		name   string
		shards int
		budget int
		change func(*Config)
		// The parts that follow are at least this large.
		connections, timeWaits, rings int
	}{
		{"Small", 1, 24 << 20, func(*Config) {}, 1000, 2000, 8 << 20},
		{"Gigabyte", 1, 1 << 30, func(*Config) {}, 200_000, 400_000, 700 << 20},
		{"TwoShards", 2, 1 << 30, func(*Config) {}, 100_000, 200_000, 300 << 20},
		{"ManyConnections", 1, 1 << 30, func(c *Config) { c.Connections = 1 << 20 }, 1 << 20, 64, 128 << 20},
		{"FewRings", 1, 1 << 30, func(c *Config) { c.RingMemory = 64 << 20 }, 1_000_000, 2_000_000, 64 << 20},
		{"TimeWaits", 1, 256 << 20, func(c *Config) { c.TimeWaits = 1000 }, 50_000, 1000, 100 << 20},
		{"AllButRings", 1, 256 << 20, func(c *Config) { c.Connections, c.TimeWaits = 1000, 1000 }, 1000, 1000, 230 << 20},
		{"Everything", 1, 1 << 30, func(c *Config) { c.Connections, c.TimeWaits, c.RingMemory = 7, 7, 4<<20 }, 7, 7, 4 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := onWire(t, c.shards)
			cfg.Memory = c.budget
			c.change(&cfg)
			asked := cfg
			if err := cfg.complete(); err != nil {
				t.Fatal(err)
			}
			if n := total(cfg.parts()); n > c.budget {
				t.Errorf("%d octets of %d", n, c.budget)
			} else if asked.RingMemory == 0 && c.budget-n > 4<<20*c.shards+1<<20 {
				t.Errorf("%d octets of %d are left over", c.budget-n, c.budget)
			}
			if cfg.Connections < c.connections || cfg.TimeWaits < c.timeWaits || cfg.RingMemory < c.rings {
				t.Errorf("%d connections, %d records, %d octets of rings: want at least %d, %d, %d",
					cfg.Connections, cfg.TimeWaits, cfg.RingMemory, c.connections, c.timeWaits, c.rings)
			}
			if asked.Connections != 0 && asked.Connections != cfg.Connections ||
				asked.TimeWaits != 0 && asked.TimeWaits != cfg.TimeWaits ||
				asked.RingMemory != 0 && asked.RingMemory != cfg.RingMemory {
				t.Error("what was asked for was changed")
			}
		})
	}
}

func TestMemory_TooSmallIsRefusedInWords(t *testing.T) {
	for _, c := range []struct {
		says   string
		change func(*Config)
	}{
		{"memory of 1.0 MiB is too small", func(c *Config) { c.Memory = 1 << 20 }},
		{"1000000 connections", func(c *Config) { c.Memory, c.Connections = 64<<20, 1_000_000 }},
		{"(connections 4", func(c *Config) { c.Memory, c.Connections = 64<<20, 1_000_000 }},
		{"1024.0 MiB of rings", func(c *Config) { c.Memory, c.RingMemory = 64<<20, 1<<30 }},
		{"negative", func(c *Config) { c.Memory = -1 }},
		{"-1 connections", func(c *Config) { c.Memory, c.Connections = 64<<20, -1 }},
		{"ring memory of 4194303 octets", func(c *Config) { c.Memory, c.RingMemory = 64<<20, ring.MaxSize-1 }},
	} {
		cfg := onWire(t, 1)
		c.change(&cfg)
		s, err := New(cfg, runner.NewClock())
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v does not speak of %q in one line", err, c.says)
		}
	}
}

// What shards take is what was reserved for them: the regions have no octet to
// spare, but for the mailboxes' and rings' alignment.
func TestMemory_RegionsAreAsLargeAsTheParts(t *testing.T) {
	for _, n := range []int{1, 3} {
		cfg := onWire(t, n)
		cfg.Memory, cfg.Connections = 256<<20, 1000
		s, err := New(cfg, runner.NewClock())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []struct{ size, used int }{
			{s.memory.Info().Size, s.memory.Info().Used}, {s.tables.Info().Size, s.tables.Info().Used},
		} {
			if i.used > i.size || i.size-i.used > 4096*(n+1) {
				t.Errorf("%d shards: %d octets of %d are used", n, i.used, i.size)
			}
		}
		s.Close()
	}
}

func TestMemory_ListenersHaveTheirPart(t *testing.T) {
	cfg := onWire(t, 1)
	cfg.Memory = 32 << 20 // a 32nd is 1 MiB
	s, err := New(cfg, runner.NewClock())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var open []*Listener
	for port := uint16(1000); ; port++ {
		l, err := s.Listen(netip.AddrPortFrom(netip.Addr{}, port), 1024)
		if err != nil {
			if !errors.Is(err, Error{sock.NoMemory}) {
				t.Fatal(err)
			}
			break
		}
		open = append(open, l)
	}
	if n := len(open) * s.listenMemory(1024); len(open) == 0 || n > 1<<20 || n+s.listenMemory(1024) <= 1<<20 {
		t.Errorf("%d listeners take %d octets of %d", len(open), n, 1<<20)
	}
	if _, err := s.Listen(netip.MustParseAddrPort("0.0.0.0:1000"), 16); err != (Error{sock.NoMemory}) && err != (Error{sock.AddressInUse}) {
		t.Errorf("a taken port: %v", err)
	}
	open[0].Close()
	l, err := s.Listen(netip.MustParseAddrPort("0.0.0.0:999"), 1024)
	if err != nil {
		t.Fatalf("after one closed: %v", err)
	}
	for _, l := range append(open, l) {
		l.Close()
	}
	if n := s.listening; n != 0 {
		t.Errorf("%d octets remain with listeners that are closed", n)
	}
}

func TestMemory_ClosedStackUsesNothing(t *testing.T) {
	cfg := onWire(t, 2)
	s, err := New(cfg, runner.NewClock())
	if err != nil {
		t.Fatal(err)
	}
	if s.Budget() != total(s.Memory()) {
		t.Errorf("budget %d, parts %d: without a budget it is their sum", s.Budget(), total(s.Memory()))
	}
	s.Close()
	for _, p := range s.Memory() {
		if p.InUse != 0 && p.Name != "commands" {
			t.Errorf("%s: %d octets in use", p.Name, p.InUse)
		}
	}
}
