package report

// Plots. Axes and text have the colour of what surrounds them, and the lines one
// of six that can be told apart on light and on dark; each line carries its name,
// so that no legend and no colour is needed to read it.

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// A Plot is a picture and the name of its file.
type Plot struct{ Name, SVG string }

const (
	plotWidth, plotHeight = 760.0, 340.0
	marginLeft, marginTop = 70.0, 34.0
	marginRight           = 230.0 // for the names of the lines
	marginBottom          = 44.0
	barHeight             = 22.0
	barLeft               = 300.0 // for the names of the bars
)

var colours = [...]string{"#3b7dd8", "#d9622b", "#2f9e63", "#a457c2", "#b8860b", "#d6336c"}

// Plots are those of a figure, one for each link; none when there is nothing to
// be seen that the table does not tell better.
func (f *Figure) Plots() (all []Plot) {
	if f.Kind == Plain {
		return nil
	}
	for _, link := range f.links() {
		rows, name := f.of(link), f.ID+"-"+slug(link)
		title := f.Title + ", " + link + " (" + f.Unit + ")"
		switch f.Kind {
		case Curve:
			all = append(all, Plot{name, curve(title, f.X, rows)})
		case Latency:
			all = append(all, Plot{name, ranges(f.Title+", "+link+": median, and the line from it to p99.9", rows)})
		default:
			all = append(all, Plot{name, bars(title, rows)})
		}
	}
	return all
}

// slug makes a file name of a link's.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
}

// A drawing is an SVG in the making.
type drawing struct{ strings.Builder }

func newDrawing(title string, width, height float64) *drawing {
	d := &drawing{}
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		xy(width), xy(height), xy(width), xy(height))
	// On its own the file follows the reader's preference; in a page, the page.
	d.WriteString("<style>svg { color: #222 } @media (prefers-color-scheme: dark) { svg { color: #ddd } }</style>\n")
	fmt.Fprintf(d, "<title>%s</title>\n", html.EscapeString(title))
	d.text(8, 18, "start", "currentColor", title)
	return d
}

func (d *drawing) text(x, y float64, anchor, fill, s string) {
	fmt.Fprintf(d, `<text x="%s" y="%s" text-anchor="%s" fill="%s">%s</text>`+"\n", xy(x), xy(y), anchor, fill, html.EscapeString(s))
}

