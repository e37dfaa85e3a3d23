package drop

import "testing"

func TestEveryReasonHasAUniqueName(t *testing.T) {
	seen := map[string]Reason{}
	for r := None; r < NumReasons; r++ {
		name := r.String()
		if name == "" {
			t.Errorf("reason %d has no name", r)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("reasons %d and %d share the name %q", r, other, name)
		}
		seen[name] = r
	}
	if got := NumReasons.String(); got != "unknown" {
		t.Errorf("out of range: %q", got)
	}
}
