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
func quickDemo(t *testing.T, o options, args ...string) (p *process, check func()) {
	t.Helper()
	dir, mark := t.TempDir(), markOf(t)
	o.env = append(o.env, "TMPDIR="+dir, markEnv+"="+mark)
	p = start(t, o, append([]string{"demo", "--size", "4", "--duration", "1s"}, args...)...)
	return p, func() {
		t.Helper()
		only(t, dir)
		if left := marked(t, mark); len(left) > 0 {
			t.Errorf("processes left: %q", left)
		}
	}
}

// demos are the ways in which a demonstration makes a network, and what it says
// of that.
var demos = []struct {
	name  string
	env   string
	args  []string
	facts []string
}{
	{"AFXDP", "", nil, []string{
		"choice     AF_XDP", "link       mtcp0: AF_XDP native, copy (copy: driver veth has no zero-copy)", "removed    the namespaces, the veth, "}},
	{"TAP", "", []string{"--link", "tap"}, []string{
		"link       mtcp0: tap; ", "kernel     over the veth", "removed    the namespaces, the TAP, the veth, "}},
	{"TAPForWantOfBPF", dropEnv + "=bpf", nil, []string{
		"choice     a TAP interface, since AF_XDP cannot be: no CAP_BPF\n", "link       mtcp0: tap; ", "removed    the namespaces, "}},
	{"TAPWithoutNamespaces", dropEnv + "=namespaces", nil, []string{
		"choice     a TAP interface, since AF_XDP cannot be: no CAP_SYS_ADMIN\n", "network    here, ", "kernel     over loopback", "removed    the TAP, "}},
}

// eachDemo runs a test in every way, in a namespace that must be empty
// afterwards; under the race detector, which makes each ten seconds longer, in
// one, since all of them run without it, too.
func eachDemo(t *testing.T, f func(t *testing.T, o options, args, facts []string)) {
	demos := demos
	if raceEnabled {
		demos = demos[:1]
	}
	for _, d := range demos {
		t.Run(d.name, func(t *testing.T) {
			o := options{in: newTestNamespace(t)}
			if d.env != "" {
				o.env = []string{d.env}
			}
			f(t, o, d.args, d.facts)
			checkInterfaces(t, o.in, "lo")
		})
	}
}

func TestDemo_SharesTheKernelsAddress(t *testing.T) {
	requireRoot(t)
	p, check := quickDemo(t, options{}, "--shared")
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

func TestDemo_ShowsBothAndRemovesAll(t *testing.T) {
	eachDemo(t, showsBoth)
	t.Run("BuiltInClient", func(t *testing.T) {
		requireRoot(t)
		showsBoth(t, options{env: []string{noTools + "=1"}}, demos[0].args, demos[0].facts)
	})
}

func showsBoth(t *testing.T, o options, args, facts []string) {
	t.Helper()
	p, check := quickDemo(t, o, args...)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
	}
	for _, fact := range append([]string{
		"network    ", "page       ", "file       4 MiB in ", "SHA-256 equal", "load       ", " requests/s, p50 ", " 0 errors",
		"recovery   ", "drops      ", "kernel     ", "(cubic)", "mtcp/kernel ",
	}, facts...) {
		if !strings.Contains(p.out.String(), fact) {
			t.Errorf("does not say %q:\n%s", fact, p.out)
		}
	}
	if n := strings.Count(p.out.String(), "\n"); n > 12 {
		t.Errorf("%d lines are more than people read:\n%s", n, p.out)
	}
	check()
}

func TestDemo_InterruptedAnywhereRemovesAll(t *testing.T) {
	points := []string{"network", "link", "page", "file", "load", "drops"}
	if raceEnabled { // likewise
		points = []string{"link", "load"}
	}
	eachDemo(t, func(t *testing.T, o options, args, _ []string) {
		for _, at := range points {
			t.Run(at, func(t *testing.T) {
				p, check := quickDemo(t, o, args...)
				p.await(at + "  ")
				p.signal(syscall.SIGINT)
				if code := p.exit(); code != exitFailed {
					t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
				}
				checkOneLine(t, p.stderr.String(), "interrupted", "removed")
				check()
				checkInterfaces(t, o.in, "lo")
			})
		}
	})
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
			p, check := quickDemo(t, options{env: []string{"PATH=" + tools + ":" + os.Getenv("PATH")}})
			if code := p.exit(); code != exitFailed {
				t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
			}
			checkOneLine(t, p.stderr.String(), c.names...)
			check()
		})
	}
}

func TestDemo_KilledLeavesNothingInTheKernel(t *testing.T) {
	eachDemo(t, func(t *testing.T, o options, args, _ []string) {
		p, _ := quickDemo(t, o, args...)
		p.await("page  ")
		p.signal(syscall.SIGKILL)
		p.exit()
		for range 1000 { // the kernel ends the children, and with them the TAP, a moment later
			if len(marked(t, markOf(t))) == 0 && len(interfaces(t, o.in)) == 1 {
				return
			}
			syscall.Nanosleep(&syscall.Timespec{Nsec: 10e6}, nil)
		}
		t.Errorf("processes left: %q", marked(t, markOf(t)))
	})
}

func TestDemo_WithoutRightsUsesTheInProcessLink(t *testing.T) {
	var env []string
	if len(missingRights()) == 0 {
		env = []string{dropEnv + "=rights"}
	}
	p, check := quickDemo(t, options{env: env})
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
	}
	for _, fact := range []string{"choice     the in-process link", "no CAP_SYS_ADMIN", "run as root", "file       4 MiB in ", "SHA-256 equal", "mtcp/kernel "} {
		if !strings.Contains(p.out.String(), fact) {
			t.Errorf("does not say %q:\n%s", fact, p.out)
		}
	}
	check()
}

func TestChooseLink_TheFirstThatCanBeAndWhyNotABetterOne(t *testing.T) {
	for _, tt := range []struct {
		o    obstacles
		link string
		says []string
	}{
		{obstacles{}, linkAFXDP, []string{"AF_XDP", "--link tap", "--link mem"}},
		{obstacles{tap: "no tun"}, linkAFXDP, []string{"AF_XDP"}},
		{obstacles{afxdp: "no CAP_BPF"}, linkTAP, []string{"TAP", "no CAP_BPF"}},
		{obstacles{afxdp: "no CAP_BPF", tap: "no CAP_NET_ADMIN"}, linkMem, []string{"in-process", "no CAP_BPF", "root"}},
		{obstacles{afxdp: "no CAP_BPF", tap: "no tun"}, linkMem, []string{"in-process", "no CAP_BPF", "no tun", "root"}},
	} {
		link, why := chooseLink(tt.o)
		if link != tt.link {
			t.Errorf("%+v: %s", tt.o, link)
		}
		for _, s := range tt.says {
			if !strings.Contains(why, s) || strings.Contains(why, "\n") {
				t.Errorf("%+v: %q does not say %q in a line", tt.o, why, s)
			}
		}
	}
}
