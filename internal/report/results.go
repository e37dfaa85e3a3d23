package report

import (
	"math"
	"slices"
	"strings"
)

// Results is all that one run came to.
type Results struct {
	Command  string    `json:"command"`
	Date     string    `json:"date"`
	Machine  string    `json:"machine"`
	Kernel   string    `json:"kernel"`
	Go       string    `json:"go"`
	Rounds   int       `json:"rounds"`
	Warmup   string    `json:"warmup"`
	Duration string    `json:"duration"`
	Load     [2]string `json:"load_average"` // before and after
	Settings []string  `json:"settings"`     // what holds for all rows
	Figures  []*Figure `json:"figures"`
	LeftOut  []LeftOut `json:"left_out"`
}

// A LeftOut is a row that was not measured.
type LeftOut struct {
	Row string `json:"row"`
	Why string `json:"why"`
}

// Kind is what of a sample a figure shows beside its rate.
type Kind string

// The kinds.
const (
	Curve   Kind = "curve"   // a rate over something
	Bars    Kind = "bars"    // a rate each
	Latency Kind = "latency" // times
	Memory  Kind = "memory"  // octets
	Plain   Kind = "plain"   // a number, with nothing behind it
)

// A Figure is a table and its plots.
type Figure struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
	Unit  string `json:"unit"`
	X     string `json:"x,omitempty"` // what the points differ in
	Note  string `json:"note,omitempty"`
	Paper string `json:"paper,omitempty"` // what the paper had
	Rows  []*Row `json:"rows"`
}

// A Row is one contender.
type Row struct {
	Name   string   `json:"name"`
	Link   string   `json:"link"`
	Tuned  string   `json:"tuned,omitempty"` // flags that are not the default
	Points []*Point `json:"points"`
}

// Label names the row among those of its link.
func (r *Row) Label() string {
	if r.Tuned != "" {
		return r.Name + " (tuned: " + r.Tuned + ")"
	}
	return r.Name
}

// A Point is the same thing measured in every round.
type Point struct {
	X       float64   `json:"x,omitempty"`
	Label   string    `json:"label"`
	Samples []*Sample `json:"samples"`
}

// A Sample is one measurement. Times are in ns.
type Sample struct {
	Round    int     `json:"round"`
	At       string  `json:"at"`
	Value    float64 `json:"value"`
	Failed   string  `json:"failed,omitempty"` // why there is none
	Server   Side    `json:"server"`
	Client   Side    `json:"client"`
	Errors   uint64  `json:"errors"`
	Wrong    uint64  `json:"wrong"`
	Late     uint64  `json:"late"`
	Error    string  `json:"first_error,omitempty"`
	Rate     float64 `json:"rate_asked,omitempty"` // of an open loop
	Mean     int64   `json:"mean_ns,omitempty"`
	P50      int64   `json:"p50_ns,omitempty"`
	P90      int64   `json:"p90_ns,omitempty"`
	P99      int64   `json:"p99_ns,omitempty"`
	P999     int64   `json:"p999_ns,omitempty"`
	Max      int64   `json:"max_ns,omitempty"`
	Jain     float64 `json:"jain,omitempty"`
	Options  string  `json:"options,omitempty"` // negotiated
	Memory   *Mem    `json:"memory,omitempty"`
	PerCount string  `json:"per,omitempty"` // what the sides' figures are divided by
}

// A Side is what one process spent. Without Busy, which needs a stack that counts
// its idle polls, there is CPU alone.
type Side struct {
	BusySeconds float64 `json:"busy_seconds"` // idle polls left out; 0: not known
	CPUSeconds  float64 `json:"cpu_seconds"`  // of the process, idle polls among them
	Micros      float64 `json:"us_per"`       // of Busy, or of CPU when that is not known
	Packets     float64 `json:"packets_per"`  // both ways; 0: not known
	Retransmits uint64  `json:"retransmits"`
	TimeWaits   uint64  `json:"time_waits"`
	Evicted     uint64  `json:"time_waits_evicted"`
	Uncounted   bool    `json:"time_waits_uncounted,omitempty"` // it has them, and does not say how many
	Congestion  string  `json:"congestion,omitempty"`
	Checksums   string  `json:"checksums,omitempty"`
	Mode        string  `json:"mode,omitempty"` // of the link
}

// Mem is what idle connections took of a process, in octets.
type Mem struct {
	Connections int    `json:"connections"`
	Before      uint64 `json:"before"`
	After       uint64 `json:"after"`      // resident, huge pages among them
	Huge        uint64 `json:"huge_pages"` // of After
	Shared      uint64 `json:"memfd"`      // of After: mapped memfd and its like
}

// A Spread is a median with the extremes.
type Spread struct{ Median, Min, Max float64 }

// SpreadOf is the spread of values; NaN when there are none.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN()}
	}
	v := slices.Sorted(slices.Values(values))
	m := v[len(v)/2]
	if len(v)%2 == 0 {
		m = (m + v[len(v)/2-1]) / 2
	}
	return Spread{m, v[0], v[len(v)-1]}
}

// Spread is that of a quantity over the samples that did not fail.
func (p *Point) Spread(of func(*Sample) float64) Spread {
	var all []float64
	for _, s := range p.Samples {
		if s.Failed == "" {
			all = append(all, of(s))
		}
	}
	return SpreadOf(all)
}

// Value is the spread of what the figure shows.
func (p *Point) Value() Spread { return p.Spread(func(s *Sample) float64 { return s.Value }) }

// sum adds up a count over the samples.
func (p *Point) sum(of func(*Sample) uint64) (n uint64) {
	for _, s := range p.Samples {
		n += of(s)
	}
	return n
}

// good are the samples that did not fail.
func (p *Point) good() (all []*Sample) {
	for _, s := range p.Samples {
		if s.Failed == "" {
			all = append(all, s)
		}
	}
	return all
}

// Settle moves what could not be measured at all to what is left out, and drops
// what is empty then.
func (r *Results) Settle() {
	var figures []*Figure
	for _, f := range r.Figures {
		var rows []*Row
		for _, row := range f.Rows {
			var points []*Point
			for _, p := range row.Points {
				if len(p.good()) > 0 {
					points = append(points, p)
				} else if len(p.Samples) > 0 {
					r.LeftOut = append(r.LeftOut, LeftOut{f.name(row, p), "it failed: " + p.Samples[0].Failed})
				}
			}
			if row.Points = points; len(points) > 0 {
				rows = append(rows, row)
			}
		}
		if f.Rows = rows; len(rows) > 0 {
			figures = append(figures, f)
		}
	}
	r.Figures = figures
}

func (f *Figure) name(row *Row, p *Point) string {
	parts := []string{f.Title, row.Link, row.Label()}
	if p.Label != "" {
		parts = append(parts, p.Label)
	}
	return strings.Join(parts, ": ")
}

// links are those of the figure's rows, in order.
func (f *Figure) links() (all []string) {
	for _, r := range f.Rows {
		if !slices.Contains(all, r.Link) {
			all = append(all, r.Link)
		}
	}
	return all
}

// of are the rows of a link.
func (f *Figure) of(link string) (all []*Row) {
	for _, r := range f.Rows {
		if r.Link == link {
			all = append(all, r)
		}
	}
	return all
}
