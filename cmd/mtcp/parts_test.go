// The parts that need no network.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
)

func TestHistogram_PercentilesAreWithinABucket(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, scale := range []float64{20, 1e4, 1e9} {
		var h, half histogram
		var all []time.Duration
		for i := range 10_000 {
			d := time.Duration(r.ExpFloat64() * scale)
			all = append(all, d)
			if i%2 == 0 {
				h.add(d)
			} else {
				half.add(d)
			}
		}
		h.merge(&half)
		slices.Sort(all)
		for _, p := range []float64{0, .5, .9, .99, .9999} {
			want := all[int(p*float64(len(all)))]
			got := h.percentile(p)
			if got > want || float64(got) < float64(want)*15/16-1 {
				t.Errorf("scale %g: percentile %g is %v, want a little below %v", scale, p, got, want)
			}
		}
		if h.max != all[len(all)-1] || h.n != 10_000 {
			t.Errorf("max %v, n %d", h.max, h.n)
		}
	}
	var extreme histogram
	extreme.add(-1)
	extreme.add(math.MaxInt64)
	if extreme.percentile(0) != 0 || extreme.percentile(1) != math.MaxInt64 {
		t.Errorf("extremes: %v to %v", extreme.percentile(0), extreme.percentile(1))
	}
}

func TestLoad_StopsAtItsBounds(t *testing.T) {
	fine := func() worker { return func(context.Context) (uint64, error) { return 3, nil } }
	if r := (load{connections: 4, requests: 1001}).run(t.Context(), fine); r.Requests != 1001 || r.Octets != 3003 || r.Errors != 0 {
		t.Errorf("by number: %+v", r)
	}
	if r := (load{connections: 2, duration: 20 * time.Millisecond}).run(t.Context(), fine); r.Requests == 0 || r.Seconds < .02 {
		t.Errorf("by time: %+v", r)
	}
	bad := func() worker { return func(context.Context) (uint64, error) { return 0, errors.New("no\nuse") } }
	if r := (load{connections: 2, duration: time.Minute}).run(t.Context(), bad); r.Errors < 1000 || r.Errors > 1002 || r.FirstError != "no; use" {
		t.Errorf("by errors: %+v", r)
	}
	waits := func() worker {
		return func(ctx context.Context) (uint64, error) { <-ctx.Done(); return 5, ctx.Err() }
	}
	r := (load{connections: 1, duration: 10 * time.Millisecond, stream: true}).run(t.Context(), waits)
	if r.Errors != 0 || r.Octets != 5 {
		t.Errorf("a stream cut off at the end: %+v", r)
	}
}

const wrkText = `Running 3s test @ http://10.77.0.2/page.html
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.24ms    0.91ms  14.50ms   81.40%
    Req/Sec    46.33k     3.50k   51.23k    70.00%
  Latency Distribution
     50%    1.06ms
     75%    1.60ms
     90%  900.00us
     99%    3.66ms
  138472 requests in 3.01s, 52.03MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:  46078.19
Transfer/sec:     17.31MB
`

func TestParseWrk_ReadsWhatItPrints(t *testing.T) {
	r, err := parseWrk(wrkText, "wrk")
	if err != nil || r.Requests != 138472 || r.Errors != 15 || r.P50 != 1060*time.Microsecond || r.P90 != 900*time.Microsecond ||
		r.P99 != 3660*time.Microsecond || math.Abs(r.perSecond()-46004) > 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := parseWrk("unable to connect to 10.77.0.2:80 Connection refused\n", "wrk"); err == nil {
		t.Error("no answer is no error")
	}
}

const abText = `Concurrency Level:      64
Time taken for tests:   2.500 seconds
Complete requests:      50000
Failed requests:        3
   (Connect: 0, Receive: 0, Length: 3, Exceptions: 0)
Non-2xx responses:      2
Requests per second:    20000.00 [#/sec] (mean)

Percentage of the requests served within a certain time (ms)
  50%      2
  90%      4
  99%      9
 100%     31 (longest request)
`

func TestParseAb_ReadsWhatItPrints(t *testing.T) {
	r, err := parseAb(abText, "ab")
	if err != nil || r.Requests != 50000 || r.Errors != 5 || r.P50 != 2*time.Millisecond || r.P99 != 9*time.Millisecond || r.perSecond() != 20000 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := parseAb("apr_socket_recv: Connection refused (111)\n", "ab"); err == nil {
		t.Error("no answer is no error")
	}
}

func TestKernelCounters_AreRead(t *testing.T) {
	text := "Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm InSegs OutSegs RetransSegs MaxConn\nTcp: 1 10 20 3 -1\n"
	m := snmp(text, "Tcp:")
	if m["InSegs"] != 10 || m["OutSegs"] != 20 || m["RetransSegs"] != 3 {
		t.Errorf("%v", m)
	}
	dev := "Inter-|   Receive  |  Transmit\n face |bytes    packets errs\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n mtcp0: 99 5 0 0 0 0 0 0 99 7 0 0 0 0 0 0\n"
	if n := devicePackets(dev, "mtcp0"); n != 12 {
		t.Errorf("%d packets, want 12", n)
	}
	if n := devicePackets(dev, "mtcp1"); n != 0 {
		t.Errorf("%d packets of a device that is not there", n)
	}
	if k, err := readKernelCounters("lo"); err != nil || k.since(k) != (kernelCounters{}) {
		t.Errorf("this machine's: %+v, %v", k, err)
	}
}

