package mtcp

// What happens when there is no more room: those who knock are kept waiting,
// writers wait, and nothing that was accepted fails.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestConnections_BoundMakesClientsWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const room, n = 4, 10
		w := newWorld(t, WireConfig{}, func(_, server *Config) {
			server.Connections, server.Backlog = room, 2*n // so that no queue is full before
		})
		l := w.listen(t, ":80")
		var clients sync.WaitGroup
		for range n {
			clients.Go(func() {
				c, err := w.client.Dial("tcp", serverIP+":80")
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				c.Write([]byte("q"))
				if got, err := io.ReadAll(c); err != nil || string(got) != "a" {
					t.Errorf("the answer is %q, %v", got, err)
				}
			})
		}
		time.Sleep(10 * time.Second)
		st := w.server.Stats()[0]
		if st.Connections != room || st.Drops["no_connection_slot"] == 0 {
			t.Errorf("%d connections of %d, drops %v", st.Connections, room, st.Drops)
		}
		for range n {
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			io.ReadFull(s, make([]byte, 1))
			s.Write([]byte("a"))
			s.Close()
		}
		clients.Wait()
	})
}

func TestConnections_BoundOfOnesOwnDials(t *testing.T) {
	w := newWorld(t, WireConfig{}, func(client, _ *Config) { client.Connections = 2 })
	l := w.listen(t, ":80")
	c1, s1 := w.connect(t, l)
	c2, s2 := w.connect(t, l)
	if _, err := w.client.Dial("tcp", serverIP+":80"); !errors.Is(err, syscall.ENOBUFS) {
		t.Errorf("a dial beyond the limit: %v", err)
	}
	exchange(t, c1, s1)
	s1.Close()
	c1.Close()
	eventually(t, "there is room again", func() bool {
		c, err := w.client.Dial("tcp", serverIP+":80")
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	exchange(t, c2, s2)
	c2.Close()
	s2.Close()
}

// crowd opens n connections, and keeps both ends.
func crowd(t *testing.T, w *world, l net.Listener, n int) (clients, servers []*Conn) {
	t.Helper()
	for range n {
		c, s := w.connect(t, l)
		clients, servers = append(clients, c), append(servers, s)
	}
	return clients, servers
}

func TestRingMemory_LowMakesNewClientsWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const n = 1000 // each takes 4 KiB of 4 MiB when its question has come
		w := newWorld(t, WireConfig{}, func(client, server *Config) {
			client.Connections, server.Connections = 1<<11, 1<<11
			server.RingMemory = 4 << 20
		})
		l := w.listen(t, ":80")
		var clients sync.WaitGroup
		for range n {
			clients.Go(func() {
				c, err := w.client.Dial("tcp", serverIP+":80")
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				c.Write(pattern(600)) // more than a small ring
				if got, err := io.ReadAll(c); err != nil || string(got) != "answer" {
					t.Errorf("the answer is %q, %v", got, err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		st := w.server.Stats()[0]
		if st.Drops["no_ring_memory"] == 0 || st.Connections == n {
			t.Errorf("%d connections, %d octets of %d in rings, drops %v", st.Connections, st.RingMemory, st.RingMemoryMax, st.Drops)
		}
		for range n {
			s, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(s, make([]byte, 600)); err != nil {
				t.Error(err)
			}
			if _, err := s.Write([]byte("answer")); err != nil {
				t.Error(err)
			}
			s.Close()
		}
		clients.Wait()
		synctest.Wait()
		if st := w.server.Stats()[0]; st.RingMemory != 0 {
			t.Errorf("%d octets of rings remain", st.RingMemory)
		}
	})
}

func TestRingMemory_ExhaustedMakesWritersWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const n = 1100 // each wants 4 KiB of 4 MiB
		w := newWorld(t, WireConfig{}, func(client, server *Config) {
			client.Connections, server.Connections = 1<<11, 1<<11
			client.RingMemory = 4 << 20
		})
		clients, servers := crowd(t, w, w.listen(t, ":80"), n)
		time.Sleep(5 * time.Second)
		if used := w.client.Stats()[0].RingMemory; used != 0 {
			t.Errorf("%d octets of rings in %d idle connections", used, n)
		}
		w.vanish() // nothing is acknowledged, so nothing comes back
		message := pattern(1000)
		var writers sync.WaitGroup
		for _, c := range clients {
			writers.Go(func() {
				if _, err := c.Write(message); err != nil {
					t.Errorf("write: %v", err)
				}
				c.Close()
			})
		}
		time.Sleep(5 * time.Second)
		if st := w.client.Stats()[0]; st.RingWaits == 0 || st.RingMemory != st.RingMemoryMax {
			t.Errorf("%d octets of %d in use, %d waits", st.RingMemory, st.RingMemoryMax, st.RingWaits)
		}
		w.come()
		writers.Wait()
		for _, s := range servers {
			if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, message) {
				t.Errorf("%d octets arrived of %d; %v", len(got), len(message), err)
			}
			s.Close()
		}
	})
}

