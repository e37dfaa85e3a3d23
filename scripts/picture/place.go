package main

// Where everything stands.

import "strings"

// Sizes in pixels.
const (
	width     = 1200.0
	left      = 112.0 // of the bands' contents; the NIC is left of it
	right     = width - 76
	top       = 64.0
	gapX      = 16.0
	gapLane   = 9.0
	gapWay    = 40.0 // between neighbours on the packet's way, for its arrows
	laneWidth = 2.0
	wayWidth  = 26.0
	boxMax    = 208.0
	boxAlone  = 300.0
	appWidth  = 150.0
	gapApp    = 50.0
	titleSize = 13.0
	textSize  = 10.5
	lineY     = 13.0
	padY      = 8.0
	charWidth = 5.9  // of textSize, generously
	between   = 40.0 // bands
	maxLines  = 4    // of what a package is for
)

func (g *graph) place() {
	for _, b := range g.bands {
		g.sizes(b)
	}
	for range 60 {
		for _, b := range g.bands {
			settle(b)
		}
		for i := range g.bands {
			settle(g.bands[len(g.bands)-1-i])
		}
	}
	y := top
	for _, b := range g.bands {
		h := 0.0
		for _, n := range b {
			h = max(h, n.h)
		}
		for _, n := range b {
			n.y, n.h = y, h
		}
		y += h + between
	}
}

// sizes gives a band's boxes their widths and heights, and first places.
func (g *graph) sizes(b []*node) {
	free, boxes := right-start(b), 0
	for i, n := range b {
		n.w = laneWidth
		if n.isWay {
			n.w = wayWidth
		}
		if !n.isLane {
			boxes++
			n.w = 0
		}
		free -= n.w
		if i > 0 {
			free -= gap(b[i-1], n)
		}
	}
	w := min(boxMax, free/float64(max(boxes, 1)))
	if boxes == 1 {
		w = min(boxAlone, free)
	}
	x := start(b)
	for i, n := range b {
		if !n.isLane {
			n.w = w
			n.h = titleSize + lineY*float64(len(wrap(n.pkg.purpose, w))) + 2*padY
			if onWay(wayIn, n.pkg.dir) >= 0 {
				n.h += lineY
			}
		}
		if i > 0 {
			x += gap(b[i-1], n)
		}
		n.x = x + n.w/2
		x += n.w
	}
}

// start is where a band begins; the application is left of the package that it
// calls.
func start(b []*node) float64 {
	if len(b) > 0 && b[0].pkg.dir == wayOut[0].dir && !b[0].isLane {
		return left + appWidth + gapApp
	}
	return left
}

func gap(a, b *node) float64 {
	if a.isLane && b.isLane && !a.isWay && !b.isWay {
		return gapLane
	}
	if onWay(wayIn, a.pkg.dir) >= 0 && onWay(wayIn, b.pkg.dir) >= 0 && !a.isLane && !b.isLane {
		return gapWay
	}
	return gapX
}

// settle moves a band's nodes towards their neighbours in other bands, keeping
// order and gaps: the least sum of squares, by pooling those that collide.
func settle(b []*node) {
	type pool struct{ sum, weight, n float64 }
	offset := make([]float64, len(b))
	var pools []pool
	for i, n := range b {
		if i > 0 {
			offset[i] = offset[i-1] + b[i-1].w/2 + gap(b[i-1], n) + n.w/2
		}
		want, weight := desire(n)
		p := pool{(want - offset[i]) * weight, weight, 1}
		for len(pools) > 0 && pools[len(pools)-1].sum/pools[len(pools)-1].weight > p.sum/p.weight {
			l := pools[len(pools)-1]
			p = pool{p.sum + l.sum, p.weight + l.weight, p.n + l.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	if len(b) == 0 {
		return
	}
	last := len(b) - 1
	lo, hi := start(b)+b[0].w/2, right-b[last].w/2-offset[last]
	i := 0
	for _, p := range pools {
		for range int(p.n) {
			b[i].x = offset[i] + max(lo, min(hi, p.sum/p.weight))
			i++
		}
	}
}

// desire is where a node would like to stand, and how much.
func desire(n *node) (x, weight float64) {
	sum, count := n.x, 1.0
	for _, m := range n.up {
		sum, count = sum+m.x, count+1
	}
	for _, m := range n.down {
		sum, count = sum+m.x, count+1
	}
	for _, m := range n.near {
		sum, count = sum+3*m.x, count+3
	}
	if n.isLane {
		return sum / count, 2
	}
	return sum / count, 1
}

// wrap breaks a text into lines for a box; a longer one than maxLines ends at
// its last comma that fits, or with an ellipsis.
func wrap(text string, w float64) []string {
	perLine := int((w - 14) / charWidth)
	lines := fold(text, perLine)
	for len(lines) > maxLines {
		shorter := strings.Join(lines[:maxLines], " ")
		if i := strings.LastIndex(shorter, ","); i > 0 {
			text = shorter[:i]
			return fold(text, perLine)
		}
		return append(lines[:maxLines-1], lines[maxLines-1]+" …")
	}
	return lines
}

func fold(text string, perLine int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > perLine {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + w)
	}
	return append(lines, line)
}
