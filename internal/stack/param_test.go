package stack

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/param"
)

// What users read of the bounds is the table of parameters.
func TestCheck_HasTheTablesBounds(t *testing.T) {
	fields := map[string]func(*Config) *int{
		"Connections": func(c *Config) *int { return &c.Connections },
		"TimeWaits":   func(c *Config) *int { return &c.TimeWaits },
		"RingMemory":  func(c *Config) *int { return &c.RingMemory },
	}
	for _, p := range param.Stack.Parameters {
		field := fields[p.Name]
		if field == nil {
			continue
		}
		delete(fields, p.Name)
		for v, good := range map[int64]bool{p.Min: true, p.Min - 1: false, p.Max: true, p.Max + 1: false} {
			c := sound()
			*field(&c) = int(v)
			if err := c.check(); (err == nil) != good {
				t.Errorf("%s of %d: %v", p.Name, v, err)
			}
		}
	}
	if len(fields) != 0 {
		t.Errorf("not in the table: %v", fields)
	}
}
