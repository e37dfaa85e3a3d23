package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestServe_ServesFilesUntilASignalAndPrintsItsCounters(t *testing.T) {
	w := newTestWorld(t)
	dir := siteWith(t, "hello.txt", "hello over the stack")
	p := start(t, options{in: w.server().Namespace}, append(append([]string{"serve"}, smallStack(w)...), "--root", dir)...)
	p.await("files of " + dir)
	for _, fact := range []string{"link       mtcp0: AF_XDP native, copy (copy: ", "address    10.77.0.2/24", "congestion cubic", "listen     0.0.0.0:80"} {
		if !strings.Contains(p.out.String(), fact) {
			t.Errorf("does not say %q at the start:\n%s", fact, p.out)
		}
	}
	if body, err := get(t, w, "http://10.77.0.2/hello.txt"); err != nil || body != "hello over the stack" {
		t.Errorf("got %q, %v", body, err)
	}
	if _, err := get(t, w, "http://10.77.0.2/missing"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a missing file: %v", err)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	for _, fact := range []string{"opened     2 passive, 0 active; now 0 open", "packets    ", "recovery   0 of ", "drops      "} {
		if !strings.Contains(p.out.String(), fact) {
			t.Errorf("does not say %q at the end:\n%s", fact, p.out)
		}
	}
	checkNoXDP(t, w.server())
}

func TestServe_EchoesWhatComesInAndHonoursHalfClose(t *testing.T) {
	w := newTestWorld(t)
	p := start(t, options{in: w.server().Namespace}, append(append([]string{"serve"}, smallStack(w)...), "--echo", "--listen", ":7")...)
	p.await("echo")
	c, err := w.dial(t.Context(), "tcp4", "10.77.0.2:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	go func() {
		c.Write(sent) // the reader sees what did not arrive
		c.(*net.TCPConn).CloseWrite()
	}()
	if back, err := io.ReadAll(c); err != nil || !bytes.Equal(back, sent) {
		t.Errorf("%d of %d octets came back, equal %v: %v", len(back), len(sent), bytes.Equal(back, sent), err)
	}
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
}

func TestServe_DrainsAndASecondSignalEndsThat(t *testing.T) {
	w := newTestWorld(t)
	p := start(t, options{in: w.server().Namespace}, append(append([]string{"serve"}, smallStack(w)...), "--echo", "--listen", ":7")...)
	p.await("echo")
	c, err := w.dial(t.Context(), "tcp4", "10.77.0.2:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	ping := func() error {
		if _, err := c.Write([]byte("ping")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 4))
		return err
	}
	if err := ping(); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGINT)
	for { // until the listener has closed, and so draining has begun
		late, err := w.dial(t.Context(), "tcp4", "10.77.0.2:7")
		if err != nil {
			break
		}
		// Until the server has ended it, too: it must not be among those that are cut.
		late.SetDeadline(time.Now().Add(10 * time.Second))
		late.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, late)
		late.Close()
	}
	if err := ping(); err != nil {
		t.Errorf("an open connection while draining: %v", err)
	}
	begin := time.Now()
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	if spent := time.Since(begin); spent > drainPatience-time.Second {
		t.Errorf("the second signal took %v to be obeyed", spent)
	}
	if !strings.Contains(p.out.String(), "cut        1 connections") {
		t.Errorf("does not say what was cut:\n%s", p.out)
	}
	if err := ping(); err == nil {
		t.Error("the connection outlived the server")
	}
	checkNoXDP(t, w.server())
}

func TestServe_PrintsCountersOnRequest(t *testing.T) {
	w := newTestWorld(t)
	t.Setenv(runEnv, "1") // for the child
	child, err := startServer(t.Context(), w.server().Namespace, 0, append(smallStack(w), "--echo", "--listen", ":7")...)
	if err != nil {
		t.Fatal(err)
	}
	defer child.kill()
	if l := child.ready.Links; len(l) != 1 || l[0].Name != w.server().Interface || len(child.ready.Listen) != 1 {
		t.Errorf("ready: %+v", child.ready)
	}
	r := echoLoad(t.Context(), w.dial, load{connections: 2, requests: 20}, "10.77.0.2:7")
	if r.Requests != 20 || r.Errors != 0 {
		t.Errorf("load: %+v", r)
	}
	e, err := child.counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := total(e.Stats).PassiveOpens; n != 20 {
		t.Errorf("%d passive opens, want 20", n)
	}
	if e, err = child.stop(t.Context()); err != nil || e.Event != "end" || e.Left != 0 {
		t.Errorf("stop: %+v, %v", e, err)
	}
}

