package shard

import (
	"testing"
	"time"
)

func TestTenThousandConnections_GiveEverythingBack(t *testing.T) {
	const group, groups = 250, 40
	w, server, client := pair(t, limits{connections: 16384, timeWaits: 16384, ringMemory: 32 << 20, backlog: group})
	v := newTown(w, server, client, group)
	for range groups {
		v.awake = v.awake[:0]
		v.dial(group)
		w.run(1200 * time.Millisecond) // a dialled connection has a send ring; idle ones go back
	}
	if s, c := server.Usage(), client.Usage(); s.Connections != group*groups || c.Connections != group*groups {
		t.Fatalf("%d and %d connections, want %d", s.Connections, c.Connections, group*groups)
	}
	for i := range groups {
		mine := func(all []*end) []*end { return all[i*group : (i+1)*group] }
		v.awake = append(append(v.awake[:0], mine(v.clients)...), mine(v.servers)...)
		for _, e := range mine(v.clients) {
			e.ask()
		}
		v.until(time.Second, "all answered", v.answered)
		if server.Usage().RingMemory == 0 {
			t.Fatal("the answers went through no ring")
		}
		w.run(1200 * time.Millisecond)
	}
	for _, h := range w.stations {
		if u := h.Usage(); u.RingMemory != 0 {
			t.Errorf("%d octets of rings held by idle connections", u.RingMemory)
		}
	}
	for i := range groups {
		v.awake = append(append(v.awake[:0], v.clients[i*group:(i+1)*group]...), v.servers[i*group:(i+1)*group]...)
		for _, e := range v.clients[i*group : (i+1)*group] {
			e.close()
		}
		v.until(time.Second, "all closed", v.closed)
	}
	w.run(10 * time.Millisecond)
	server.wantEmpty(t)
	u := client.Usage()
	if u.TimeWaits != group*groups || u.Flows != group*groups {
		t.Errorf("%d TIME-WAIT records, %d flows, want %d", u.TimeWaits, u.Flows, group*groups)
	}
	if u.Connections != 0 || u.Timers != 0 || u.RingMemory != 0 || u.RangeSets != 0 {
		t.Errorf("with only TIME-WAIT records: %+v", u)
	}
	w.run(2 * time.Minute)
	client.wantEmpty(t)
	for _, h := range w.stations {
		if st := h.stats(); st.TCP.Retransmits != 0 || st.TCP.ResetsOut != 0 {
			t.Errorf("%d retransmissions, %d resets", st.TCP.Retransmits, st.TCP.ResetsOut)
		}
	}
}
