package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/technique"
)

func TestAblate_HasARowForEveryTechnique(t *testing.T) {
	var all technique.Set
	names := map[string]bool{}
	for _, v := range variants {
		if names[v.name] {
			t.Errorf("two rows are called %q", v.name)
		}
		names[v.name] = true
		for _, arg := range v.out {
			if name, ok := strings.CutPrefix(arg, "--without="); ok {
				s, err := technique.Parse([]string{name})
				if err != nil {
					t.Error(err)
				}
				all |= s
			}
		}
	}
	if all != technique.All {
		t.Errorf("rows for %v, want %v", all, technique.All)
	}
}

func TestAblate_TheTableSaysWhetherATechniqueHelps(t *testing.T) {
	c := &benchAblateCmd{Pairs: 2, Duration: time.Second, Warmup: 0, C: 8, Work: []string{"short", "out"}, Only: []string{"fin"}}
	if got := c.chosen(); len(got) != 1 || got[0].name != "FIN on data" {
		t.Fatalf("--only fin chose %v", got)
	}
	a := &ablation{cmd: c, serverCore: 0, clientCore: anyCore, rows: []ablationRow{
		{v: &variants[4], work: "short"}, {v: &variants[6], work: "out", why: "no huge pages"},
	}}
	r := &a.rows[0]
	r.add(0, &loadReport{Work: "short", PerSecond: 2000, Transactions: 2000, PacketsIn: 3, PacketsOut: 3}, 4*time.Millisecond)
	r.add(1, &loadReport{Work: "short", PerSecond: 1000, Transactions: 1000, PacketsIn: 3, PacketsOut: 4}, 3*time.Millisecond)
	r.add(1, &loadReport{Work: "short", PerSecond: 1000, Transactions: 1000, PacketsIn: 3, PacketsOut: 4}, 3*time.Millisecond)
	r.add(0, &loadReport{Work: "short", PerSecond: 3000, Transactions: 3000, PacketsIn: 3, PacketsOut: 3, Wrong: 1, FirstError: "reset"}, 6*time.Millisecond)
	got := a.table()
	for _, want := range []string{
		"| FIN on data | short, /s | 2,500 (2,000 to 3,000) (1 failed: reset) | 1,000 (1,000 to 1,000) | 2.50 (2.00 to 3.00) | 2.00 | 3.00 | 1.50 (1.50 to 1.50) | 6.0 | 7.0 |",
		"| huge pages | out, MB/s | no huge pages |",
		"mtcp bench ablate --pairs 2 --duration 1s --warmup 0s -c 8 --work short,out --only \"fin\"",
		"server on core 0, client on core any",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}

// A run of the real thing, as short as can be: what it measures says nothing.
func TestAblate_RunsBothHalvesWithAndWithout(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of load on two cores")
	}
	p := start(t, options{}, "bench", "ablate", "--pairs", "1", "--duration", "400ms", "--warmup", "100ms", "--work", "short", "--only", "FIN")
	if code := p.exit(); code != exitOK {
		t.Fatalf("exit code %d: %s", code, p.stderr)
	}
	out := p.out.String()
	if !strings.Contains(out, "| FIN on data | short, /s |") || strings.Contains(out, "failed") {
		t.Error(out)
	}
	// Both halves did without: a FIN of its own is a packet more of each connection.
	with, without, err := packetsOf(out, "FIN on data")
	if err != nil || without-with < 0.5 {
		t.Errorf("%.1f packets with it, %.1f without, %v:\n%s", with, without, err, out)
	}
}

// packetsOf reads the last two columns of a row.
func packetsOf(table, row string) (with, without float64, err error) {
	_, rest, _ := strings.Cut(table, "| "+row+" |")
	line, _, _ := strings.Cut(rest, "\n")
	cells := strings.Split(strings.Trim(line, "| "), "|")
	if len(cells) < 2 {
		return 0, 0, fmt.Errorf("no row of %q", row)
	}
	_, err = fmt.Sscan(cells[len(cells)-2]+cells[len(cells)-1], &with, &without)
	return with, without, err
}

func TestTechniqueFlags_AreThoseOfTheNextStack(t *testing.T) {
	defer technique.Choose(technique.Choice{})
	f := techniqueFlags{Without: []string{"lifo", "late-ack"}, Batch: 8, HugePages: true}
	var cfg mtcp.Config
	if err := f.choose(&cfg); err != nil {
		t.Fatal(err)
	}
	want := technique.Choice{Without: technique.LIFO | technique.LateAck, Batch: 8}
	if got := technique.Present(); got != want || !cfg.HugePages {
		t.Errorf("%v, huge pages %v, want %v and true", got, cfg.HugePages, want)
	}
}