func TestServe_CapturesIntoAFile(t *testing.T) {
	w := newTestWorld(t)
	file := filepath.Join(t.TempDir(), "x.pcap")
	dir := siteWith(t, "hello.txt", "look for me in the capture")
	p := start(t, options{in: w.server().Namespace}, append(append([]string{"serve"}, smallStack(w)...), "--root", dir, "--pcap", file)...)
	p.await("files of")
	if _, err := get(t, w, "http://10.77.0.2/hello.txt"); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	b, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(b, []byte("look for me in the capture")) {
		t.Errorf("the capture of %d octets lacks what was sent: %v", len(b), err)
	}
}

// served starts mtcp serve on the kernel's TCP at the server's end.
func served(t *testing.T, w *world, dir string) {
	t.Helper()
	p := start(t, options{in: w.server().Namespace}, append(append([]string{"serve"}, w.kernelArgs()...),
		"--listen", kernelAddress+":80", "--root", dir)...)
	p.await("files of")
}

func getArgs(w *world, more ...string) []string {
	return append([]string{"get", "--iface", w.client().Interface, "--addr", "10.77.0.9/24", "--ring-memory", "64", "--connections", "4096"}, more...)
}

func TestGet_FetchesFromTheKernelsTCP(t *testing.T) {
	w := newTestWorld(t)
	s, err := newSite(3 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.remove()
	served(t, w, s.dir)

	t.Run("to the standard output", func(t *testing.T) {
		p := start(t, options{in: w.client().Namespace}, getArgs(w, "http://10.77.0.3/"+pageName)...)
		if code := p.exit(); code != exitOK || p.out.String() != page {
			t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
		}
	})
	t.Run("into a file", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "copy")
		p := start(t, options{in: w.client().Namespace}, getArgs(w, "-o", file, "http://10.77.0.3/"+fileName)...)
		if code := p.exit(); code != exitOK {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
		if want := fmt.Sprintf("%x  %s\n", s.sum, file); p.out.String() != want {
			t.Errorf("said %q, want %q", p.out, want)
		}
		if !strings.Contains(p.stderr.String(), "fetched    3.1 MB in ") {
			t.Errorf("does not say how fast:\n%s", p.stderr)
		}
		if info, err := os.Stat(file); err != nil || info.Size() != 3<<20 {
			t.Errorf("the file: %v, %v", info, err)
		}
		only(t, dir, "copy")
	})
	t.Run("a missing file", func(t *testing.T) {
		dir := t.TempDir()
		p := start(t, options{in: w.client().Namespace}, getArgs(w, "-o", filepath.Join(dir, "copy"), "http://10.77.0.3/missing")...)
		if code := p.exit(); code != exitFailed || !strings.Contains(p.stderr.String(), "404") {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
		only(t, dir)
	})
	t.Run("a load", func(t *testing.T) {
		p := start(t, options{in: w.client().Namespace}, getArgs(w, "-n", "200", "-c", "8", "http://10.77.0.3/"+pageName)...)
		if code := p.exit(); code != exitOK {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
		for _, fact := range []string{"load       200 requests in ", " 0 errors", "latency    p50 ", "opened     0 passive, "} {
			if !strings.Contains(p.out.String(), fact) {
				t.Errorf("does not say %q:\n%s", fact, p.out)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		p := start(t, options{in: w.client().Namespace}, getArgs(w, "http://10.77.0.3:81/")...)
		if code := p.exit(); code != exitFailed || !strings.Contains(p.stderr.String(), "connection refused; nobody listens") {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		p := start(t, options{in: w.client().Namespace}, getArgs(w, "http://10.77.0.77/")...)
		if code := p.exit(); code != exitFailed || !strings.Contains(p.stderr.String(), "no route to host; nobody answers") {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
	})
	checkNoXDP(t, w.client())
}

// only checks which files there are in a directory.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if strings.Join(have, " ") != strings.Join(names, " ") {
		t.Errorf("left in %s: %v, want %v", dir, have, names)
	}
}
