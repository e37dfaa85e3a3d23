// Children: this command and load generators, in a namespace and on a core.
// None outlives its parent.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	startPatience = 10 * time.Second
	stopPatience  = drainPatience + 2*time.Second
	anyCore       = -1
)

// A place is where something happens: a network namespace, or here.
type place interface {
	Do(f func() error) error
}

// here is the network namespace that this process is in.
type here struct{}

// Do runs f.
func (here) Do(f func() error) error { return f() }

// A server is a child that prints events as mtcp serve --json does.
type server struct {
	cmd    *exec.Cmd
	events chan event
	stderr *tail
	ended  chan struct{}
	err    error // of the process, once ended
	ready  event
}

// startServer runs mtcp serve at a place and waits until it listens.
func startServer(ctx context.Context, at place, core int, args ...string) (*server, error) {
	return startEvents(ctx, at, core, executable(), append([]string{"serve", "--json"}, args...)...)
}

// startEvents runs a program at a place and waits until it says that it is ready.
func startEvents(ctx context.Context, at place, core int, program string, args ...string) (*server, error) {
	s := &server{
		cmd:    exec.Command(program, args...),
		events: make(chan event, 16),
		stderr: &tail{},
		ended:  make(chan struct{}),
	}
	s.cmd.Stderr = s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startIn(at, s.cmd, core); err != nil {
		return nil, err
	}
	go func() { // ends with the child, whom stop ends
		defer close(s.ended)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				s.events <- e
			}
		}
		s.err = s.cmd.Wait()
	}()
	if s.ready, err = s.next(ctx, "ready"); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

// next waits for an event of a kind.
func (s *server) next(ctx context.Context, kind string) (event, error) {
	late := time.After(startPatience)
	for {
		select {
		case e := <-s.events:
			if e.Event == kind {
				return e, nil
			}
		case <-s.ended:
			select {
			case e := <-s.events:
				if e.Event == kind {
					return e, nil
				}
				continue
			default:
			}
			return event{}, s.died()
		case <-ctx.Done():
			return event{}, ctx.Err()
		case <-late:
			return event{}, fmt.Errorf("the server gave no answer (%s)", kind)
		}
	}
}

// died says why, in the child's own words.
func (s *server) died() error {
	if line := s.stderr.last(); line != "" {
		return errors.New(strings.TrimPrefix(line, "mtcp: "))
	}
	return fmt.Errorf("the server ended early: %v", s.err)
}

// counters asks for a snapshot.
func (s *server) counters(ctx context.Context) (event, error) {
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return event{}, err
	}
	return s.next(ctx, "counters")
}

// stop ends the server in good order and returns its last counters.
func (s *server) stop(ctx context.Context) (event, error) {
	defer s.kill()
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return event{}, s.died()
	}
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	e, err := s.next(ctx, "end")
	if err != nil {
		return e, err
	}
	select {
	case <-s.ended:
		if s.err != nil {
			return e, s.died()
		}
		return e, nil
	case <-ctx.Done():
		return e, errors.New("the server does not end")
	}
}

// kill ends the server in any case, and waits for that.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // fails when it has ended
	<-s.ended
}

// output runs a command at a place and returns what it printed.
func output(ctx context.Context, at place, core int, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	stderr := &tail{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, stderr, time.Second
	if err := startIn(at, cmd, core); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s: %w: %s", name, err, stderr.last())
	}
	return out.String(), nil
}

// startIn starts cmd at a place and on a core. It gets its own process group, since
// Ctrl-C is the parent's to handle, and dies with the parent.
func startIn(at place, cmd *exec.Cmd, core int) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return at.Do(func() error {
		if core == anyCore {
			return cmd.Start()
		}
		// A child inherits the cores of the thread that made it, and so would a thread
		// of ours: but a thread that a goroutine has for itself makes none.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var before, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			return err
		}
		one.Set(core)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return fmt.Errorf("core %d: %w", core, err)
		}
		return errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &before))
	})
}

// tail keeps the end of what a child says.
type tail struct{ b []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > tailSize {
		t.b = append(t.b[:0], t.b[len(t.b)-tailSize:]...)
	}
	return len(p), nil
}

// last returns the last line, once the child has ended.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
