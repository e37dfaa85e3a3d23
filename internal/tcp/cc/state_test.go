package cc

import (
	"testing"
	"unsafe"
)

func TestState_IsAtMostOneCacheLine(t *testing.T) {
	if n := unsafe.Sizeof(State{}); n > 64 {
		t.Errorf("State has %d octets, want at most 64", n)
	}
}

func TestParseID_KnowsEveryName(t *testing.T) {
	for _, tt := range []struct {
		name string
		id   ID
		ok   bool
	}{{"newreno", NewReno, true}, {"reno", NewReno, true}, {"CUBIC", CUBIC, true}, {"cubic", CUBIC, true}, {"bbr", 0, false}, {"", 0, false}} {
		if id, ok := ParseID(tt.name); id != tt.id || ok != tt.ok {
			t.Errorf("ParseID(%q) = %v, %v", tt.name, id, ok)
		}
	}
	for _, id := range []ID{NewReno, CUBIC} {
		if back, ok := ParseID(id.String()); back != id || !ok {
			t.Errorf("%v does not survive being written and parsed", id)
		}
	}
	if ID(77).String() != "unknown" {
		t.Error("an unknown algorithm must say so")
	}
}
