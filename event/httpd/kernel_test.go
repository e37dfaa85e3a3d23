package httpd

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

// served is the network of a machine on whose only link the server answers at
// address, over AF_XDP.
func served(t *testing.T) *netconf.Namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	p, err := netconf.NewPair(netconf.End{}, netconf.End{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.Ends[0].Do(func() error {
		s, err := mtcp.New(mtcp.Config{
			Link: mtcp.AFXDP{Interface: p.Ends[0].Interface}, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")},
			Connections: 1 << 10, TimeWaits: 1 << 10, RingMemory: 64 << 20,
		})
		if err == nil {
			t.Cleanup(func() { s.Close() })
			listen(t, s)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return p.Ends[1].Namespace
}

// tool runs a program in a network and returns what it prints.
func tool(t *testing.T, at *netconf.Namespace, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (Debian: apt-get install %s)", name, name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out []byte
	if err := at.Do(func() error {
		out, err = exec.CommandContext(ctx, path, args...).CombinedOutput()
		return err
	}); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestKernel_Curl has curl ask for several pages on one connection, in several ways.
func TestKernel_Curl(t *testing.T) {
	at := served(t)
	dir := t.TempDir()
	sent := filepath.Join(dir, "sent")
	if err := os.WriteFile(sent, large, 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "http://" + address
	each := []string{"-s", "-S", "-o", filepath.Join(dir, "got"), "-w", "%{http_code} %{size_download} %{num_connects}\n"}
	var args []string
	for _, request := range [][]string{
		{url + "/"},
		{url + "/large"},
		{url + "/x"},
		{"-I", url + "/large"},
		{"-H", "Expect: 100-continue", "--data-binary", "@" + sent, url + "/"},
		{"-H", "Connection: close", url + "/large"},
		{"-0", url + "/large"},
	} {
		if args != nil {
			args = append(args, "--next")
		}
		args = append(append(args, each...), request...)
	}
	got := strings.TrimSpace(strings.ReplaceAll(tool(t, at, "curl", args...), "\n", ", "))
	// After an answer to Expect the server closes: it has not read the text.
	want := fmt.Sprintf("200 5 1, 200 %[1]d 0, 404 5 0, 200 0 0, 200 5 0, 200 %[1]d 1, 200 %[1]d 1,", len(large))
	if got != want {
		t.Errorf("status, octets and new connections of each: %s want %s", got, want)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "got")); !bytes.Equal(b, large) || err != nil {
		t.Errorf("%d octets in the file, want %d; %v", len(b), len(large), err)
	}
}

// TestKernel_Wrk loads the server with kept connections: small answers, large ones, and
// eight requests at a time on each.
func TestKernel_Wrk(t *testing.T) {
	at := served(t)
	script := filepath.Join(t.TempDir(), "pipeline.lua")
	if err := os.WriteFile(script, []byte(`
init = function()
	local all = {}
	for i = 1, 8 do all[i] = wrk.format("GET", "/") end
	request8 = table.concat(all)
end
request = function() return request8 end
`), 0o600); err != nil {
		t.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(address)
	for path, args := range map[string][]string{"/": {"-c32"}, "/large": {"-c2"}, "/#pipelined": {"-c8", "-s", script}} {
		out := tool(t, at, "wrk", append(append([]string{"-t1", "-d1s"}, args...), "http://"+host+path)...)
		total := regexp.MustCompile(`(\d+) requests in`).FindStringSubmatch(out)
		n := 0
		if total != nil {
			n, _ = strconv.Atoi(total[1])
		}
		if n == 0 || args[0] == "-c8" && n < 8*8 || strings.Contains(out, "errors") || strings.Contains(out, "Non-2xx") {
			t.Errorf("%s: %s", path, out)
		}
	}
}
