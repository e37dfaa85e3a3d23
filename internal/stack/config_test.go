package stack

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/ring"
)

// sound is a configuration that check has nothing against.
func sound() Config {
	c := Config{
		Queues:    make([]link.Queue, 1),
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")},
	}
	c.setDefaults()
	return c
}

func TestCheck_RefusesInWords(t *testing.T) {
	for _, c := range []struct {
		name, says string
		change     func(c *Config)
	}{
		{"Sound", "", func(*Config) {}},
		{"GatewayOnLink", "", func(c *Config) { c.Gateway = netip.MustParseAddr("10.0.0.254") }},
		{"GatewayOfSecondAddress", "", func(c *Config) {
			c.Addresses = append(c.Addresses, netip.MustParsePrefix("10.1.0.1/16"))
			c.Gateway = netip.MustParseAddr("10.1.255.1")
		}},
		{"LeastRings", "", func(c *Config) { c.RingMemory = ring.MaxSize }},
		{"OnePort", "", func(c *Config) { c.PortFirst, c.PortLast = 5, 5 }},

		{"NoQueue", "no link", func(c *Config) { c.Queues = nil }},
		{"NoAddress", "no address", func(c *Config) { c.Addresses = nil }},
		{"InvalidAddress", "IPv4", func(c *Config) { c.Addresses = append(c.Addresses, netip.Prefix{}) }},
		{"IPv6", "IPv4", func(c *Config) { c.Addresses[0] = netip.MustParsePrefix("fd00::1/64") }},
		{"GatewayOffLink", "gateway 10.0.1.1", func(c *Config) { c.Gateway = netip.MustParseAddr("10.0.1.1") }},
		{"TooFewRings", "ring memory", func(c *Config) { c.RingMemory = ring.MaxSize - 1 }},
		{"NoConnections", "-1 connections", func(c *Config) { c.Connections = -1 }},
		{"TooManyConnections", "connections", func(c *Config) { c.Connections = maxSlots + 1 }},
		{"NoTimeWaits", "TIME-WAIT", func(c *Config) { c.TimeWaits = -1 }},
		{"TooManyTimeWaits", "TIME-WAIT", func(c *Config) { c.TimeWaits = maxSlots + 1 }},
		{"PortZero", "ports 0", func(c *Config) { c.PortFirst = 0 }},
		{"PortsBackwards", "ports 9 to 8", func(c *Config) { c.PortFirst, c.PortLast = 9, 8 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := sound()
			c.change(&cfg)
			err := cfg.check()
			if c.says == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not speak of %q", err, c.says)
			}
		})
	}
}

func TestSetDefaults_LeavesWhatIsSet(t *testing.T) {
	c := Config{Connections: 5, PortFirst: 7, PortLast: 9}
	c.setDefaults()
	if c.Connections != 5 || c.PortFirst != 7 || c.PortLast != 9 {
		t.Errorf("what was set became %+v", c)
	}
	if c.TimeWaits != DefaultTimeWaits || c.RingMemory != DefaultRingMemory {
		t.Errorf("defaults %d and %d", c.TimeWaits, c.RingMemory)
	}
}

func TestRandom_FollowsFromTheSeedOnlyIfThereIsOne(t *testing.T) {
	seeded, system := Config{Seed: 7}, Config{}
	k1, s1 := seeded.random()
	k2, s2 := seeded.random()
	if k1 != k2 || s1 != s2 {
		t.Error("the same seed gave different numbers")
	}
	k3, s3 := system.random()
	k4, s4 := system.random()
	if k3 == k4 || s3 == s4 || k3 == k1 {
		t.Error("without a seed the numbers are the same every time")
	}
}
