package main

// What stands beside what: the way of the packet on the left, the rest so that
// few lines cross.

import (
	"cmp"
	"slices"
)

const (
	sweeps   = 40
	reserved = 5 // up to here the way has the left of every band
)

func (g *graph) order() {
	for _, b := range g.bands {
		slices.SortStableFunc(b, compareRank)
	}
	best, crossings := g.snapshot(), g.crossings()
	for i := range sweeps {
		g.sweep(i%2 == 0)
		g.swap()
		if c := g.crossings(); c < crossings {
			best, crossings = g.snapshot(), c
		}
	}
	g.bands = best
}

// rank puts the way first, in the order in which a packet that comes in moves
// to the right.
func rank(n *node) int {
	switch i := onWay(wayIn, n.pkg.dir); {
	case n.isWay && n.pkg.dir == "internal/ring":
		return -1 // past the boundary, into the ring
	case n.isWay && n.layer <= reserved:
		return len(wayIn) // back up to the application
	case n.isLane || i < 0:
		return len(wayIn) + 1
	default:
		return i
	}
}

func compareRank(a, b *node) int { return cmp.Compare(rank(a), rank(b)) }

func (g *graph) snapshot() [][]*node {
	var s [][]*node
	for _, b := range g.bands {
		s = append(s, slices.Clone(b))
	}
	return s
}

// sweep orders each band by the mean place of its neighbours in the one before.
func (g *graph) sweep(down bool) {
	for i := range g.bands {
		b, neighbours := g.bands[i], above
		if !down {
			b, neighbours = g.bands[len(g.bands)-1-i], below
		}
		at := map[*node]float64{}
		for k, n := range b {
			at[n] = g.mean(neighbours(n), float64(k)/float64(len(b)))
		}
		slices.SortStableFunc(b, func(x, y *node) int {
			return cmp.Or(compareRank(x, y), cmp.Compare(at[x], at[y]))
		})
	}
}

func (g *graph) mean(of []*node, otherwise float64) float64 {
	if len(of) == 0 {
		return otherwise
	}
	sum := 0.0
	for _, n := range of {
		b := *g.band(n.layer)
		sum += (float64(slices.Index(b, n)) + 0.5) / float64(len(b))
	}
	return sum / float64(len(of))
}

// swap exchanges neighbours as long as that undoes crossings.
func (g *graph) swap() {
	for better := true; better; {
		better = false
		for _, b := range g.bands {
			for k := range len(b) - 1 {
				if compareRank(b[k], b[k+1]) != 0 {
					continue
				}
				before := g.crossings()
				b[k], b[k+1] = b[k+1], b[k]
				if g.crossings() < before {
					better = true
				} else {
					b[k], b[k+1] = b[k+1], b[k]
				}
			}
		}
	}
}

// above and below are what a node is joined with, the packet's way included.
func above(n *node) []*node {
	return append(slices.Clone(n.up), beside(n, 1)...)
}

func below(n *node) []*node {
	return append(slices.Clone(n.down), beside(n, -1)...)
}

func beside(n *node, by int) []*node {
	return slices.DeleteFunc(slices.Clone(n.near), func(m *node) bool { return m.layer != n.layer+by })
}

func (g *graph) crossings() int {
	sum := 0
	for i := range g.bands[1:] {
		place := map[*node]int{}
		for k, n := range g.bands[i+1] {
			place[n] = k
		}
		var ends []int // of the lines so far, by their upper ends
		for _, n := range g.bands[i] {
			var own []int
			for _, d := range below(n) {
				for _, e := range ends {
					if e > place[d] {
						sum++
					}
				}
				own = append(own, place[d])
			}
			ends = append(ends, own...)
		}
	}
	return sum
}
