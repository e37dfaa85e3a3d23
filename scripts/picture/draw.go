package main

// SVG: bands, then lines, then boxes over them, then the way of the packet.

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"path"
	"slices"
)

const (
	ink     = "#1f2328"
	grey    = "#6e7781"
	lines   = "#9aa4af"
	inward  = "#0969da"
	outward = "#bc4c00"
)

// A canvas collects elements.
type canvas struct{ bytes.Buffer }

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

func (c *canvas) text(x, y, size float64, class, s string) {
	c.add(`<text x="%.0f" y="%.1f" font-size="%g" class="%s">%s</text>`, x, y, size, class, html.EscapeString(s))
}

func draw(g *graph) []byte {
	c := &canvas{}
	last := g.bands[len(g.bands)-1][0]
	height := last.y + last.h + 30
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif">`, width, height, width, height)
	c.add(`<title>The packages of mtcp in their layers, and the way of a packet</title>`)
	c.add(`<!-- made by scripts/picture from the code: make picture -->`)
	c.add(`<style>text{fill:%s} .m{text-anchor:middle} .b{text-anchor:middle;font-weight:bold} .e{text-anchor:middle} .g{fill:%s} .in{fill:%s} .out{fill:%s}</style>`, ink, grey, inward, outward)
	c.add(`<defs>`)
	for _, a := range []struct {
		id, colour string
		size       float64
	}{{"a", lines, 6}, {"in", inward, 3.6}, {"out", outward, 3.6}} {
		c.add(`<marker id="%s" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="%g" markerHeight="%g" orient="auto"><path d="M0 0L8 4L0 8z" fill="%s"/></marker>`, a.id, a.size, a.size, a.colour)
	}
	c.add(`</defs>`)
	c.add(`<rect width="%.0f" height="%.0f" rx="10" fill="#fbfbfc"/>`, width, height)
	drawLegend(c)
	for _, b := range g.bands {
		drawBand(c, b[0])
	}
	drawImports(c, g)
	for _, b := range g.bands {
		for _, n := range b {
			if !n.isLane {
				drawBox(c, g, n)
			}
		}
	}
	drawWay(c, g)
	c.add(`</svg>`)
	return c.Bytes()
}

// drawLegend says what the lines are.
func drawLegend(c *canvas) {
	c.add(`<text x="18" y="32" font-size="17" font-weight="bold">mtcp</text>`)
	c.text(72, 32, 13, "", "Packages in layers; each imports only from below.")
	x := 430.0
	for _, l := range []struct {
		class, colour, text string
		width, more         float64
	}{
		{"a", lines, "imports, but for those implied", 1, 250},
		{"in", inward, "a packet comes in", 2.6, 175},
		{"out", outward, "a packet goes out", 2.6, 175},
	} {
		c.add(`<path d="M%.0f 28H%.0f" fill="none" stroke="%s" stroke-width="%g" marker-end="url(#%s)"/>`, x, x+32, l.colour, l.width, l.class)
		c.text(x+42, 32, 12, "", l.text)
		x += l.more
	}
	c.add(`<rect x="%.0f" y="20" width="26" height="16" rx="3" fill="#ffffff" stroke="%s" stroke-dasharray="4 3"/>`, x, grey)
	c.text(x+36, 32, 12, "", "for tests")
}

// drawBand draws what is behind a layer.
func drawBand(c *canvas, n *node) {
	c.add(`<rect x="8" y="%.1f" width="%.0f" height="%.1f" rx="6" fill="#eef1f4"/>`, n.y-8, width-16, n.h+16)
	c.text(width-18, n.y+n.h/2+5, 15, "g e", fmt.Sprint(n.layer))
}

// drawImports draws every import that is not implied by another, from above.
func drawImports(c *canvas, g *graph) {
	for _, b := range g.bands {
		for _, n := range b {
			if n.isLane && !n.isWay {
				c.add(`<path d="M%.1f %.1fV%.1f" fill="none" stroke="%s"/>`, n.x, n.y, n.y+n.h, lines)
			}
			for i, d := range byPlace(n.down) {
				x1, y1 := port(n, i, len(n.down)), n.y+n.h
				x2, y2 := port(d, slices.Index(byPlace(d.up), n), len(d.up)), d.y
				marker := ` marker-end="url(#a)"`
				if d.isLane {
					marker = ""
				}
				c.add(`<path d="%s" fill="none" stroke="%s"%s/>`, curve(x1, y1, x2, y2, 0), lines, marker)
			}
		}
	}
}

func byPlace(of []*node) []*node {
	return slices.SortedStableFunc(slices.Values(of), func(a, b *node) int { return cmp.Compare(a.x, b.x) })
}

// port is where the i-th of n lines meets a node.
func port(n *node, i, of int) float64 {
	if n.isLane {
		return n.x
	}
	const used = 0.76 // of the edge
	return n.x - n.w*used/2 + n.w*used*(float64(i)+0.5)/float64(of)
}

// curve goes from one edge to another and leaves both upright, shift to the
// right of the middle on all of its way.
func curve(x1, y1, x2, y2, shift float64) string {
	m := (y1 + y2) / 2
	if (x2-x1)*(y2-y1) > 0 {
		m -= shift
	} else {
		m += shift
	}
	x1, x2 = x1+shift, x2+shift
	return fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x1, y1, x1, m, x2, m, x2, y2)
}

// drawBox draws a package: its name, and what it is for.
func drawBox(c *canvas, g *graph, n *node) {
	stroke, more := "#8c959f", ""
	isWay := onWay(wayIn, n.pkg.dir) >= 0
	switch {
	case isWay:
		stroke, more = ink, ` stroke-width="1.8"`
	case g.isSupport(n.pkg):
		more = ` stroke-dasharray="4 3"`
	}
	c.add(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="5" fill="#ffffff" stroke="%s"%s/>`, n.x-n.w/2, n.y, n.w, n.h, stroke, more)
	name := path.Base(n.pkg.dir)
	switch n.pkg.dir {
	case ".":
		name = "mtcp"
	case "cmd/mtcp":
		name = "cmd/mtcp"
	}
	y := n.y + padY + titleSize - 3
	c.text(n.x, y, titleSize, "b", name)
	for _, l := range wrap(n.pkg.purpose, n.w) {
		y += lineY
		c.text(n.x, y, textSize, "m", l)
	}
	if isWay {
		drawStop(c, n.x, n.y+n.h-padY+1, at(wayIn, n.pkg.dir), at(wayOut, n.pkg.dir))
	}
}

// drawStop names the functions that a packet meets here.
func drawStop(c *canvas, x, y float64, in, out string) {
	if out == "" {
		c.add(`<text x="%.0f" y="%.1f" font-size="11" class="b in">%s</text>`, x, y, in)
		return
	}
	c.add(`<text x="%.0f" y="%.1f" font-size="11" class="b"><tspan class="in">%s</tspan><tspan class="out" dx="14">%s</tspan></text>`,
		x, y, in, out)
}
