package differ

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"testing"
)

var (
	sequences = flag.Int("sequences", 1000, "how many")
	firstSeed = flag.Uint64("seed", 1, "the first seed")
	batch     = flag.Int("batch", 1000, "how many at a time")
)

func TestAgainstTheKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a network namespace and a TUN device")
	}
	k, err := NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	classes := map[string]int{}
	first := map[string]*Difference{}
	states := map[string]int{}
	reasons, explained := Reasons(), map[string]int{}
	compared, steps := 0, 0
	for done := 0; done < *sequences; done += *batch {
		n := min(*batch, *sequences-done)
		all := make([]*Sequence, n)
		for i := range all {
			all[i] = Generate(*firstSeed + uint64(done+i))
		}
		kernel, err := k.Run(all)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			ours, err := RunOurs(s)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{"CLOSED": true}
			for _, o := range kernel[i] {
				seen[o.State] = true
			}
			for x := range seen {
				states[x]++
			}
			d, n := Compare(s, kernel[i], ours, reasons, func(r *Reason, _ *Difference) { explained[r.Name]++ })
			compared += n
			steps += len(s.Steps)
			if d != nil {
				c := d.Class()
				classes[c]++
				if first[c] == nil || d.At < first[c].At {
					first[c] = d
				}
			}
		}
	}
	fmt.Println(states)
	for i := range reasons {
		fmt.Printf("%6d %s\n", explained[reasons[i].Name], reasons[i].Name)
	}
	fmt.Println(compared, "of", steps, "steps compared")
	var names []string
	total := 0
	for c, n := range classes {
		names = append(names, c)
		total += n
	}
	sort.Slice(names, func(i, j int) bool { return classes[names[i]] > classes[names[j]] })
	for i, c := range names {
		if i < 40 {
			fmt.Printf("%5d %s\n%s", classes[c], c, first[c].Tell())
		}
	}
	fmt.Println(total, "differences in", len(names), "classes")
}
