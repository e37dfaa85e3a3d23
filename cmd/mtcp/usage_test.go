// Bad input: one line that names the mend, the right exit code, nothing left.

package main

import (
	"bytes"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// execute runs a command line in this process.
func execute(args ...string) (code int, out, stderr string) {
	var o, e bytes.Buffer
	code = run(args, &terminal{out: &o, err: &e})
	return code, o.String(), e.String()
}

func TestUsage_BadCommandLinesExitWithTwo(t *testing.T) {
	stack, n := []string{"--iface", "lo", "--addr", "10.0.0.2/24"}, 0
	for name, c := range map[string]struct {
		args  []string
		names []string
	}{
		"no verb":                        {nil, []string{"serve"}},
		"unknown verb":                   {[]string{"surf"}, []string{"surf"}},
		"unknown flag":                   {append([]string{"serve", "--speed"}, stack...), []string{"--speed"}},
		"no interface":                   {[]string{"serve", "--echo", "--addr", "10.0.0.2/24"}, []string{"--iface eth0"}},
		"no address":                     {[]string{"serve", "--echo", "--iface", "lo"}, []string{"--addr 10.0.0.2/24"}},
		"shared gateway":                 {[]string{"serve", "--echo", "--iface", "lo", "--shared", "--gateway", "10.0.0.1"}, []string{"--gateway", "kernel's routes"}},
		"ports not shared":               {append([]string{"serve", "--echo", "--ports", "80"}, stack...), []string{"--ports", "--shared"}},
		"a shared TAP":                   {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--shared"}, []string{"--shared", "--link tap"}},
		"no prefix length":               {[]string{"serve", "--echo", "--iface", "lo", "--addr", "10.0.0.2"}, []string{`"10.0.0.2"`, "10.0.0.2/24"}},
		"bad prefix length":              {[]string{"serve", "--echo", "--iface", "lo", "--addr", "10.0.0.2/33"}, []string{"10.0.0.2/33"}},
		"IPv6":                           {[]string{"get", "--iface", "lo", "--addr", "fe80::1/64", "http://10.0.0.1/"}, []string{"IPv4"}},
		"bad gateway":                    {append([]string{"serve", "--echo", "--gateway", "router"}, stack...), []string{"router", "10.0.0.1"}},
		"nothing to serve":               {append([]string{"serve"}, stack...), []string{"--root", "--echo"}},
		"two to serve":                   {append([]string{"serve", "--echo", "--root", "/"}, stack...), []string{"--root", "--echo"}},
		"unknown link":                   {append([]string{"serve", "--echo", "--link", "token-ring"}, stack...), []string{"token-ring", "afxdp"}},
		"no connections":                 {append([]string{"serve", "--echo", "--connections", "0"}, stack...), []string{"--connections"}},
		"no memory":                      {append([]string{"serve", "--echo", "--ring-memory", "0"}, stack...), []string{"--ring-memory", "4MiB to 128GiB"}},
		"no size":                        {append([]string{"serve", "--echo", "--ring-memory", "much"}, stack...), []string{"--ring-memory", "much", "512MiB"}},
		"unknown mode":                   {append([]string{"serve", "--echo", "--require", "fast"}, stack...), []string{"--require", "native", "zerocopy"}},
		"a mode of a TAP":                {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--require", "native"}, []string{"--require", "--link tap"}},
		"a server that is the client":    {[]string{"bench", "load", "--socket", "x", "--addr", "10.5.0.1/24", "--server", "10.5.0.2"}, []string{"--server", "10.5.0.1 to 10.5.0.16"}},
		"no URL":                         {append([]string{"get"}, stack...), []string{"url"}},
		"bad URL":                        {append([]string{"get", "10.0.0.1"}, stack...), []string{"http://"}},
		"negative count":                 {append([]string{"get", "-n=-1", "http://10.0.0.1/"}, stack...), []string{"-n"}},
		"a peer without a TAP":           {append([]string{"serve", "--echo", "--peer", "10.0.0.1/24"}, stack...), []string{"--peer", "--link afxdp"}},
		"queues without a TAP":           {append([]string{"get", "--queues", "2", "http://10.0.0.1/"}, stack...), []string{"--queues", "ethtool -L"}},
		"XDP's mode on a TAP":            {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--generic"}, []string{"--generic", "--link tap"}},
		"XDP's frames on a TAP":          {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--frame-size", "4096"}, []string{"--frame-size", "--link tap"}},
		"a TAP without an address":       {[]string{"serve", "--echo", "--link", "tap"}, []string{"--addr 10.0.0.2/24"}},
		"too many queues":                {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--queues", "257"}, []string{"--queues", "256"}},
		"a peer that is the stack":       {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--peer", "10.0.0.2/24"}, []string{"--peer", "10.0.0.2"}},
		"a peer elsewhere":               {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--peer", "10.0.1.1/24"}, []string{"--peer", "10.0.1.1/24", "10.0.0.2/24"}},
		"a peer that sees no stack":      {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--peer", "10.0.0.1/32"}, []string{"--peer", "10.0.0.1/32"}},
		"no room for the kernel":         {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/32"}, []string{"--addr", "10.0.0.2/32", "--peer"}},
		"few buffers on a TAP":           {[]string{"serve", "--echo", "--link", "tap", "--addr", "10.0.0.2/24", "--frames", "4096"}, []string{"--frames", "--link tap"}},
		"an odd number of frames":        {append([]string{"serve", "--echo", "--frames", "3000"}, stack...), []string{"--frames", "a power of two"}},
		"odd frames":                     {append([]string{"serve", "--echo", "--frame-size", "3000"}, stack...), []string{"--frame-size", "2KiB to 4KiB"}},
		"a stack's flags for the kernel": {append([]string{"serve", "--echo", "--link", "kernel"}, stack...), []string{"--iface", "--link kernel"}},
		"a capture of the kernel":        {[]string{"serve", "--echo", "--link", "kernel", "--pcap", "x"}, []string{"--pcap", "tcpdump"}},
		"a client on the kernel":         {[]string{"get", "--link", "kernel", "http://10.0.0.1/"}, []string{"kernel", "afxdp", "tap"}},
		"demo too long":                  {[]string{"demo", "--duration", "1h"}, []string{"--duration"}},
		"demo too large":                 {[]string{"demo", "--size", "0"}, []string{"--size"}},
		"paper too often":                {[]string{"bench", "paper", "--rounds", "101"}, []string{"--rounds"}},
		"paper too long":                 {[]string{"bench", "paper", "--duration", "1h"}, []string{"--duration"}},
		"no such figure":                 {[]string{"bench", "paper", "--figure", "42"}, []string{"--figure", "accept"}},
		"no such link":                   {[]string{"bench", "paper", "--link", "tap"}, []string{"--link", "memif"}},
		"a wire with one end":            {[]string{"bench", "serve", "--link", "mem", "--addr", "10.0.0.2/24"}, []string{"--link mem", "bench load"}},
		"a load from the kernel":         {[]string{"bench", "load", "--link", "kernel", "--addr", "10.5.0.1/24", "--server", "10.6.0.2"}, []string{"--link kernel"}},
		"bench too often":                {[]string{"bench", "veth", "--pairs", "0"}, []string{"--pairs"}},
		"ablations too often":            {[]string{"bench", "ablate", "--pairs", "0"}, []string{"--pairs"}},
		"bench of nobody":                {[]string{"bench", "veth", "-c", "0"}, []string{"-c", "0 connections"}},
		"bench too short":                {[]string{"bench", "veth", "--duration", "10ms"}, []string{"--duration", "1s to 1m"}},
		"paper warm for too long":        {[]string{"bench", "paper", "--warmup", "1h"}, []string{"--warmup", "0s to 1m"}},
		"ablations of nobody":            {[]string{"bench", "ablate", "-c", "10001"}, []string{"-c", "10001 connections"}},
		"ablations too short":            {[]string{"bench", "ablate", "--duration", "1ms"}, []string{"--duration", "100ms to 1m"}},
		"ablations warm for too long":    {[]string{"bench", "ablate", "--warmup", "1h"}, []string{"--warmup", "0 to 1m"}},
		"a load from nowhere":            {[]string{"bench", "load", "--socket", "x", "--addr", "10.5.0.1/24", "--server", "10.6.0.2", "--sources", "251"}, []string{"--sources", "1 to 250"}},
		"a load from too small a net":    {[]string{"bench", "load", "--socket", "x", "--addr", "10.5.0.1/30", "--server", "10.6.0.2"}, []string{"--sources", "10.5.0.0/30", "16 addresses"}},
		"a memif without a socket":       {[]string{"bench", "serve", "--addr", "10.0.0.2/24"}, []string{"--socket /run/mtcp.sock"}},
		"bench without an interface":     {[]string{"bench", "serve", "--link", "afxdp", "--addr", "10.0.0.2/24"}, []string{"--iface eth0"}},
		"the kernel's congestion":        {[]string{"bench", "serve", "--link", "kernel", "--addr", "10.0.0.2/24", "--congestion", ""}, []string{"--congestion"}},
		"nothing on its way":             {[]string{"bench", "yard", "--socket", "x", "--flight", "0"}, []string{"--flight", "1 or more"}},
		"a yardstick without a socket":   {[]string{"bench", "yard"}, []string{"--socket /run/yard.sock"}},
		"too small a frame":              {[]string{"bench", "yard", "--socket", "x", "--size", "59"}, []string{"--size", "60 to 1514"}},
		"a flood to nowhere":             {[]string{"bench", "flood", "--iface", "lo", "--mac", "near", "--server", "10.0.0.2", "--port", "80"}, []string{"--mac", "near"}},
		"no such technique":              {[]string{"bench", "ablate", "--only", "luck"}, []string{"--only", "luck"}},
		"no such work":                   {[]string{"bench", "ablate", "--work", "play"}, []string{"--work", "play", "short"}},
		"without what is not there":      {[]string{"bench", "serve", "--socket", "x", "--addr", "10.0.0.2/24", "--without", "luck"}, []string{"--without", "luck", "late-ack"}},
		"too large a batch":              {[]string{"bench", "serve", "--socket", "x", "--addr", "10.0.0.2/24", "--batch", "65"}, []string{"--batch", "1 to 64"}},
	} {
		// A dozen under the race detector, others each time as the map has it: one
		// goroutine parses them, a quarter of a second each.
		if n++; raceEnabled && n > 12 {
			break
		}
		t.Run(name, func(t *testing.T) {
			code, _, stderr := execute(c.args...)
			if code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			checkOneLine(t, stderr, c.names...)
		})
	}
}

func TestHelp_ShowsAnExampleAndDefaults(t *testing.T) {
	for verb, names := range map[string][]string{
		"demo":   {"Example", "sudo mtcp demo", "default 64"},
		"serve":  {"Example", "mtcp serve --iface", "mtcp serve --link tap", "default :80", "default 131072"},
		"get":    {"Example", "mtcp get --iface", "default cubic"},
		"doctor": {"Example", "sudo mtcp doctor --iface eth0", "--json"},
		"bench":  {"veth", "paper", "ablate"},
	} {
		p := start(t, options{}, verb, "--help")
		if code := p.exit(); code != exitOK {
			t.Errorf("%s --help: exit code %d", verb, code)
		}
		for _, name := range names {
			if !strings.Contains(p.out.String(), name) {
				t.Errorf("%s --help does not say %q:\n%s", verb, name, p.out)
			}
		}
	}
}

// checkFails runs the command in the server's namespace; it must fail with one
// line and leave no program behind.
func checkFails(t *testing.T, w *world, o options, args []string, names ...string) {
	t.Helper()
	o.in = w.server().Namespace
	p := start(t, o, args...)
	if code := p.exit(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	checkOneLine(t, p.stderr.String(), names...)
}

func TestBadInput_NamesTheMendAndLeavesNothing(t *testing.T) {
	w := newTestWorld(t)
	serve := func(more ...string) []string { return append(append([]string{"serve"}, smallStack(w)...), more...) }
	device := w.server().Interface

	t.Run("no such interface", func(t *testing.T) {
		checkFails(t, w, options{}, []string{"serve", "--echo", "--iface", "eth7", "--addr", "10.77.0.2/24"},
			"eth7", "no such interface", device, "lo")
	})
	t.Run("interface down", func(t *testing.T) {
		onServer(t, w, netlink.LinkSetDown)
		defer onServer(t, w, netlink.LinkSetUp)
		checkFails(t, w, options{}, serve("--echo"), "down", "ip link set "+device+" up")
	})
	t.Run("no rights", func(t *testing.T) {
		checkFails(t, w, options{env: []string{dropEnv + "=rights"}}, serve("--echo"), "CAP_NET_ADMIN", "root", "setcap")
		checkNoXDP(t, w.server())
	})
	t.Run("memlock", func(t *testing.T) {
		checkFails(t, w, options{env: []string{dropEnv + "=memlock"}}, serve("--echo"), "locked memory", "ulimit -l")
		checkNoXDP(t, w.server())
	})
	t.Run("MTU larger than a frame", func(t *testing.T) {
		onServer(t, w, func(l netlink.Link) error { return netlink.LinkSetMTU(l, 9000) })
		defer onServer(t, w, func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1500) })
		checkFails(t, w, options{}, serve("--echo"), "MTU 9000", "ip link set "+device+" mtu")
		checkNoXDP(t, w.server())
	})
	t.Run("MTU for which there are larger frames", func(t *testing.T) {
		onServer(t, w, func(l netlink.Link) error { return netlink.LinkSetMTU(l, 3000) })
		defer onServer(t, w, func(l netlink.Link) error { return netlink.LinkSetMTU(l, 1500) })
		checkFails(t, w, options{}, serve("--echo"), "MTU 3000", "frames of 4096", "--frame-size 4096")
		p := start(t, options{in: w.server().Namespace}, serve("--echo", "--frame-size", "4096")...)
		p.await("MTU 3000")
		p.signal(syscall.SIGINT)
		if code := p.exit(); code != exitOK {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
	})
	t.Run("address is the kernel's", func(t *testing.T) {
		checkFails(t, w, options{}, []string{"serve", "--echo", "--iface", device, "--addr", kernelAddress + "/24"},
			kernelAddress, "ip addr del")
		checkNoXDP(t, w.server())
	})
	t.Run("gateway off the network", func(t *testing.T) {
		checkFails(t, w, options{}, serve("--echo", "--gateway", "192.0.2.1"), "192.0.2.1")
		checkNoXDP(t, w.server())
	})
	t.Run("unknown congestion control", func(t *testing.T) {
		checkFails(t, w, options{}, serve("--echo", "--congestion", "hope"), "hope", "cubic", "newreno")
		checkNoXDP(t, w.server())
	})
	t.Run("port taken on the stack", func(t *testing.T) {
		checkFails(t, w, options{}, serve("--echo", "--listen", ":80", "--listen", ":80"), "address already in use", "--listen")
		checkNoXDP(t, w.server())
	})
	t.Run("address not the stack's", func(t *testing.T) {
		checkFails(t, w, options{}, serve("--echo", "--listen", "192.0.2.1:80"), "192.0.2.1:80", "--addr")
		checkNoXDP(t, w.server())
	})
	t.Run("no directory", func(t *testing.T) {
		checkFails(t, w, options{}, serve("--root", "/nowhere"), "--root", "/nowhere")
	})
	t.Run("no place for the capture", func(t *testing.T) {
		checkFails(t, w, options{}, serve("--echo", "--pcap", "/nowhere/x.pcap"), "--pcap", "/nowhere/x.pcap")
	})
	t.Run("another XDP program", func(t *testing.T) {
		first := start(t, options{in: w.server().Namespace}, serve("--echo")...)
		first.await("listen")
		checkFails(t, w, options{}, []string{"serve", "--echo", "--iface", device, "--addr", "10.77.0.9/24"},
			"another XDP program", "ip link set dev "+device+" xdp off")
		first.signal(syscall.SIGINT)
		if code := first.exit(); code != exitOK {
			t.Errorf("the first server's exit code: %d\n%s", code, first.stderr)
		}
		checkNoXDP(t, w.server())
	})
}

func TestBadInput_PortTakenInTheKernel(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, _, stderr := execute("serve", "--echo", "--link", "kernel", "--congestion", "reno", "--listen", l.Addr().String())
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	checkOneLine(t, stderr, "address already in use", "--listen")
}
