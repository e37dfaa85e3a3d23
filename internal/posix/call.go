// Calls that may block.

package posix

import (
	"syscall"

	"github.com/mtcp-go/mtcp/internal/mono"
)

// A Call is a system call: done, or blocked until the host has tried it again.
type Call struct {
	N     int           // what it returns, when Errno is 0
	Errno syscall.Errno // 0, or why it returns -1
	Done  bool

	try      func(c *Call) bool
	deadline mono.Time // returns by then; 0 never
}

// Result returns what the C function would, with the error number.
func (c *Call) Result() (int, syscall.Errno) {
	if c.Errno != 0 {
		return -1, c.Errno
	}
	return c.N, 0
}

func (c *Call) fail(e syscall.Errno) bool {
	c.Errno = e
	return true
}

func (c *Call) succeed(n int) bool {
	c.N = n
	return true
}

// begin tries a call for the first time. try reports whether it is done; when it
// is not and the call may not block, it returns with busy.
func (h *Host) begin(mayBlock bool, busy syscall.Errno, try func(c *Call) bool) *Call {
	c := &Call{try: try}
	c.Done = try(c)
	h.settle()
	switch {
	case c.Done:
	case !mayBlock:
		c.Done = true
		c.Errno = busy
	default:
		h.pending = append(h.pending, c)
	}
	return c
}

// failed returns a call that did not get anywhere.
func failed(e syscall.Errno) *Call { return &Call{Errno: e, Done: true} }

func returned(n int) *Call { return &Call{N: n, Done: true} }

// Interrupt gives a blocked call up, as a signal does.
func (h *Host) Interrupt(c *Call) {
	kept := h.pending[:0]
	for _, p := range h.pending {
		if p != c {
			kept = append(kept, p)
		}
	}
	if len(kept) < len(h.pending) {
		c.Done, c.Errno = true, syscall.EINTR
	}
	h.pending = kept
}

// tryPending tries blocked calls once more. done says that one of them returned,
// moved that the shard may have work from it.
func (h *Host) tryPending() (done, moved bool) {
	kept := h.pending[:0]
	for _, c := range h.pending {
		switch {
		case c.try(c):
			c.Done, done = true, true
		case c.deadline != 0 && h.now >= c.deadline:
			c.Done, done = true, true
		default:
			kept = append(kept, c)
		}
	}
	h.pending = kept
	return done, done
}
