package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// quickDemo is a demonstration that does not take long, in a directory of
// its own, whose processes can be found.
func quickDemo(t *testing.T, env []string, args ...string) (p *process, check func()) {
	t.Helper()
	dir, mark := t.TempDir(), markOf(t)
	env = append(env, "TMPDIR="+dir, markEnv+"="+mark)
	p = start(t, options{env: env}, append([]string{"demo", "--size", "4", "--duration", "1s"}, args...)...)
	return p, func() {
		t.Helper()
		only(t, dir)
		if left := marked(t, mark); len(left) > 0 {
			t.Errorf("processes left: %q", left)
		}
	}
}

func TestDemo_ShowsBothAndRemovesAll(t *testing.T) {
	requireRoot(t)
	for name, env := range map[string][]string{"with what is installed": nil, "with the built-in client": {noTools + "=1"}} {
		t.Run(name, func(t *testing.T) {
			p, check := quickDemo(t, env)
			if code := p.exit(); code != exitOK {
				t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
			}
			for _, fact := range []string{
				"link       mtcp0: native, copy (copy: driver veth has no zero-copy)",
				"page       ", "file       4 MiB in ", "SHA-256 equal", "load       ", " requests/s, p50 ", " 0 errors",
				"recovery   ", "drops      ", "kernel     ", "(cubic)", "mtcp/kernel ", "removed    ",
			} {
				if !strings.Contains(p.out.String(), fact) {
					t.Errorf("does not say %q:\n%s", fact, p.out)
				}
			}
			if n := strings.Count(p.out.String(), "\n"); n > 12 {
				t.Errorf("%d lines are more than people read:\n%s", n, p.out)
			}
			check()
		})
	}
}

func TestDemo_SharesTheKernelsAddress(t *testing.T) {
	requireRoot(t)
	p, check := quickDemo(t, nil, "--shared")
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
	}
	for _, fact := range []string{"mtcp 10.77.0.3, kernel server 10.77.0.3", "SHA-256 equal", " 0 errors", "beside     the kernel's session", " lines echoed", "mtcp/kernel "} {
		if !strings.Contains(p.out.String(), fact) {
			t.Errorf("does not say %q:\n%s", fact, p.out)
		}
	}
	check()
}

func TestDemo_InterruptedAnywhereRemovesAll(t *testing.T) {
	requireRoot(t)
	for _, at := range []string{"network", "link", "page", "file", "load", "drops"} {
		t.Run(at, func(t *testing.T) {
			p, check := quickDemo(t, nil)
			p.await(at + "  ")
			p.signal(syscall.SIGINT)
			if code := p.exit(); code != exitFailed {
				t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
			}
			checkOneLine(t, p.stderr.String(), "interrupted", "removed")
			check()
		})
	}
}

// markOf marks the processes of a test in this run of the tests.
func markOf(t *testing.T) string { return fmt.Sprintf("%s-%d", t.Name(), os.Getpid()) }

func TestDemo_FailingStepRemovesAll(t *testing.T) {
	requireRoot(t)
	for name, c := range map[string]struct {
		wrk   string
		names []string
	}{
		"a tool that fails": {"echo no load today >&2; exit 3", []string{"load: wrk", "no load today"}},
		"requests that fail": {"echo '  9 requests in 1.00s, 1MB read'; echo '  Socket errors: connect 0, read 2, write 0, timeout 0'",
			[]string{"load: 2 errors", "read 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			tools := t.TempDir()
			if err := os.WriteFile(filepath.Join(tools, "wrk"), []byte("#!/bin/sh\n"+c.wrk+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			p, check := quickDemo(t, []string{"PATH=" + tools + ":" + os.Getenv("PATH")})
			if code := p.exit(); code != exitFailed {
				t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
			}
			checkOneLine(t, p.stderr.String(), c.names...)
			check()
		})
	}
}

func TestDemo_KilledLeavesNoProcess(t *testing.T) {
	requireRoot(t)
	p, _ := quickDemo(t, nil)
	p.await("page  ")
	p.signal(syscall.SIGKILL)
	p.exit()
	for range 1000 { // the kernel ends the children a moment later
		if len(marked(t, markOf(t))) == 0 {
			return
		}
		syscall.Nanosleep(&syscall.Timespec{Nsec: 10e6}, nil)
	}
	t.Errorf("processes left: %q", marked(t, markOf(t)))
}

func TestDemo_WithoutRightsUsesTheInProcessLink(t *testing.T) {
	var env []string
	if len(missingRights()) == 0 {
		env = []string{dropEnv + "=rights"}
	}
	p, check := quickDemo(t, env)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
	}
	for _, fact := range []string{"rights     no CAP_SYS_ADMIN", "run as root", "in-process", "file       4 MiB in ", "SHA-256 equal", "mtcp/kernel "} {
		if !strings.Contains(p.out.String(), fact) {
			t.Errorf("does not say %q:\n%s", fact, p.out)
		}
	}
	check()
}
