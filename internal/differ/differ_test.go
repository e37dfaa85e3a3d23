package differ

import (
	"flag"
	"os"
	"reflect"
	"testing"
)

var (
	sequences = flag.Int("sequences", 1000, "how many sequences go through both sides")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first one")
	batch     = flag.Int("batch", 1000, "how many go at the same time")
	table     = flag.String("table", "", "a file for the explained differences, as rows of a document")
)

func newKernel(t *testing.T) *Kernel {
	t.Helper()
	if testing.Short() {
		t.Skip("takes time, and the kernel's network")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a network namespace and a TUN device")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skip("needs TUN devices: ", err)
	}
	k, err := NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// Every difference between our TCP and the kernel's has a reason.
func TestAgainstTheKernel_EveryDifferenceHasAReason(t *testing.T) {
	k := newKernel(t)
	told := 0
	r, err := k.Campaign(*firstSeed, *sequences, *batch, func(r *Report) {
		if *sequences <= 5000 {
			return
		}
		t.Logf("%d sequences, %d differences without a reason, %d flaky", r.Sequences, r.total, r.Flaky)
		for ; told < len(r.Differences); told++ { // already now: the rest takes its time
			t.Log(r.Differences[told].Class(), "\n", r.Differences[told].Tell())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.String())
	for i, d := range r.Differences {
		if i < 12 { // the shortest ways take time
			if d, err = k.Shrink(d, r.reasons); err != nil {
				t.Fatal(err)
			}
		}
		t.Errorf("%s\n%s", d.Class(), d.Tell())
	}
	if *table != "" {
		f, err := os.Create(*table)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := k.Table(f, r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGenerate_SameSeedSameSequence(t *testing.T) {
	for seed := range uint64(500) {
		if a, b := Generate(seed), Generate(seed); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d gives two sequences", seed)
		}
	}
	if reflect.DeepEqual(Generate(1).Steps, Generate(2).Steps) {
		t.Error("two seeds give the same sequence")
	}
}

// What runs in virtual time runs the same way every time.
func TestRunOurs_SameSequenceSameTrace(t *testing.T) {
	for seed := range uint64(30) {
		s := Generate(seed)
		a, err := RunOurs(s)
		if err != nil {
			t.Fatal(err)
		}
		b, err := RunOurs(s)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d gives two traces", seed)
		}
	}
}
