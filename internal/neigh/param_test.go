package neigh

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/param"
)

// What users read of the default and the bounds is the table of parameters.
func TestDefaults_AreTheTables(t *testing.T) {
	for _, p := range param.Stack.Parameters {
		if p.Name != "Neighbours" {
			continue
		}
		for in, want := range map[int64]int64{0: p.Default, p.Min: p.Min, p.Min - 1: p.Min, p.Max: p.Max, p.Max + 1: p.Max} {
			c := Config{MaxEntries: int(in)}
			if c.setDefaults(); int64(c.MaxEntries) != want {
				t.Errorf("%d entries become %d, want %d", in, c.MaxEntries, want)
			}
		}
		return
	}
	t.Error("no parameter Neighbours")
}
