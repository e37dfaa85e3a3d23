// Memory: one budget for all that a stack takes, from which its parts follow
// where they were not asked for. Nothing is taken beyond what is reserved here,
// so the budget is kept under any load; and what is reserved costs nothing
// before it is used.

package stack

import (
	"fmt"
	"sort"
	"strings"

	"github.com/mtcp-go/mtcp/internal/arena"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/shard"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// Least sizes of parts that follow from the budget, and how it is divided: so
// much of what is not spoken for goes to connections and TIME-WAIT records,
// two for a connection, and the rest to rings.
const (
	leastConnections = 64
	leastTimeWaits   = 64
	connectionsShare = 5  // a fifth
	listenersShare   = 32 // of the whole
	leastListeners   = 1 << 20
	mostListeners    = 64 << 20
)

// A Part is the memory of one purpose in all shards.
type Part struct {
	Name            string
	Reserved, InUse int // octets
}

// shardConfig is what shard i is made with, but for its memory.
func (c *Config) shardConfig(i int) shard.Config {
	info := c.Queues[i].Info()
	return shard.Config{
		ID: i, Shards: len(c.Queues),
		Connections: c.Connections,
		TimeWaits:   c.TimeWaits,
		RingMemory:  c.RingMemory,
		PortFirst:   c.PortFirst,
		PortLast:    c.PortLast,
		Ports:       c.Ports,
		HoldAcks:    true,
		Technique:   c.Technique,
		TCP:         c.TCP,
		Host:        c.hostConfig(info.MTU, c.Seed+uint64(i)),
		Addresses:   c.prefixes(),
		Routes:      c.routes(),
		Neighbours:  c.neighConfig(wire.MAC(info.MAC), c.Seed+uint64(i)),
	}
}

// mailboxSize is the memory of a shard's commands.
func mailboxSize() int {
	return arena.Size[ring.Slot[sock.Command]](commandSlots) + arena.Size[ring.Indices](1)
}

// parts returns what the stack reserves.
func (c *Config) parts() []Part {
	var sum shard.Octets
	for i, q := range c.Queues {
		cfg := c.shardConfig(i)
		for p, n := range cfg.Reserves(q.Info()) {
			sum[p] += n
		}
	}
	var out []Part
	for p, n := range sum {
		out = append(out, Part{Name: shard.Part(p).String(), Reserved: n})
	}
	commands := len(c.Queues) * mailboxSize()
	return append(out,
		Part{Name: "commands", Reserved: commands, InUse: commands},
		Part{Name: "listeners", Reserved: c.ListenMemory})
}

func total(parts []Part) int {
	sum := 0
	for _, p := range parts {
		sum += p.Reserved
	}
	return sum
}

// complete fills in what was not asked for, from the budget if there is one, and
// refuses what cannot be.
func (c *Config) complete() error {
	if c.Memory == 0 {
		c.setDefaults()
		return c.check()
	}
	auto := *c // what is zero here follows from the budget
	c.setLeast()
	if err := c.check(); err != nil {
		return err
	}
	taken := total(c.parts())
	if taken > c.Memory {
		return c.tooSmall(taken)
	}
	c.divide(&auto, taken)
	return nil
}

// setLeast gives each part that was not asked for the least that it can have.
func (c *Config) setLeast() {
	least := func(v *int, n int) {
		if *v == 0 {
			*v = n
		}
	}
	least(&c.ListenMemory, min(max(c.Memory/listenersShare, leastListeners), mostListeners))
	least(&c.Connections, leastConnections)
	least(&c.TimeWaits, leastTimeWaits)
	least(&c.RingMemory, ring.MaxSize)
	c.setPorts()
}

// divide gives the parts that are zero in auto their share of what is not taken.
func (c *Config) divide(auto *Config, taken int) {
	share := c.Memory - taken
	if auto.RingMemory == 0 {
		share /= connectionsShare
	}
	set := func(n int) {
		if auto.Connections == 0 {
			c.Connections = n
		}
		if auto.TimeWaits == 0 {
			c.TimeWaits = min(2*n, maxSlots)
		}
	}
	if auto.Connections == 0 || auto.TimeWaits == 0 {
		set(most(leastTimeWaits/2, maxSlots, func(n int) bool {
			set(n)
			return total(c.parts()) <= taken+share
		}))
	}
	if auto.RingMemory == 0 {
		set := func(n int) { c.RingMemory = n * ring.MaxSize }
		set(most(1, ring.MaxMemory/ring.MaxSize, func(n int) bool {
			set(n)
			return total(c.parts()) <= c.Memory
		}))
	}
}

// most returns the largest n from first to last for which fits says yes; first
// is known to fit.
func most(first, last int, fits func(int) bool) int {
	return first + sort.Search(last-first, func(n int) bool { return !fits(first + n + 1) })
}

// tooSmall says what there is no room for.
func (c *Config) tooSmall(need int) error {
	var list []string
	parts := c.parts()
	sort.SliceStable(parts, func(i, j int) bool { return parts[i].Reserved > parts[j].Reserved })
	for _, p := range parts {
		if p.Reserved >= need/50 {
			list = append(list, p.Name+" "+mebi(p.Reserved))
		}
	}
	return fmt.Errorf("memory of %s is too small: %d connections and %d TIME-WAIT records on each of %d shards, with %s of rings, need %s (%s): ask for less, or give more",
		mebi(c.Memory), c.Connections, c.TimeWaits, len(c.Queues), mebi(c.RingMemory), mebi(need), strings.Join(list, ", "))
}

// mebi is n for people.
func mebi(n int) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// regions maps the memory of all shards: nothing of it is touched.
func (s *Stack) regions() (err error) {
	shared, tables := 0, 0
	for i := range s.cfg.Queues {
		c := s.cfg.shardConfig(i)
		shared += c.MemorySize() + mailboxSize()
		tables += c.TablesSize()
	}
	if s.memory, err = arena.New("mtcp", shared, arena.Options{HugePages: s.cfg.HugePages}); err != nil {
		return fmt.Errorf("memory of the stack: %w", err)
	}
	if s.tables, err = arena.New("mtcp tables", tables, arena.Options{Private: true}); err != nil {
		return fmt.Errorf("tables of the stack: %w", err)
	}
	return nil
}

// Budget returns what the stack takes at most: Config.Memory, or what its parts
// come to.
func (s *Stack) Budget() int {
	if s.cfg.Memory != 0 {
		return s.cfg.Memory
	}
	return total(s.cfg.parts())
}

// Connections returns how many connections each shard can have.
func (s *Stack) Connections() int { return s.cfg.Connections }

// Region describes the memory shared with applications.
func (s *Stack) Region() arena.Info { return s.memory.Info() }

// Memory returns what each part has reserved, and how much of that is in use;
// nothing is once the stack is closed.
func (s *Stack) Memory() []Part {
	parts := s.cfg.parts()
	for i := range s.shards {
		s.call(i, func(sh *shard.Shard, _ mono.Time) {
			for p, n := range sh.InUse() {
				parts[p].InUse += n
			}
		})
	}
	s.mu.Lock()
	parts[len(parts)-1].InUse = s.listening
	s.mu.Unlock()
	return parts
}

// listenMemory is what a listener takes on all shards.
func (s *Stack) listenMemory(backlog int) int { return len(s.shards) * shard.ListenMemory(backlog) }

// reserveListener takes the memory of a listener from their part of the budget.
func (s *Stack) reserveListener(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.cfg.ListenMemory-s.listening {
		return false
	}
	s.listening += n
	return true
}

func (s *Stack) returnListener(n int) {
	s.mu.Lock()
	s.listening -= n
	s.mu.Unlock()
}
