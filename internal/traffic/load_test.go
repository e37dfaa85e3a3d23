package traffic

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/technique"
)

var serverIP = netip.MustParseAddr("10.9.0.2")

// stacks are a client's with four addresses and a server's.
func stacks(t testing.TB, queues int) (client, server *mtcp.Stack, from []netip.Addr) {
	t.Helper()
	wire, err := mtcp.NewWire(mtcp.WireConfig{Queues: queues})
	if err != nil {
		t.Fatal(err)
	}
	open := func(i int, addresses ...string) *mtcp.Stack {
		c := mtcp.Config{Link: wire.End(i), Connections: 1 << 12, TimeWaits: 1 << 14, RingMemory: 64 << 20}
		for _, a := range addresses {
			c.Addresses = append(c.Addresses, netip.MustParsePrefix(a+"/16"))
		}
		s, err := mtcp.New(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	for i := range 4 {
		from = append(from, netip.MustParseAddr(fmt.Sprintf("10.9.1.%d", i+1)))
	}
	client = open(0, from[0].String(), from[1].String(), from[2].String(), from[3].String())
	return client, open(1, serverIP.String()), from
}

func TestRun_EveryWorkOverBothDoors(t *testing.T) {
	for _, door := range []string{"event", "net"} {
		client, server, from := stacks(t, 2)
		if door == "event" {
			if err := Serve(server, 64); err != nil {
				t.Fatal(err)
			}
		} else {
			g := NewGoServer(64)
			t.Cleanup(g.Close)
			for _, port := range []int{PortRequests, PortShort, PortOut, PortIn} {
				go g.Serve(listen(t, server, port), port)
			}
			web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(g.answer) })}
			t.Cleanup(func() { web.Close() })
			go web.Serve(listen(t, server, PortHTTP))
		}
		for _, spec := range []Spec{
			{Work: Requests, Connections: 20},
			{Work: Requests, Connections: 5, PerConnection: 3},
			{Work: Requests, Connections: 10, Rate: 2000},
			{Work: Short, Connections: 20},
			{Work: Short, Connections: 10, Rate: 500},
			{Work: Out, Connections: 3},
			{Work: In, Connections: 3},
			{Work: Idle, Connections: 100},
			{Work: HTTP, Connections: 10},
			{Work: HTTP, Connections: 10, Rate: 2000},
			{Work: HTTPClose, Connections: 10},
		} {
			spec.Server, spec.From, spec.Size, spec.Duration = serverIP, from, 64, 200*time.Millisecond
			name := fmt.Sprintf("%s/%v/%d/%.0f", door, spec.Work, spec.PerConnection, spec.Rate)
			t.Run(name, func(t *testing.T) {
				r, err := Run(context.Background(), client, spec)
				if err != nil {
					t.Fatal(err)
				}
				checkResult(t, &spec, r)
			})
		}
	}
}

func TestRun_HoldsConnectionsBesideTheLoad(t *testing.T) {
	client, server, from := stacks(t, 2)
	if err := Serve(server, 64); err != nil {
		t.Fatal(err)
	}
	spec := Spec{Work: Short, Connections: 5, Hold: 301, Server: serverIP, From: from, Size: 64, Duration: 100 * time.Millisecond}
	before := opened(server)
	r, err := Run(context.Background(), client, spec)
	if err != nil {
		t.Fatal(err)
	}
	checkResult(t, &spec, r)
	if r.Held != spec.Hold {
		t.Errorf("%d of %d connections were held", r.Held, spec.Hold)
	}
	if n := opened(server) - before; n < r.AllOpened+uint64(spec.Hold) {
		t.Errorf("the server has seen %d connections, of %d and %d", n, r.AllOpened, spec.Hold)
	}
}

func opened(s *mtcp.Stack) (n uint64) {
	for _, st := range s.Stats() {
		n += st.PassiveOpens
	}
	return n
}

func TestRun_SaysWhatCouldNotBeHeld(t *testing.T) {
	client, _, from := stacks(t, 1) // nobody listens
	spec := Spec{Connections: 5, Hold: 10, Server: serverIP, From: from, Size: 64, Duration: time.Millisecond}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, client, spec); err == nil {
		t.Error("connections to nobody were held")
	}
	spec.Hold = -1
	if _, err := Run(context.Background(), client, spec); err == nil || !strings.Contains(err.Error(), "-1 connections to be held") {
		t.Errorf("a negative number: %v", err)
	}
}

