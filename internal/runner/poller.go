package runner

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A poller has Go's scheduler look at the kernel's sockets. The scheduler looks
// when it runs out of goroutines, which it never does on a processor whose loop
// is always ready to run; if that is so on all, it looks every 10 ms. So now and
// then a loop waits for a descriptor that is ready at once: those who are ready
// run, the scheduler looks, and finds the loop with whatever else has come.
type poller struct {
	file  *os.File
	raw   syscall.RawConn
	asked bool
	ask   func(uintptr) bool
}

// newPoller opens an event descriptor. Every write to it makes an edge in Go's
// poller; the counter is never read, and 2⁶⁴ away from being full.
func newPoller() (*poller, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "look")}
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0} // 1 in either byte order is an edge
	p.ask = func(fd uintptr) bool {
		if p.asked {
			return true
		}
		p.asked = true
		_, err := unix.Write(int(fd), one)
		return err != nil
	}
	// Without Go's poller there are no deadlines either.
	if err = p.file.SetReadDeadline(time.Time{}); err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("eventfd in the runtime's poller: %w", err)
	}
	return p, nil
}

// poll lets others run, and returns when the scheduler has looked.
func (p *poller) poll() {
	p.asked = false
	_ = p.raw.Read(p.ask) // ask is false once, and true when the edge has come
}

func (p *poller) close() {
	if p != nil {
		_ = p.file.Close()
	}
}
