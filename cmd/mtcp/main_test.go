// The command as a process: the test binary is the command when it is told so.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/netconf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	runEnv  = "MTCP_TEST_RUN"  // be the command
	dropEnv = "MTCP_TEST_DROP" // first lose "rights", "memlock", "namespaces", "bpf" or "memory", or all but a unit's
	markEnv = "MTCP_TEST_MARK" // finds the processes of one test
)

func TestMain(m *testing.M) {
	if os.Getenv(runEnv) == "" {
		os.Exit(m.Run())
	}
	if what := os.Getenv(dropEnv); what != "" {
		drop := dropRights
		if spec, ok := strings.CutPrefix(what, "unit "); ok {
			what, drop = spec, become
		}
		err := drop(what)
		fmt.Fprintln(os.Stderr, "test: cannot drop rights:", err)
		os.Exit(99)
	}
	main()
}

// dropRights starts this process over with fewer rights.
func dropRights(what string) error {
	runtime.LockOSThread()
	drop := []uintptr{unix.CAP_IPC_LOCK}
	switch what {
	case "memory":
		drop = nil
		limit := &unix.Rlimit{Cur: 2 << 30, Max: 2 << 30}
		if err := unix.Setrlimit(unix.RLIMIT_AS, limit); err != nil {
			return err
		}
	case "memlock":
		limit := &unix.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, limit); err != nil {
			return err
		}
	case "namespaces":
		drop = append(drop, unix.CAP_SYS_ADMIN)
	case "bpf":
		drop = append(drop, unix.CAP_BPF)
	default:
		drop = append(drop, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_BPF, unix.CAP_SYS_ADMIN)
	}
	for _, c := range drop {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return err
		}
	}
	os.Unsetenv(dropEnv)
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

func requireRoot(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("makes networks: not with -short")
	}
	if missing := missingRights(); len(missing) > 0 {
		t.Skipf("needs namespaces and AF_XDP: no %s", strings.Join(missing, ", "))
	}
}

// A process is the command at work.
type process struct {
	t           *testing.T
	cmd         *exec.Cmd
	out, stderr *transcript
	done        chan struct{}
}

// transcript is what a process has said so far.
type transcript struct {
	mu    chan struct{}
	b     bytes.Buffer
	grown chan struct{}
}

func newOutput() *transcript {
	o := &transcript{mu: make(chan struct{}, 1), grown: make(chan struct{}, 1)}
	return o
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu <- struct{}{}
	o.b.Write(p)
	<-o.mu
	select {
	case o.grown <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (o *transcript) String() string {
	o.mu <- struct{}{}
	defer func() { <-o.mu }()
	return o.b.String()
}

// options of start.
type options struct {
	in  *netconf.Namespace // nil: the present one
	env []string
}

// start runs the command; it ends with the test at the latest.
func start(t *testing.T, o options, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self, args...), out: newOutput(), stderr: newOutput(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.stderr
	p.cmd.Env = append(append(os.Environ(), runEnv+"=1", "GORACE=halt_on_error=1 atexit_sleep_ms=10"), o.env...)
	begin := p.cmd.Start
	if o.in != nil {
		begin = func() error { return netconf.StartIn(o.in, p.cmd) }
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// await waits for text on the standard output.
func (p *process) await(text string) {
	p.t.Helper()
	late := time.After(30 * time.Second)
	for !strings.Contains(p.out.String(), text) {
		select {
		case <-p.out.grown:
		case <-p.done:
			if !strings.Contains(p.out.String(), text) {
				p.t.Fatalf("ended without saying %q:\n%s%s", text, p.out, p.stderr)
			}
		case <-late:
			p.t.Fatalf("never said %q:\n%s%s", text, p.out, p.stderr)
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(90 * time.Second):
		p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.done
		p.t.Fatalf("does not end:\n%s%s", p.out, p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// newTestWorld is the network of the demonstration, gone after the test.
func newTestWorld(t *testing.T) *world {
	t.Helper()
	requireRoot(t)
	w, err := newWorld()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// checkNoXDP reports a program left behind.
func checkNoXDP(t *testing.T, place *netconf.Place) {
	t.Helper()
	err := place.Do(func() error {
		l, err := netlink.LinkByName(place.Interface)
		if err != nil {
			return err
		}
		if x := l.Attrs().Xdp; x != nil && x.Attached {
			return errors.New("an XDP program was left behind")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// onServer runs f with netlink in the server's namespace.
func onServer(t *testing.T, w *world, f func(l netlink.Link) error) {
	t.Helper()
	err := w.server().Do(func() error {
		l, err := netlink.LinkByName(w.server().Interface)
		if err != nil {
			return err
		}
		return f(l)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// get fetches a path through the kernel at the client's end.
func get(t *testing.T, w *world, url string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var body bytes.Buffer
	client := httpClient(w.dial, 1, true)
	_, err := fetch(ctx, client, url, &body)
	return body.String(), err
}

// siteWith makes a directory with one file.
func siteWith(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// smallStack are flags that keep a server of a test small.
func smallStack(w *world) []string {
	return append(w.stackArgs(), "--connections", "4096", "--ring-memory", "64")
}

// checkOneLine checks that there is one line on stderr, and what it names.
func checkOneLine(t *testing.T, stderr string, names ...string) {
	t.Helper()
	if !strings.HasPrefix(stderr, "mtcp: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("not one line that begins with the command's name:\n%s", stderr)
	}
	for _, name := range names {
		if !strings.Contains(stderr, name) {
			t.Errorf("does not name %q:\n%s", name, stderr)
		}
	}
}

// marked returns the processes that carry a mark.
func marked(t *testing.T, mark string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err == nil && bytes.Contains(env, []byte(markEnv+"="+mark+"\x00")) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
			out = append(out, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// kernelIn dials through the kernel of a namespace.
func kernelIn(n *netconf.Namespace) dialer {
	return func(ctx context.Context, network, address string) (c net.Conn, err error) {
		broken := n.Do(func() error {
			c, err = kernelDoor{}.DialContext(ctx, network, address)
			return nil
		})
		return c, errors.Join(err, broken)
	}
}