func listen(t *testing.T, s *mtcp.Stack, port int) net.Listener {
	t.Helper()
	l, err := s.Listen(context.Background(), "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func checkResult(t *testing.T, s *Spec, r *Result) {
	t.Helper()
	if r.Errors > 0 || r.Wrong > 0 {
		t.Errorf("%d errors (%s), %d wrong answers", r.Errors, r.FirstError, r.Wrong)
	}
	if r.All < r.Transactions || r.AllOpened < r.Connections || r.AllOctets < r.Octets {
		t.Errorf("%d of all %d transactions, %d of all %d connections, %d of all %d octets", r.Transactions, r.All, r.Connections, r.AllOpened, r.Octets, r.AllOctets)
	}
	if j := r.Shares.Jain(); s.Work != Idle && s.Rate == 0 && (j < 1/r.Shares.N-1e-9 || j > 1+1e-9 || r.Shares.N != float64(s.Connections)) {
		t.Errorf("Jain's index of %v is %v", r.Shares, j)
	}
	if sum := r.Shares.Sum; s.Work == Out && sum != float64(r.Octets) || s.Work == Requests && sum != float64(r.Transactions) {
		t.Errorf("the shares add up to %v of %d transactions, %d octets", sum, r.Transactions, r.Octets)
	}
	switch s.Work {
	case Requests, Short, HTTP, HTTPClose:
		early := uint64(s.Connections) // the warm-up began some
		if s.Rate > 0 {
			early = r.Transactions - 1 // as many were due in the warm-up as the machine kept it waiting
		}
		if r.Transactions == 0 || uint64(r.Latency.TotalCount())+early < r.Transactions {
			t.Errorf("%d transactions, %d latencies", r.Transactions, r.Latency.TotalCount())
		}
		if s.Work.each() && r.Connections == 0 {
			t.Error("no connections")
		}
		if s.Work.each() && r.AllOpened <= uint64(s.Connections) {
			t.Errorf("%d connections at %d places: the server ends none", r.AllOpened, s.Connections)
		}
	case Out, In:
		if r.Octets == 0 {
			t.Error("nothing was moved")
		}
	case Idle:
		if r.Open != s.Connections {
			t.Errorf("%d connections are open, want %d", r.Open, s.Connections)
		}
	}
	if s.Rate > 0 && float64(r.Transactions) > 1.5*s.Rate*r.Elapsed.Seconds() {
		t.Errorf("%d transactions in %v at a rate of %.0f", r.Transactions, r.Elapsed, s.Rate)
	}
}

// TestRun_SeesWrongAnswers has a server whose answers are not the pattern.
func TestRun_SeesWrongAnswers(t *testing.T) {
	client, server, _ := stacks(t, 1)
	g := NewGoServer(64)
	g.answer[17]++
	t.Cleanup(g.Close)
	l, err := server.Listen(context.Background(), "tcp", fmt.Sprintf(":%d", PortRequests))
	if err != nil {
		t.Fatal(err)
	}
	go g.Serve(l, PortRequests)
	r, err := Run(context.Background(), client, Spec{Server: serverIP, Connections: 1, Size: 64, Duration: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Wrong == 0 || r.Wrong < r.Transactions {
		t.Errorf("%d wrong answers of %d were noticed", r.Wrong, r.Transactions)
	}
}

// The latency of an open loop counts from when a transaction was due, however
// long it has waited for a place.
func TestArrivals_AreAsOldAsTheirTurn(t *testing.T) {
	c := &client{spec: &Spec{}}
	s := &session{client: c}
	c.idle = []*session{s}
	a := &arrivals{client: c, waiting: []time.Duration{5, 7}}
	a.serve()
	if s.begun != 5 || len(c.idle) != 0 || a.first != 1 {
		t.Errorf("begun at %v, %d places rest, %d served", s.begun, len(c.idle), a.first)
	}
}

func TestRun_WithoutAServer(t *testing.T) {
	client, _, _ := stacks(t, 1)
	r, err := Run(context.Background(), client, Spec{Work: Short, Server: serverIP, Connections: 1, Size: 64, Duration: 50 * time.Millisecond})
	if err == nil || r.Errors == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSpec_WhatMakesNoSense(t *testing.T) {
	good := Spec{Server: serverIP, Connections: 1, Size: 64, Duration: time.Second}
	for what, change := range map[string]func(*Spec){
		"no server":      func(s *Spec) { s.Server = netip.Addr{} },
		"no connections": func(s *Spec) { s.Connections = 0 },
		"too many":       func(s *Spec) { s.Connections = MaxConnections + 1 },
		"no size":        func(s *Spec) { s.Size = 0 },
		"bulk at a rate": func(s *Spec) { s.Work, s.Rate = Out, 1 },
		"no time":        func(s *Spec) { s.Duration = 0 },
	} {
		s := good
		change(&s)
		if s.check() == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if err := good.check(); err != nil {
		t.Error(err)
	}
}

// TestRun_WithoutAnyTechnique moves everything all the same: what a benchmark
// compares with has to be right, too.
func TestRun_WithoutAnyTechnique(t *testing.T) {
	defer technique.Choose(technique.Choice{})
	for _, batch := range []int{1, 0} {
		technique.Choose(technique.Choice{Without: technique.All, Batch: batch})
		client, server, from := stacks(t, 2)
		if err := Serve(server, 64); err != nil {
			t.Fatal(err)
		}
		for _, spec := range []Spec{
			{Work: Requests, Connections: 20},
			{Work: Short, Connections: 20},
			{Work: Out, Connections: 3},
			{Work: In, Connections: 3},
		} {
			spec.Server, spec.From, spec.Size, spec.Duration = serverIP, from, 64, 200*time.Millisecond
			r, err := Run(context.Background(), client, spec)
			if err != nil {
				t.Fatal(err)
			}
			checkResult(t, &spec, r)
		}
		// The techniques are off, or nothing was shown: with them a short
		// connection takes six packets, or seven.
		before := segmentsOut(client) + segmentsOut(server)
		r, err := Run(context.Background(), client, Spec{Work: Short, Connections: 1, Server: serverIP, From: from, Size: 64, Duration: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if n := segmentsOut(client) + segmentsOut(server) - before; n < 8*(r.AllOpened-1) {
			t.Errorf("batches of %d: %d packets for %d connections", batch, n, r.AllOpened)
		}
	}
}

func segmentsOut(s *mtcp.Stack) (n uint64) {
	for _, st := range s.Stats() {
		n += st.SegmentsOut
	}
	return n
}

// TestRun_SeesAWebServerThatRefuses has one that says 404.
func TestRun_SeesAWebServerThatRefuses(t *testing.T) {
	client, server, _ := stacks(t, 1)
	web := &http.Server{Handler: http.NotFoundHandler()}
	t.Cleanup(func() { web.Close() })
	go web.Serve(listen(t, server, PortHTTP))
	r, err := Run(context.Background(), client, Spec{Work: HTTP, Server: serverIP, Connections: 1, Size: 19, Duration: 50 * time.Millisecond})
	if err != nil || r.Errors == 0 || r.FirstError != errStatus.Error() || r.Wrong == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestJain_IsOneWhenAllHaveTheSame(t *testing.T) {
	for _, c := range []struct {
		shares []uint64
		want   float64
	}{
		{[]uint64{7, 7, 7}, 1},
		{[]uint64{9, 0, 0, 0}, .25},
		{[]uint64{1, 2, 3}, 36.0 / 42},
		{[]uint64{0, 0}, 0},
		{nil, 0},
	} {
		var s Shares
		for _, n := range c.shares {
			s.add(n)
		}
		if got := s.Jain(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("of %v it is %v, want %v", c.shares, got, c.want)
		}
	}
}

func TestNegotiated_SaysWhatBothEndsAgreedOn(t *testing.T) {
	client, server, _ := stacks(t, 2)
	if err := Serve(server, 64); err != nil {
		t.Fatal(err)
	}
	conn, err := client.DialContext(t.Context(), "tcp4", netip.AddrPortFrom(serverIP, PortRequests).String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Negotiated(client, conn)
	if err != nil || !strings.HasPrefix(got, "MSS 1448, SACK, timestamps, window scale ") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := conn.Write([]byte("x")); err == nil {
		t.Error("the connection is still open")
	}
}
