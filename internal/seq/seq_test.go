package seq

import "testing"

func TestComparisonsHoldAcrossTheWrap(t *testing.T) {
	tests := []struct {
		a, b Value
		less bool
	}{
		{0, 1, true},
		{1, 0, false},
		{0xffff_ffff, 0, true},
		{0xffff_fff0, 0x10, true},
		{0x10, 0xffff_fff0, false},
		{0x7fff_ffff, 0x8000_0000, true},
		{0, 0x7fff_ffff, true},
	}
	for _, tt := range tests {
		if got := tt.a.Less(tt.b); got != tt.less {
			t.Errorf("%#x.Less(%#x) = %v, want %v", tt.a, tt.b, got, tt.less)
		}
		if got := tt.b.Greater(tt.a); got != tt.less {
			t.Errorf("%#x.Greater(%#x) = %v, want %v", tt.b, tt.a, got, tt.less)
		}
		if got := tt.b.LessEq(tt.a); got == tt.less {
			t.Errorf("%#x.LessEq(%#x) = %v, want %v", tt.b, tt.a, got, !tt.less)
		}
		if got := tt.a.GreaterEq(tt.b); got == tt.less {
			t.Errorf("%#x.GreaterEq(%#x) = %v, want %v", tt.a, tt.b, got, !tt.less)
		}
	}
}

func TestWindowAndDistanceWrap(t *testing.T) {
	first := Value(0xffff_fffe)
	if !Value(1).InWindow(first, 4) || Value(2).InWindow(first, 4) || Value(0xffff_fffd).InWindow(first, 4) {
		t.Error("a window of 4 from 0xfffffffe holds fffffffe, ffffffff, 0 and 1, and nothing else")
	}
	if d := Value(3).Minus(first); d != 5 {
		t.Errorf("distance over the wrap = %d, want 5", d)
	}
	if v := first.Add(5).Sub(5); v != first {
		t.Errorf("Add then Sub = %#x, want %#x", v, first)
	}
	if Max(first, 1) != 1 || Min(first, 1) != first {
		t.Error("Max and Min must follow the circle")
	}
	r := Range{First: first, End: 2}
	if r.Len() != 4 || !r.Contains(0) || r.Contains(2) || r.IsEmpty() {
		t.Errorf("range %v: len %d", r, r.Len())
	}
}
