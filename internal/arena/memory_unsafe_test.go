//go:build !race

package arena

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blocks returns how much memory the kernel holds for the region.
func blocks(t *testing.T, r *Region) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(r.Fd(), &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

func TestNew_TakesNoMemoryBeforeTheFirstTouch(t *testing.T) {
	r := newRegion(t, 4<<30, Options{})
	s, err := Make[uint64](r, 3<<30/8)
	if err != nil {
		t.Fatal(err)
	}
	if n := blocks(t, r); n != 0 {
		t.Errorf("%d octets are resident before any touch", n)
	}
	s[len(s)/2] = 1
	if n := blocks(t, r); n == 0 || n > 2<<20 {
		t.Errorf("%d octets are resident after one touch", n)
	}
}

func TestFd_IsTheSameMemory(t *testing.T) {
	r := newRegion(t, 4096, Options{})
	b, err := r.Bytes(4, 1)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, "mtcp")
	other, err := unix.Mmap(r.Fd(), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(other)
	if got := string(other[:4]); got != "mtcp" {
		t.Errorf("the second mapping reads %q", got)
	}
	if flags, err := unix.FcntlInt(uintptr(r.Fd()), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %#x, %v: child processes must not inherit it", flags, err)
	}
}

func TestMapMemory_SaysWhatFailedAndHowMuch(t *testing.T) {
	_, err := mapMemory("test", 1<<62, 0, unix.MAP_NORESERVE)
	var errno syscall.Errno
	if !errors.As(err, &errno) || !strings.Contains(err.Error(), "4398046511104 MiB") {
		t.Errorf("error %v, want an errno and the size", err)
	}
}

// resident counts the pages of b that are in memory.
func resident(t *testing.T, b []byte) int {
	t.Helper()
	in := make([]byte, (len(b)+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&in[0]))); errno != 0 {
		t.Fatal(errno)
	}
	n := 0
	for _, x := range in {
		n += int(x & 1)
	}
	return n
}

func TestPrivate_TakesNoMemoryBeforeTheFirstTouchAndGivesItBack(t *testing.T) {
	page := os.Getpagesize()
	r := newRegion(t, 1<<30, Options{Private: true})
	if r.Fd() != -1 {
		t.Errorf("descriptor %d: private memory has none", r.Fd())
	}
	s, err := Make[uint64](r, 1<<30/8)
	if err != nil {
		t.Fatal(err)
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), 64*page)
	if n := resident(t, b); n != 0 {
		t.Errorf("%d pages are resident before any touch", n)
	}
	for i := range b {
		b[i] = 1
	}
	clear(b)
	if n := resident(t, b); n != 64 {
		t.Errorf("%d of 64 pages are resident", n)
	}
	first, end := page/8/2, 10*page/8+page/8/2 // half a page, nine whole ones, half a page
	s[first-1], s[end] = 7, 7
	Release(s[first:end])
	if n := resident(t, b); n > 64-9 || n < 64-9 {
		t.Errorf("%d of 64 pages are resident after nine went", n)
	}
	if s[first-1] != 7 || s[end] != 7 || s[first] != 0 || s[first+page/8] != 0 {
		t.Error("what was beside the released memory has changed, or that is not zero")
	}
	Release(s[:1])
	Release(s[:0])
}

// The front of a large array stays on ordinary pages, and so does what follows it.
func TestLarge_AsksForHugePagesBeyondTheFirstPart(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no transparent huge pages: ", err)
	}
	r := newRegion(t, 64<<20, Options{Private: true})
	large, err := Make[uint64](r, 16<<20/8)
	if err != nil {
		t.Fatal(err)
	}
	small, err := Make[uint64](r, smallPart/8)
	if err != nil {
		t.Fatal(err)
	}
	Large(large)
	Large(small)
	Large(large[:0])
	at := func(s []uint64, octet int) bool { return advised(t, uintptr(unsafe.Pointer(&s[octet/8]))) }
	if at(large, 0) || at(large, smallPart-8) || at(small, 0) || at(small, smallPart-8) {
		t.Error("huge pages were asked for where ordinary ones were wanted")
	}
	if !at(large, smallPart) || !at(large, 16<<20-8) {
		t.Error("huge pages were not asked for")
	}
}

// advised reports that huge pages were asked for at an address: "hg" among the
// flags of its mapping.
func advised(t *testing.T, address uintptr) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	within := false
	for line := range strings.Lines(string(text)) {
		var first, end uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &first, &end); n == 2 {
			within = first <= address && address < end
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && within {
			return slices.Contains(strings.Fields(flags), "hg")
		}
	}
	t.Fatalf("nothing is mapped at %#x", address)
	return false
}
