package tcp

import "github.com/mtcp-go/mtcp/internal/seq"

// A rangeSet is a sorted list of separate ranges of sequence numbers: what came
// out of order, or what the peer has selectively acknowledged. It is attached
// to a TCB only while there is something in it.
//
//	r[0]        r[1]                 r[n-1]
//	├────┤      ├─────────┤   ...    ├──┤
type rangeSet struct {
	n      uint16
	recent [4]seq.Value // starts of ranges reported before, latest first
	r      [maxRanges]seq.Range
}

// RangeSet is the memory of one set, for those who provide it.
type RangeSet = rangeSet

func (s *rangeSet) reset() {
	s.n = 0
	s.recent = [4]seq.Value{}
}

// octets returns how many numbers the set holds.
func (s *rangeSet) octets() seq.Size {
	var sum seq.Size
	for _, x := range s.r[:s.n] {
		sum += x.Len()
	}
	return sum
}

// add merges x into the set. It returns the range that x became part of, how
// many octets were new, and false when the set is full.
func (s *rangeSet) add(x seq.Range) (merged seq.Range, fresh seq.Size, ok bool) {
	i := 0
	for i < int(s.n) && s.r[i].End.Less(x.First) {
		i++
	}
	// r[i:j] touch or overlap x.
	j, covered := i, seq.Size(0)
	merged = x
	for j < int(s.n) && s.r[j].First.LessEq(x.End) {
		covered += overlap(s.r[j], x)
		merged.First = seq.Min(merged.First, s.r[j].First)
		merged.End = seq.Max(merged.End, s.r[j].End)
		j++
	}
	fresh = x.Len() - covered
	switch {
	case j == i && s.n == maxRanges:
		return x, 0, false
	case j == i:
		copy(s.r[i+1:s.n+1], s.r[i:s.n])
		s.n++
	default:
		copy(s.r[i+1:], s.r[j:s.n])
		s.n -= uint16(j - i - 1)
	}
	s.r[i] = merged
	return merged, fresh, true
}

// overlap returns how many octets a and b have in common.
func overlap(a, b seq.Range) seq.Size {
	first, end := seq.Max(a.First, b.First), seq.Min(a.End, b.End)
	if end.LessEq(first) {
		return 0
	}
	return end.Minus(first)
}

// covers reports whether all of x is in the set.
func (s *rangeSet) covers(x seq.Range) bool {
	for _, r := range s.r[:s.n] {
		if r.First.LessEq(x.First) && x.End.LessEq(r.End) {
			return true
		}
	}
	return false
}

// trim removes everything before v and returns how many octets went.
func (s *rangeSet) trim(v seq.Value) seq.Size {
	i, gone := 0, seq.Size(0)
	for i < int(s.n) && s.r[i].End.LessEq(v) {
		gone += s.r[i].Len()
		i++
	}
	if i > 0 {
		copy(s.r[:], s.r[i:s.n])
		s.n -= uint16(i)
	}
	if s.n > 0 && s.r[0].First.Less(v) {
		gone += v.Minus(s.r[0].First)
		s.r[0].First = v
	}
	return gone
}

// gapAt returns the first stretch at or after v, and before end, that is not in
// the set.
func (s *rangeSet) gapAt(v, end seq.Value) seq.Range {
	for _, r := range s.r[:s.n] {
		if v.Less(r.First) {
			return seq.Range{First: v, End: seq.Max(v, seq.Min(end, r.First))}
		}
		if v.Less(r.End) {
			v = r.End
		}
	}
	return seq.Range{First: v, End: seq.Max(v, end)}
}

// below returns how many octets of the set are before v.
func (s *rangeSet) below(v seq.Value) seq.Size {
	var sum seq.Size
	for _, r := range s.r[:s.n] {
		if r.End.LessEq(v) {
			sum += r.Len()
		} else if r.First.Less(v) {
			sum += v.Minus(r.First)
		}
	}
	return sum
}

// find returns the range that contains v.
func (s *rangeSet) find(v seq.Value) (seq.Range, bool) {
	for _, r := range s.r[:s.n] {
		if r.Contains(v) {
			return r, true
		}
	}
	return seq.Range{}, false
}

// last returns the highest range; the set must not be empty.
func (s *rangeSet) last() seq.Range { return s.r[s.n-1] }

// note remembers that r was the latest range to change (RFC 2018 §4). Those that
// have become part of it are no longer remembered, so that older ones are.
func (s *rangeSet) note(r seq.Range) {
	was := s.recent
	s.recent = [4]seq.Value{r.First, r.First, r.First, r.First}
	k := 1
	for _, x := range was {
		if k < len(s.recent) && !r.Contains(x) {
			s.recent[k] = x
			k++
		}
	}
}