func (d *drawing) line(x1, y1, x2, y2 float64, stroke, more string) {
	fmt.Fprintf(d, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s"%s/>`+"\n", xy(x1), xy(y1), xy(x2), xy(y2), stroke, more)
}

func (d *drawing) end() string { d.WriteString("</svg>\n"); return d.String() }

// xy writes a coordinate.
func xy(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

// curve draws rows over a logarithmic x axis, from zero up; when they lie far
// apart, the y axis is logarithmic, too.
func curve(title, xName string, rows []*Row) string {
	d := newDrawing(title, plotWidth, plotHeight)
	xs, low, high := extent(rows)
	right, bottom := plotWidth-marginRight, plotHeight-marginBottom
	x := func(v float64) float64 {
		if len(xs) < 2 {
			return (marginLeft + right) / 2
		}
		return marginLeft + (right-marginLeft)*math.Log(v/xs[0])/math.Log(xs[len(xs)-1]/xs[0])
	}
	ticks := linearTicks(high)
	top, base := ticks[len(ticks)-1], 0.0
	share := func(v float64) float64 { return v / top }
	if low > 0 && high/low > 20 {
		ticks = logTicks(low, high)
		base, top = ticks[0], ticks[len(ticks)-1]
		share = func(v float64) float64 { return math.Log(max(v, base)/base) / math.Log(top/base) }
	}
	y := func(v float64) float64 { return bottom - (bottom-marginTop)*share(v) }
	for _, t := range ticks {
		d.line(marginLeft, y(t), right, y(t), "currentColor", ` stroke-opacity="0.15"`)
		d.text(marginLeft-6, y(t)+4, "end", "currentColor", number(t))
	}
	for _, v := range xs {
		d.line(x(v), bottom, x(v), bottom+4, "currentColor", "")
		d.text(x(v), bottom+18, "middle", "currentColor", number(v))
	}
	d.text((marginLeft+right)/2, plotHeight-8, "middle", "currentColor", xName)
	labels := place(rows, y)
	for i, r := range rows {
		d.series(r, colours[i%len(colours)], x, y)
		d.text(right+10, labels[i], "start", colours[i%len(colours)], r.Label())
	}
	return d.end()
}

// series draws a line through the medians, and whiskers from lowest to highest.
func (d *drawing) series(r *Row, colour string, x, y func(float64) float64) {
	var points []string
	for _, p := range r.Points {
		v := p.Value()
		points = append(points, xy(x(p.X))+","+xy(y(v.Median)))
		d.line(x(p.X), y(v.Min), x(p.X), y(v.Max), colour, ` stroke-opacity="0.6"`)
		fmt.Fprintf(d, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`+"\n", xy(x(p.X)), xy(y(v.Median)), colour)
	}
	fmt.Fprintf(d, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.8"/>`+"\n", strings.Join(points, " "), colour)
}

// extent is which x there are, and how far y goes.
func extent(rows []*Row) (xs []float64, low, high float64) {
	low = math.Inf(1)
	for _, r := range rows {
		for _, p := range r.Points {
			v := p.Value()
			low, high = min(low, v.Min), max(high, v.Max)
			if !slices.Contains(xs, p.X) {
				xs = append(xs, p.X)
			}
		}
	}
	slices.Sort(xs)
	return xs, low, high
}

// place puts each line's name beside its end, and names that would meet apart.
func place(rows []*Row, y func(float64) float64) []float64 {
	const apart = 15
	at, order := make([]float64, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		order[i] = i
		at[i] = y(r.Points[len(r.Points)-1].Value().Median) + 4
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case at[a] < at[b]:
			return -1
		case at[a] > at[b]:
			return 1
		}
		return 0
	})
	for k := 1; k < len(order); k++ {
		at[order[k]] = max(at[order[k]], at[order[k-1]]+apart)
	}
	for k, floor := len(order)-1, plotHeight-marginBottom+4; k >= 0; k, floor = k-1, floor-apart {
		at[order[k]] = min(at[order[k]], floor)
	}
	return at
}

// bars draws a bar for each point, with its number behind it.
func bars(title string, rows []*Row) string {
	d := newDrawing(title, plotWidth, barsHeight(rows))
	_, _, high := extent(rows)
	width := plotWidth - barLeft - 170
	x := func(v float64) float64 { return barLeft + width*v/max(high, math.SmallestNonzeroFloat64) }
	d.each(rows, func(p *Point, at float64, colour string) {
		v := p.Value()
		fmt.Fprintf(d, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="0.75"/>`+"\n",
			xy(barLeft), xy(at+3), xy(x(v.Median)-barLeft), xy(barHeight-6), colour)
		d.line(x(v.Min), at+barHeight/2, x(v.Max), at+barHeight/2, "currentColor", "")
		d.text(x(v.Max)+6, at+14, "start", "currentColor", v.text())
	})
	return d.end()
}

// ranges draws, over a logarithmic axis, where half of the times lie, and the rest.
func ranges(title string, rows []*Row) string {
	d := newDrawing(title, plotWidth, barsHeight(rows))
	at := func(p *Point, of func(*Sample) int64) float64 {
		return max(1, p.Spread(func(s *Sample) float64 { return float64(of(s)) }).Median)
	}
	p50, p999 := func(s *Sample) int64 { return s.P50 }, func(s *Sample) int64 { return s.P999 }
	low, high := math.Inf(1), 0.0
	for _, r := range rows {
		for _, p := range r.Points {
			low, high = min(low, at(p, p50)), max(high, at(p, p999))
		}
	}
	width := plotWidth - barLeft - 170
	x := func(v float64) float64 { return barLeft + width*math.Log(v/low)/math.Log(max(high/low, 1.001)) }
	d.each(rows, func(p *Point, top float64, colour string) {
		y := top + barHeight/2
		d.line(x(at(p, p50)), y, x(at(p, p999)), y, colour, ` stroke-width="4" stroke-opacity="0.5"`)
		fmt.Fprintf(d, `<circle cx="%s" cy="%s" r="5" fill="%s"/>`+"\n", xy(x(at(p, p50))), xy(y), colour)
		d.text(x(at(p, p999))+8, top+14, "start", "currentColor", Duration(at(p, p50))+" to "+Duration(at(p, p999)))
	})
	return d.end()
}

func barsHeight(rows []*Row) float64 {
	n := 0
	for _, r := range rows {
		n += len(r.Points)
	}
	return marginTop + barHeight*float64(n) + 8
}

// each names every point, in the middle, and has it drawn.
func (d *drawing) each(rows []*Row, draw func(p *Point, top float64, colour string)) {
	many := slices.ContainsFunc(rows, func(r *Row) bool { return len(r.Points) > 1 })
	top := marginTop
	for i, r := range rows {
		for _, p := range r.Points {
			name := r.Label()
			if many {
				name += ", " + p.Label
			}
			d.text(barLeft-8, top+14, "end", "currentColor", short(name))
			draw(p, top, colours[i%len(colours)])
			top += barHeight
		}
	}
}

// short cuts a name to what fits beside a bar.
func short(s string) string {
	const most = 46
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// linearTicks go from zero to just above high.
func linearTicks(high float64) []float64 {
	if high <= 0 || math.IsInf(high, 0) {
		return []float64{0, 1}
	}
	step := math.Pow(10, math.Floor(math.Log10(high)))
	for _, part := range [...]float64{.1, .2, .25, .5} {
		if high/(step*part) <= 6 {
			step *= part
			break
		}
	}
	ticks := []float64{0}
	for v := 0.0; v < high; {
		v += step
		ticks = append(ticks, v)
	}
	return ticks
}

// logTicks are the powers of ten around low and high.
func logTicks(low, high float64) (ticks []float64) {
	for e := math.Floor(math.Log10(low)); ; e++ {
		ticks = append(ticks, math.Pow(10, e))
		if math.Pow(10, e) >= high {
			return ticks
		}
	}
}
