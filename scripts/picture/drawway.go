package main

// The way of a packet, over everything else.

import (
	"fmt"
	"slices"
	"strings"
)

const apart = 5.0 // the two directions from their middle

// drawWay draws both directions, each hop with its arrow.
func drawWay(c *canvas, g *graph) {
	first, last := g.box[wayIn[0].dir], g.box[wayOut[0].dir]
	y, appX, appY := first.y+first.h/2, last.x-last.w/2-gapApp, last.y+last.h/2
	c.pill(16, y-16, 60, "NIC")
	c.pill(appX-appWidth, appY-16, appWidth, "the application")
	c.level(76, first.x-first.w/2, y-apart, "in")
	c.level(first.x-first.w/2, 76, y+apart, "out")
	c.level(last.x-last.w/2, appX, appY-apart, "in")
	c.level(appX, last.x-last.w/2, appY+apart, "out")
	c.way(g, wayIn, "in", -apart)
	c.way(g, wayOut, "out", apart)
}

// way draws one direction, beside the middle of its lanes.
func (c *canvas) way(g *graph, way []stop, class string, shift float64) {
	for i := range way[1:] {
		a, b := g.box[way[i].dir], g.box[way[i+1].dir]
		lanes := g.ways[[2]string{a.pkg.dir, b.pkg.dir}]
		if a.layer < b.layer {
			lanes = slices.Clone(g.ways[[2]string{b.pkg.dir, a.pkg.dir}])
			slices.Reverse(lanes)
		}
		switch {
		case a.layer != b.layer:
			c.stroke(route(a, b, lanes, shift), class)
		case a.x < b.x:
			c.level(a.x+a.w/2, b.x-b.w/2, a.y+a.h/2+shift, class)
		default:
			c.level(a.x-a.w/2, b.x+b.w/2, a.y+a.h/2+shift, class)
		}
	}
}

// pill is what is outside the packages.
func (c *canvas) pill(x, y, w float64, s string) {
	c.add(`<rect x="%.1f" y="%.1f" width="%.0f" height="32" rx="16" fill="%s"/>`, x, y, w, ink)
	c.add(`<text x="%.1f" y="%.1f" font-size="13" class="b" style="fill:#ffffff">%s</text>`, x+w/2, y+20.5, s)
}

func (c *canvas) level(x1, x2, y float64, class string) {
	c.stroke(fmt.Sprintf("M%.1f %.1fH%.1f", x1, y, x2), class)
}

// route leaves one box, passes the lanes, and enters the other.
func route(a, b *node, lanes []*node, shift float64) string {
	stops := append(append([]*node{a}, lanes...), b)
	var d strings.Builder
	for i := range stops[1:] {
		from, to := stops[i], stops[i+1]
		y1, y2 := from.y, to.y+to.h // upwards
		if a.layer > b.layer {
			y1, y2 = from.y+from.h, to.y
		}
		piece := curve(meet(from, to), y1, meet(to, from), y2, shift)
		if i > 0 {
			piece = "L" + piece[1:] // on through the lane
		}
		d.WriteString(piece)
	}
	return d.String()
}

// meet is where a line between two nodes touches the first: as near to the
// other as its edge allows.
func meet(n, other *node) float64 {
	if n.isLane {
		return n.x
	}
	return max(n.x-n.w/2+16, min(n.x+n.w/2-16, other.x))
}

func (c *canvas) stroke(d, class string) {
	colour := map[string]string{"in": inward, "out": outward}[class]
	c.add(`<path d="%s" fill="none" stroke="%s" stroke-width="2.6" marker-end="url(#%s)"/>`, d, colour, class)
}
