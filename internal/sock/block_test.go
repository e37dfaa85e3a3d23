package sock

import (
	"testing"
	"unsafe"
)

func TestBlock_EachSideWritesItsOwnLine(t *testing.T) {
	var b Block
	if n := unsafe.Sizeof(b); n != 128 {
		t.Errorf("a Block has %d octets, want 128", n)
	}
	line := func(name string, first, size uintptr, want uintptr) {
		if first/64 != want || (first+size-1)/64 != want {
			t.Errorf("%s stands at octet %d, want line %d", name, first, want)
		}
	}
	line("rxW", unsafe.Offsetof(b.rxW), unsafe.Sizeof(b.rxW), 0)
	line("txR", unsafe.Offsetof(b.txR), unsafe.Sizeof(b.txR), 0)
	line("rxRefs", unsafe.Offsetof(b.rxRefs), unsafe.Sizeof(b.rxRefs), 0)
	line("txRefs", unsafe.Offsetof(b.txRefs), unsafe.Sizeof(b.txRefs), 0)
	line("rxNotify", unsafe.Offsetof(b.rxNotify), 4, 0)
	line("errno", unsafe.Offsetof(b.errno), 1, 1) // written once
	line("own", unsafe.Offsetof(b.own), 1, 1)     // and before there is an application
	line("Account", unsafe.Offsetof(b.Account), unsafe.Sizeof(b.Account), 0)
	line("Rare", unsafe.Offsetof(b.Rare), unsafe.Sizeof(b.Rare), 1)
	line("rxR", unsafe.Offsetof(b.rxR), unsafe.Sizeof(b.rxR), 1)
	line("txW", unsafe.Offsetof(b.txW), unsafe.Sizeof(b.txW), 1)
	line("ready", unsafe.Offsetof(b.ready), 4, 1)
}

func TestCommand_FillsALineWithItsTurnWord(t *testing.T) {
	if n := unsafe.Sizeof(Command{}); n != 56 {
		t.Errorf("a Command has %d octets, want 56", n)
	}
}

func TestErrno_HasANameEach(t *testing.T) {
	seen := make(map[string]Errno)
	for e := OK; e <= NoMemory; e++ {
		s := e.String()
		if was, twice := seen[s]; s == "" || s == "unknown error" || twice {
			t.Errorf("%d is called %q, as %d", e, s, was)
		}
		seen[s] = e
	}
	if Errno(250).String() != "unknown error" {
		t.Error("an unknown error has a name")
	}
}

func TestBlock_ErrnoCountsOnceBroken(t *testing.T) {
	w := newWorld(t)
	if w.b.Errno() != OK {
		t.Error("broken from the beginning")
	}
	w.b.Break(Reset)
	w.b.Break(TimedOut) // the first one stays
	if w.b.Errno() != Reset {
		t.Errorf("%v", w.b.Errno())
	}
	w.b.Reset()
	if w.b.Errno() != OK || w.b.Flags() != 0 {
		t.Error("a reset block remembers")
	}
}

func TestRaise_WakesEachSleeperOnce(t *testing.T) {
	w := newWorld(t)
	if w.b.Raise(EOF, ReadParked) != 0 {
		t.Error("woke somebody who did not sleep")
	}
	w.b.set(ReadParked | WriteParked)
	if got := w.b.Raise(0, ReadParked); got != ReadParked {
		t.Errorf("woke %b", got)
	}
	if got := w.b.Raise(Broken, ReadParked|WriteParked); got != WriteParked {
		t.Errorf("woke %b", got)
	}
	if w.b.Flags() != EOF|Broken {
		t.Errorf("flags %b", w.b.Flags())
	}
}
