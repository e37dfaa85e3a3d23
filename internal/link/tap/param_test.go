package tap

import (
	"net/netip"
	"testing"

	"github.com/mtcp-go/mtcp/internal/param"
)

// What users read of defaults and bounds is the table of parameters.
func TestComplete_HasTheTablesDefaultsAndBounds(t *testing.T) {
	fields := map[string]func(*Config) *int{
		"Queues": func(c *Config) *int { return &c.Queues },
		"MTU":    func(c *Config) *int { return &c.MTU },
	}
	for _, p := range param.TAP.Parameters {
		field := fields[p.Name]
		if field == nil {
			continue
		}
		delete(fields, p.Name)
		base := Config{Interface: "x", Settle: func(string, int, []netip.Prefix, bool) error { return nil }}
		if c, err := base.complete(); err != nil || *field(&c) != int(p.Default) {
			t.Errorf("%s is %d, %v; want %d", p.Name, *field(&c), err, p.Default)
		}
		for v, good := range map[int64]bool{p.Min: true, -1: false, p.Max: true, p.Max + 1: false} {
			c := base
			*field(&c) = int(v)
			if _, err := c.complete(); (err == nil) != good {
				t.Errorf("%s of %d: %v", p.Name, v, err)
			}
		}
	}
	if len(fields) != 0 {
		t.Errorf("not in the table: %v", fields)
	}
}
