//go:build !race

package arena

import (
	"errors"
	"strings"
	"syscall"
	"testing"

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
