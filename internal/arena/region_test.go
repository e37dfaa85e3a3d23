package arena

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"
)

// newRegion makes a region that the test closes.
func newRegion(t *testing.T, size int, o Options) *Region {
	t.Helper()
	r, err := New("test", size, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestNew_RoundsUpToPages(t *testing.T) {
	page := os.Getpagesize()
	r := newRegion(t, page+1, Options{})
	if got := r.Info().Size; got != 2*page {
		t.Errorf("size = %d, want two pages", got)
	}
	if _, err := r.Bytes(2*page, 1); err != nil {
		t.Errorf("the rounded-up size must be usable: %v", err)
	}
}

func TestNew_RefusesImpossibleSizes(t *testing.T) {
	for _, size := range []int{0, -1, math.MinInt, MaxSize + 1, math.MaxInt} {
		if r, err := New("test", size, Options{}); err == nil {
			r.Close()
			t.Errorf("New of %d octets succeeded", size)
		}
	}
}

func TestNew_ReportsTheFallBackFromHugePages(t *testing.T) {
	i := newRegion(t, 1, Options{HugePages: true}).Info()
	if i.Huge == (i.Why != "") {
		t.Errorf("huge = %v, why = %q: exactly one of them is to be said", i.Huge, i.Why)
	}
	if i := newRegion(t, 1, Options{}).Info(); i.Huge || i.Why != "" {
		t.Errorf("huge = %v, why = %q without asking", i.Huge, i.Why)
	}
}

func TestBytes_AreAlignedZeroAndDisjoint(t *testing.T) {
	r := newRegion(t, 1<<20, Options{})
	var all [][]byte
	for i, align := range []int{1, 64, 8, 4096, 2, 64, 1} {
		b, err := r.Bytes(100+i, align)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != 100+i || cap(b) != len(b) {
			t.Errorf("len %d, cap %d, want both %d", len(b), cap(b), 100+i)
		}
		if at := addressOf(b); at%uintptr(align) != 0 {
			t.Errorf("address %#x is not a multiple of %d", at, align)
		}
		for j, v := range b {
			if v != 0 {
				t.Fatalf("octet %d of piece %d is %d: it is not fresh", j, i, v)
			}
			b[j] = byte(i + 1)
		}
		all = append(all, b)
	}
	for i, b := range all {
		for j, v := range b {
			if v != byte(i+1) {
				t.Fatalf("octet %d of piece %d was overwritten by piece %d", j, i, v-1)
			}
		}
	}
}

func TestBytes_RefusesWhatDoesNotFit(t *testing.T) {
	r := newRegion(t, 8192, Options{})
	for _, bad := range []struct{ n, align int }{
		{-1, 1}, {1, 0}, {1, -8}, {1, 3}, {1, 1 << 30},
	} {
		if _, err := r.Bytes(bad.n, bad.align); err == nil || errors.Is(err, ErrFull) {
			t.Errorf("Bytes(%d, %d): %v, want a refusal of the arguments", bad.n, bad.align, err)
		}
	}
	if _, err := r.Bytes(math.MaxInt, 1); !errors.Is(err, ErrFull) {
		t.Errorf("all the memory of the world: %v, want ErrFull", err)
	}
	if _, err := r.Bytes(8000, 1); err != nil {
		t.Fatal(err)
	}
	_, err := r.Bytes(200, 64)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "192 octets of 8 KiB left") {
		t.Errorf("error %v, want ErrFull with what is left", err)
	}
	if used := r.Info().Used; used != 8000 {
		t.Errorf("used = %d after a refusal, want 8000", used)
	}
	if _, err := r.Bytes(192, 64); err != nil {
		t.Errorf("the last 192 octets: %v", err)
	}
}

func TestClose_IsIdempotentAndEndsAllocation(t *testing.T) {
	r := newRegion(t, 4096, Options{})
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Bytes(1, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("Bytes after Close: %v, want ErrClosed", err)
	}
	if r.Fd() != -1 {
		t.Errorf("descriptor %d after Close", r.Fd())
	}
	if i := r.Info(); i.Size != 4096 {
		t.Errorf("Info must outlive Close: %+v", i)
	}
}

func TestSizeText_UsesTheGreatestUnit(t *testing.T) {
	for n, want := range map[int]string{
		0: "0 octets", 100: "100 octets", 4096: "4 KiB", 64 << 20: "64 MiB", 3 << 30: "3072 MiB", 1<<20 + 1: "1048577 octets",
	} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
