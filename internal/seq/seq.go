package seq

// Value is a position in a sequence space of 2³² octets. Ring positions are
// Values too: a byte ring keeps octet v of a stream at index v mod size.
type Value uint32

// Size is a distance between two Values, in octets.
type Size uint32

// Add returns the position n octets after v.
func (v Value) Add(n Size) Value { return v + Value(n) }

// Sub returns the position n octets before v.
func (v Value) Sub(n Size) Value { return v - Value(n) }

// Minus returns how far v is after u.
func (v Value) Minus(u Value) Size { return Size(v - u) }

// Less reports v < u on the circle.
func (v Value) Less(u Value) bool { return int32(v-u) < 0 }

// LessEq reports v ≤ u on the circle.
func (v Value) LessEq(u Value) bool { return int32(v-u) <= 0 }

// Greater reports v > u on the circle.
func (v Value) Greater(u Value) bool { return int32(v-u) > 0 }

// GreaterEq reports v ≥ u on the circle.
func (v Value) GreaterEq(u Value) bool { return int32(v-u) >= 0 }

// InWindow reports whether v is one of the n positions that begin at first.
func (v Value) InWindow(first Value, n Size) bool { return Size(v-first) < n }

// Max returns the later of two positions.
func Max(a, b Value) Value {
	if a.Less(b) {
		return b
	}
	return a
}

// Min returns the earlier of two positions.
func Min(a, b Value) Value {
	if a.Less(b) {
		return a
	}
	return b
}

// A Range is the octets from First up to, not including, End.
type Range struct {
	First, End Value
}

// Len returns the number of octets in r.
func (r Range) Len() Size { return r.End.Minus(r.First) }

// IsEmpty reports whether r holds no octet.
func (r Range) IsEmpty() bool { return r.First == r.End }

// Contains reports whether v is in r.
func (r Range) Contains(v Value) bool { return v.InWindow(r.First, r.Len()) }
