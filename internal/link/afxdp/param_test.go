package afxdp

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/param"
)

// What users read of defaults and bounds is the table of parameters.
func TestComplete_HasTheTablesDefaultsAndBounds(t *testing.T) {
	fields := map[string]func(*Config) *int{
		"Frames":    func(c *Config) *int { return &c.Frames },
		"FrameSize": func(c *Config) *int { return &c.FrameSize },
		"RingSize":  func(c *Config) *int { return &c.RingSize },
	}
	for _, p := range param.AFXDP.Parameters {
		field := fields[p.Name]
		if field == nil {
			continue
		}
		delete(fields, p.Name)
		c, err := Config{Interface: "x"}.complete()
		want := int(p.Default)
		if p.Zero != "" {
			want = c.Frames / 2
		}
		if err != nil || *field(&c) != want {
			t.Errorf("%s is %d, %v; want %d", p.Name, *field(&c), err, want)
		}
		for v, good := range map[int64]bool{p.Min: true, p.Min / 2: false, p.Min + 1: false, p.Max: true, 2 * p.Max: false} {
			c := Config{Interface: "x"}
			if p.Name == "RingSize" {
				c.Frames = int(max(minFrames, min(maxFrames, 2*v)))
			}
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
