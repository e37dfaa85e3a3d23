package technique

import (
	"strings"
	"testing"
)

func TestParse_KnowsEveryName(t *testing.T) {
	got, err := Parse(strings.Split(All.String(), ","))
	if err != nil || got != All {
		t.Errorf("%v, %v, want %v", got, err, All)
	}
	if len(names) != 7 || 1<<len(names) != end {
		t.Errorf("%d names for the techniques up to %b", len(names), end)
	}
	if _, err := Parse([]string{"lifo", "luck"}); err == nil || !strings.Contains(err.Error(), "luck") {
		t.Errorf("error %v, want one that names it", err)
	}
	if s, err := Parse(nil); s != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", s, err)
	}
}

func TestChoose_IsWhatPresentReturns(t *testing.T) {
	want := Choice{Without: LIFO | PriorityLists, Batch: 8}
	Choose(want)
	defer Choose(Choice{})
	if got := Present(); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
