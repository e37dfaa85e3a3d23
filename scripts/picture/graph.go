package main

// The graph between bands: every package is a node in its layer's band, and so
// is every lane, which takes imports past a band to a package below. Imports of
// the same package share its lane.

import (
	"slices"
	"strings"
)

// A node is a box, or one band's piece of a lane.
type node struct {
	pkg    *pkg // whose box, or what the lane leads to
	isLane bool
	isWay  bool // the packet's lane past a band
	layer  int
	x, w   float64 // centre and width
	y, h   float64 // top and height
	down   []*node // in the band below
	up     []*node // in the band above
	near   []*node // neighbours on the packet's way
}

// A graph is what is drawn.
type graph struct {
	bands [][]*node // from the top; band i is layer len-i
	box   map[string]*node
	ways  map[[2]string][]*node // lanes between two packages of the packet's way
}

func newGraph(all []*pkg) *graph {
	g := &graph{bands: make([][]*node, all[0].layer), box: map[string]*node{}, ways: map[[2]string][]*node{}}
	for _, p := range all {
		g.box[p.dir] = g.add(&node{pkg: p, layer: p.layer})
	}
	g.addWays()
	for _, to := range all {
		g.addImports(all, to)
	}
	return g
}

func (g *graph) band(layer int) *[]*node { return &g.bands[len(g.bands)-layer] }

func (g *graph) add(n *node) *node {
	b := g.band(n.layer)
	*b = append(*b, n)
	return n
}

// addWays makes room for the packet where it passes bands without stopping.
func (g *graph) addWays() {
	for _, way := range [][]stop{wayIn, wayOut} {
		for i := range way[1:] {
			a, b := g.box[way[i].dir], g.box[way[i+1].dir]
			if a.layer < b.layer {
				a, b = b, a
			}
			key := [2]string{a.pkg.dir, b.pkg.dir}
			if _, made := g.ways[key]; made {
				continue
			}
			chain := []*node{a}
			for layer := a.layer - 1; layer > b.layer; layer-- {
				chain = append(chain, g.add(&node{pkg: b.pkg, isLane: true, isWay: true, layer: layer}))
			}
			g.ways[key] = chain[1:]
			for k, n := range append(chain[1:], b) {
				chain[k].near, n.near = append(chain[k].near, n), append(n.near, chain[k])
			}
		}
	}
}

// addImports joins a package with those that import it, in one lane.
func (g *graph) addImports(all []*pkg, to *pkg) {
	lane := map[int]*node{to.layer: g.box[to.dir]}
	for _, from := range all { // from the top
		if !slices.Contains(thin(all, from), to.dir) {
			continue
		}
		for layer := to.layer + 1; layer < from.layer; layer++ {
			if lane[layer] == nil {
				lane[layer] = g.add(&node{pkg: to, isLane: true, layer: layer})
				join(lane[layer], lane[layer-1])
			}
		}
		join(g.box[from.dir], lane[from.layer-1])
	}
}

func join(upper, lower *node) {
	upper.down = append(upper.down, lower)
	lower.up = append(lower.up, upper)
}

// thin leaves out what is imported by an import, too.
func thin(all []*pkg, p *pkg) []string {
	return slices.DeleteFunc(slices.Clone(p.imports), func(dir string) bool {
		for _, other := range p.imports {
			if other != dir && reaches(all, other, dir) {
				return true
			}
		}
		return false
	})
}

func reaches(all []*pkg, from, to string) bool {
	p := find(all, from)
	if p == nil {
		return false
	}
	for _, dir := range p.imports {
		if dir == to || reaches(all, dir, to) {
			return true
		}
	}
	return false
}

// isSupport reports whether only tests use a package.
func (g *graph) isSupport(p *pkg) bool {
	if p.dir == "." || strings.HasPrefix(p.dir, "cmd/") || !strings.HasPrefix(p.dir, "internal/") {
		return false
	}
	for _, n := range g.box {
		if slices.Contains(n.pkg.imports, p.dir) {
			return false
		}
	}
	return true
}
