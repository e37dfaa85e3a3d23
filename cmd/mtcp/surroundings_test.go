package main

// What happens to a serving process, and what is left after it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// sharedStack are the flags of a small server that shares the kernel's address.
func sharedStack(w *world) []string {
	return []string{"serve", "--iface", w.server().Interface, "--shared", "--ports", "80", "--connections", "4096", "--ring-memory", "64"}
}

// kernelListen listens with the kernel's TCP at the server's end.
func kernelListen(w *world, address string) (l net.Listener, err error) {
	err = w.server().Do(func() (err error) {
		l, err = kernelDoor{}.Listen(context.Background(), "tcp4", address)
		return err
	})
	return l, err
}

// lineBack writes a line and expects it back.
func lineBack(c net.Conn) error {
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "line"); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 4))
	return err
}

// awaitStop waits until every thread of the process stands still: the signal only
// asks for that.
func (p *process) awaitStop() {
	p.t.Helper()
	threads := fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid)
	for late := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		all, running := 0, 0
		files, _ := filepath.Glob(threads)
		for _, f := range files {
			b, err := os.ReadFile(f)
			_, state, ok := strings.Cut(string(b), ") ")
			if err != nil || !ok {
				continue // a thread that has ended
			}
			all++
			if state[0] != 'T' {
				running++
			}
		}
		if all > 0 && running == 0 {
			return
		}
		if time.Now().After(late) {
			p.t.Fatalf("%d of %d threads do not stop", running, all)
		}
	}
}

func TestServe_GoesOnAfterItWasStopped(t *testing.T) {
	w := newTestWorld(t)
	p := start(t, options{in: w.server().Namespace}, append(append([]string{"serve"}, smallStack(w)...), "--echo", "--listen", ":7")...)
	p.await("echo")
	c, err := w.dial(t.Context(), "tcp4", "10.77.0.2:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := lineBack(c); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGSTOP)
	p.awaitStop()
	if _, err := io.WriteString(c, "more"); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(1500 * time.Millisecond)) // the kernel repeats what nobody acknowledges
	if n, err := c.Read(make([]byte, 4)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a process that is stopped answered %d octets, %v", n, err)
	}
	p.signal(syscall.SIGCONT)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Errorf("what was sent while it was stopped: %v", err)
	}
	if err := lineBack(c); err != nil {
		t.Errorf("the connection afterwards: %v", err)
	}
	p.signal(syscall.SIGTERM)
	c.Close()
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
}

// However the process ends, the port and its traffic are the kernel's again.
func TestServe_TheKernelHasTheTrafficBack(t *testing.T) {
	for _, how := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(how.String(), func(t *testing.T) {
			w := newTestWorld(t)
			p := start(t, options{in: w.server().Namespace}, append(sharedStack(w), "--echo")...)
			p.await("echo")
			if !strings.Contains(p.out.String(), "address    10.77.0.3/24 (the kernel's, too)") {
				t.Errorf("does not say whose address it is:\n%s", p.out)
			}
			c, err := w.dial(t.Context(), "tcp4", "10.77.0.3:80")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := lineBack(c); err != nil {
				t.Fatal(err)
			}
			if l, err := kernelListen(w, "10.77.0.3:80"); err == nil {
				l.Close()
				t.Fatal("the kernel has the port while the stack serves it")
			}
			if how == syscall.SIGTERM {
				c.Close()
			}
			p.signal(how)
			code := p.exit()
			if how == syscall.SIGTERM && code != exitOK {
				t.Errorf("exit code %d: %s", code, p.stderr)
			}
			checkNoXDP(t, w.server())
			l, err := kernelListen(w, "10.77.0.3:80")
			if err != nil {
				t.Fatalf("the port is still held: %v", err)
			}
			defer l.Close()
			go func() { // ends with the listener
				for {
					s, err := l.Accept()
					if err != nil {
						return
					}
					io.Copy(s, io.LimitReader(s, 4))
					s.Close()
				}
			}()
			if how == syscall.SIGKILL { // nobody said goodbye: the kernel answers that it knows nothing
				if err := lineBack(c); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("a connection of a process that was killed: %v", err)
				}
			}
			again, err := w.dial(t.Context(), "tcp4", "10.77.0.3:80")
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if err := lineBack(again); err != nil {
				t.Errorf("the kernel in the stack's place: %v", err)
			}
		})
	}
}

func TestServe_EndsWithItsInterface(t *testing.T) {
	for _, what := range []string{"--echo", "--root=" + t.TempDir()} {
		w := newTestWorld(t)
		p := start(t, options{in: w.server().Namespace}, append(append([]string{"serve"}, smallStack(w)...), what)...)
		p.await("listen")
		onServer(t, w, netlink.LinkDel)
		if code := p.exit(); code != exitFailed {
			t.Errorf("%s: exit code %d", what, code)
		}
		checkOneLine(t, p.stderr.String(), w.server().Interface, "was removed", "start again")
	}
}

func TestServe_SaysThatThereIsNoMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs more address space than the test leaves")
	}
	w := newTestWorld(t)
	checkFails(t, w, options{env: []string{dropEnv + "=memory"}}, append(append([]string{"serve"}, smallStack(w)...), "--echo", "--ring-memory", "4096"),
		"memory of the stack", "cannot allocate memory", "--ring-memory")
	checkNoXDP(t, w.server())
}
