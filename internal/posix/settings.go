// Settings: Linux's names for what a host can be told, as scripts set them.

package posix

import (
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/mtcp-go/mtcp/internal/ring"
	"github.com/mtcp-go/mtcp/internal/tcp"
	"github.com/mtcp-go/mtcp/internal/tcp/cc"
)

// Apply takes the settings that lookup knows by name, as net.ipv4.tcp_sack; it
// returns "" for others.
func (c *Config) Apply(lookup func(name string) string) {
	if c.TCP.RTOInitial == 0 {
		c.TCP = tcp.DefaultConfig()
	}
	t := &c.TCP
	number := func(name string, set func(n int)) {
		if n, err := strconv.ParseInt(strings.TrimSpace(lookup(name)), 0, 64); err == nil {
			set(int(n))
		}
	}
	ipv4 := func(name string, set func(n int)) { number("net.ipv4."+name, set) }
	seconds := func(d *time.Duration) func(int) {
		return func(n int) { *d = time.Duration(n) * time.Second }
	}
	ipv4("tcp_timestamps", func(n int) { t.NoTimestamps = n == 0 })
	ipv4("tcp_sack", func(n int) { t.NoSACK = n == 0 })
	ipv4("tcp_window_scaling", func(n int) { t.NoScaling = n == 0 })
	ipv4("tcp_syncookies", func(n int) {
		t.Cookies = []tcp.CookieMode{tcp.CookiesOff, tcp.CookiesAuto, tcp.CookiesAlways}[min(max(n, 0), 2)]
	})
	ipv4("tcp_ecn", func(n int) {
		t.ECN = tcp.ECNPassive
		switch n {
		case 0:
			t.ECN = tcp.ECNOff
		case 1:
			t.ECN = tcp.ECNActive
		}
	})
	ipv4("tcp_syn_retries", func(n int) { t.SynRetries = n })
	ipv4("tcp_synack_retries", func(n int) { t.SynAckRetries = n })
	ipv4("tcp_retries2", func(n int) { t.Retries = n })
	ipv4("tcp_orphan_retries", func(n int) { t.OrphanRetries = n })
	ipv4("tcp_rfc1337", func(n int) { t.TimeWaitRST = n == 0 })
	ipv4("tcp_fin_timeout", seconds(&t.FinWait2))
	ipv4("tcp_keepalive_time", seconds(&t.KeepIdle))
	ipv4("tcp_keepalive_intvl", seconds(&t.KeepInterval))
	ipv4("tcp_keepalive_probes", func(n int) { t.KeepCount = n })
	ipv4("tcp_rto_min_us", func(n int) { t.RTOMin = time.Duration(n) * time.Microsecond })
	ipv4("tcp_recovery", func(n int) { t.NoRACK = n&1 == 0 })
	ipv4("tcp_early_retrans", func(n int) { t.NoTailProbe = n < 3 })
	ipv4("tcp_frto", func(n int) { t.NoFRTO = n == 0 })
	if lookup("net.ipv4.tcp_congestion_control") == "reno" {
		t.Congestion = cc.NewReno
	}
	c.buffers(lookup)
}

// buffers takes tcp_rmem and tcp_wmem: least, first and largest.
func (c *Config) buffers(lookup func(string) string) {
	if v := triple(lookup("net.ipv4.tcp_rmem")); v[2] > 0 {
		// Half of a receive buffer is window.
		c.Rmem = v[1]
		c.TCP.RcvBuf = min(v[1]/2, ring.MaxSize)
		c.TCP.RcvBufMax = min(v[2]/2, ring.MaxSize)
		c.TCP.WindowScale = max(bits.Len(uint(v[2]))-16, 0)
	}
	if v := triple(lookup("net.ipv4.tcp_wmem")); v[2] > 0 {
		c.Wmem = v[1]
		c.TCP.SndBufMax = min(v[2], ring.MaxSize)
	}
}

func triple(s string) (v [3]int) {
	f := strings.Fields(s)
	if len(f) != 3 {
		return v
	}
	for i := range v {
		v[i], _ = strconv.Atoi(f[i])
	}
	return v
}