func TestProgress_IsALineASecondOffATerminal(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, 2000)
	p.Write(make([]byte, 500))
	if b.Len() > 0 {
		t.Errorf("said something at once: %q", &b)
	}
	p.shown = p.shown.Add(-lineEvery)
	p.Write(make([]byte, 500))
	p.done()
	if got := b.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "\r") || !strings.HasPrefix(got, "[###############...............]  50 %  1.0 kB of 2.0 kB  ") {
		t.Errorf("said %q", got)
	}
	p.bar = true
	b.Reset()
	p.done()
	if got := b.String(); !strings.HasPrefix(got, "\r[") || !strings.HasSuffix(got, "\x1b[K\n") {
		t.Errorf("the bar: %q", got)
	}
	p.size = -1
	if got := p.text(time.Second); got != "1.0 kB  1.0 kB/s" {
		t.Errorf("of unknown size: %q", got)
	}
}

func TestNumbers_AreWrittenForPeople(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := group(n); got != want {
			t.Errorf("group(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[uint64]string{999: "999 B", 1000: "1.0 kB", 67_108_864: "67.1 MB", 3e15: "3000.0 TB"} {
		if got := octets(n); got != want {
			t.Errorf("octets(%d) = %q, want %q", n, got, want)
		}
	}
	if got := tidy(1234567 * time.Nanosecond); got != 1230*time.Microsecond {
		t.Errorf("tidy: %v", got)
	}
}

func TestDropText_ListsTheCommonestFirst(t *testing.T) {
	if got := dropText(mtcp.ShardStats{}); got != "none" {
		t.Errorf("nothing dropped: %q", got)
	}
	stats := []mtcp.ShardStats{
		{Drops: map[string]uint64{"paws": 2, "arp_bad": 2}, TxDropped: 1},
		{Drops: map[string]uint64{"paws": 1998}},
	}
	if got, want := dropText(total(stats)), "paws 2,000, arp_bad 2, link_transmit 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLinkLines_AlikeQueuesShareALine(t *testing.T) {
	a := mtcp.LinkInfo{Name: "eth0", Mode: "native, zero-copy", MTU: 1500, TxChecksum: true}
	b := mtcp.LinkInfo{Name: "eth0", Mode: "generic, copy", Why: "asked for", MTU: 1500}
	got := linkLines([]mtcp.LinkInfo{a, a, b})
	if len(got) != 2 || !strings.Contains(got[0], "eth0: AF_XDP native, zero-copy; 2 queues") || !strings.Contains(got[1], "generic, copy (asked for); 1 queue, MTU 1500, checksums in software") {
		t.Errorf("%q", got)
	}
}

func TestTable_MediansAndRatiosOfPairs(t *testing.T) {
	if got := whole([]float64{3000, 1000, 2000}); got != "2,000 (1,000 to 3,000)" {
		t.Errorf("odd: %v", got)
	}
	if got := fine([]float64{4, 1, 2, 3}); got != "2.50 (1.00 to 4.00)" {
		t.Errorf("even: %v", got)
	}
	if got := ratios([]float64{4, 9, 1}, []float64{2, 3, 0}); !slices.Equal(got, []float64{2, 3}) {
		t.Errorf("ratios: %v", got)
	}
	b := &bench{cmd: &benchVethCmd{Pairs: 2, Duration: time.Second, C: 8}, serverCore: 0, clientCore: anyCore}
	for i := range benchCases {
		for who := range contenders {
			b.rates[i][who] = []float64{1000 * float64(who+1), 3000 * float64(who+1)}
		}
	}
	b.errors[0][1], b.reasons[0][1] = 7, "refused"
	got := b.table()
	for _, want := range []string{
		"| net/http, keep-alive, 64 B, requests/s | 2,000 (1,000 to 3,000) | 4,000 (2,000 to 6,000) | 6,000 (3,000 to 9,000) | 0.50 (0.50 to 0.50) | 0.33 (0.33 to 0.33) |",
		"mtcp bench veth --pairs 2 --duration 1s -c 8", "server on core 0, client on core any",
		"kernel: 7 requests failed, the first with: refused",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}

func TestExplain_IsOneLineWithTheMend(t *testing.T) {
	err := errors.Join(errors.New("mtcp: first"), errors.New("second"))
	if got := explain(err); got != "first; second" {
		t.Errorf("%q", got)
	}
}

func TestExplain_OneMendIsEnough(t *testing.T) {
	err := fmt.Errorf("memif: listen on /run/x: %w (mend: another path)", syscall.EADDRINUSE)
	if got := explain(err); strings.Contains(got, "--listen") {
		t.Error(got)
	}
	if got := explain(syscall.EADDRINUSE); !strings.Contains(got, "--listen") {
		t.Error(got)
	}
}