// Rings that cannot grow make transfers slow, not wrong.
func TestRingMemory_TinyCarriesLargeTransfers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, func(client, server *Config) {
			client.RingMemory, server.RingMemory = 4<<20, 4<<20
		})
		clients, servers := crowd(t, w, w.listen(t, ":80"), 20)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				transfer(t, clients[i], servers[i], 100_000+i, 50_000+i)
				clients[i].Close()
				servers[i].Close()
			})
		}
		all.Wait()
	})
}

// One that reads nothing holds no more than its window.
func TestRingMemory_OfOneConnectionIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w, c, s := pair(t, WireConfig{})
		go func() {
			c.Write(pattern(64 << 20))
			c.Close()
		}()
		time.Sleep(time.Minute)
		for side, st := range []ShardStats{w.client.Stats()[0], w.server.Stats()[0]} {
			if st.RingMemory > 9<<20 {
				t.Errorf("side %d holds %d octets for one connection", side, st.RingMemory)
			}
		}
		c.SetLinger(0)
		c.Close()
		s.Close()
	})
}

// The budget divides itself, is kept, and tells what is in use.
func TestMemory_TellsWhatEachPartHas(t *testing.T) {
	w := newWorld(t, WireConfig{}, func(_, server *Config) {
		server.Connections, server.TimeWaits, server.RingMemory = 0, 0, 0
		server.Memory = 48 << 20
	})
	m := w.server.Memory()
	if m.Budget != 48<<20 || m.Reserved > m.Budget || m.Reserved < m.Budget-6<<20 || m.InUse > m.Budget/8 {
		t.Errorf("budget %d, %d reserved, %d in use", m.Budget, m.Reserved, m.InUse)
	}
	part := func(name string) MemoryPart {
		for _, p := range w.server.Memory().Parts {
			if p.Name == name {
				return p
			}
		}
		t.Fatalf("no part %q", name)
		return MemoryPart{}
	}
	c, s := w.connect(t, w.listen(t, ":80"))
	if n := part("connections").InUse; n < 320+128 || n > 1024 {
		t.Errorf("one connection takes %d octets", n)
	}
	c.Write(pattern(10_000))
	eventually(t, "the text is there", func() bool { return part("rings").InUse >= 10_000 })
	c.SetLinger(0)
	c.Close()
	s.Close()
	eventually(t, "everything is back", func() bool { return part("connections").InUse+part("rings").InUse == 0 })
	if m := w.client.Memory(); m.Budget != m.Reserved {
		t.Errorf("budget %d, %d reserved: without a budget it is the sum", m.Budget, m.Reserved)
	}
}

func TestMemory_TooSmallSaysWhatDoesNotFit(t *testing.T) {
	wire, err := NewWire(WireConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{
		Link: wire.End(0), Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")},
		Memory: 64 << 20, Connections: 1_000_000,
	})
	if err == nil || !strings.HasPrefix(err.Error(), "mtcp: memory of 64.0 MiB is too small: 1000000 connections") {
		t.Errorf("error %v", err)
	}
}
