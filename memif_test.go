package mtcp

// Two stacks over shared memory: in one process, and in two.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	memifEnv    = "MTCP_TEST_MEMIF_SERVER"
	memifServer = "10.0.0.2"
)

// An upLog is a slog.Handler that waits for a link to be up.
type upLog struct {
	slog.Handler
	up chan struct{}
}

func (h upLog) Enabled(context.Context, slog.Level) bool { return true }

func (h upLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "link up" {
		h.up <- struct{}{}
	}
	return nil
}

// memifStack makes a stack; up waits until its link has come up once more.
func memifStack(t testing.TB, x Memif, ip string) (s *Stack, up func()) {
	t.Helper()
	h := upLog{slog.DiscardHandler, make(chan struct{}, 64)}
	c := memifConfig(x, ip)
	c.Logger = slog.New(h)
	return newStack(t, c), func() { within(t, "link up", func() { <-h.up }) }
}

func memifConfig(x Memif, ip string) Config {
	return Config{
		Link:        x,
		Addresses:   []netip.Prefix{netip.MustParsePrefix(ip + "/24")},
		Connections: 1 << 10,
		TimeWaits:   1 << 10,
		RingMemory:  32 << 20,
		Seed:        uint64(len(ip)) + uint64(x.Role) + 1,
	}
}

// serveMemif echoes, connection by connection, until the listener is closed.
func serveMemif(l net.Listener) {
	var all sync.WaitGroup
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		all.Go(func() {
			defer c.Close()
			io.Copy(c, c)
		})
	}
	all.Wait()
}

// roundTrip sends size octets over a connection and checks that the same come
// back.
func roundTrip(c net.Conn, size int, seed uint64) error {
	var r [32]byte
	r[0] = byte(seed)
	stream := rand.NewChaCha8(r)
	sent, got := sha256.New(), sha256.New()
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.MultiWriter(c, sent), stream, int64(size))
		if e, ok := c.(interface{ CloseWrite() error }); ok && err == nil {
			err = e.CloseWrite()
		}
		done <- err
	}()
	n, err := io.Copy(got, c)
	if err != nil {
		return fmt.Errorf("after %d of %d octets: %w", n, size, err)
	}
	if err := <-done; err != nil {
		return err
	}
	if n != int64(size) || !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		return fmt.Errorf("%d octets came back of %d, or others", n, size)
	}
	return nil
}

// roundTrips makes connections, a few at a time.
func roundTrips(t *testing.T, client *Stack, target string, conns, size int) {
	t.Helper()
	var all sync.WaitGroup
	errs := make(chan error, conns)
	for i := range conns {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			c, err := client.DialContext(ctx, "tcp", target)
			if err != nil {
				errs <- err
				return
			}
			defer c.Close()
			errs <- roundTrip(c, size, uint64(i))
		})
	}
	within(t, "exchange", all.Wait)
	for range conns {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestMemif_CarriesTCPBetweenTwoStacks(t *testing.T) {
	for _, queues := range []int{1, 2} {
		t.Run(fmt.Sprint(queues), func(t *testing.T) {
			checkLeaks(t)
			x := Memif{Socket: filepath.Join(t.TempDir(), "s"), Queues: queues, Secret: "sesame"}
			server, _ := memifStack(t, x, memifServer)
			x.Role = MemifSlave
			client, up := memifStack(t, x, clientIP)
			up()
			l, err := server.Listen(context.Background(), "tcp", ":7")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() { defer close(served); serveMemif(l) }()
			roundTrips(t, client, memifServer+":7", 16, 1<<20)
			l.Close()
			within(t, "the server's end", func() { <-served })
			if mode := client.Links()[0].Mode; mode != "memif slave" {
				t.Errorf("mode %q", mode)
			}
		})
	}
}

// TestMemif_SurvivesTheOtherProcess kills it while octets go round; then the next
// process takes its place. Connections of before are lost, new ones work.
func TestMemif_SurvivesTheOtherProcess(t *testing.T) {
	if os.Getenv(memifEnv) != "" {
		memifChild(t)
		return
	}
	for _, role := range []MemifRole{MemifMaster, MemifSlave} {
		t.Run([]string{"master", "slave"}[role], func(t *testing.T) {
			checkLeaks(t)
			socket := filepath.Join(t.TempDir(), "s")
			client, up := memifStack(t, Memif{Socket: socket, Role: role, Queues: 2}, clientIP)
			for range 3 {
				kill := startMemifChild(t, socket, 1-role)
				up()
				roundTrips(t, client, memifServer+":7", 4, 1<<18)
				c, err := client.Dial("tcp", memifServer+":7")
				if err != nil {
					t.Fatal(err)
				}
				moving := make(chan struct{})
				go func() {
					b := make([]byte, 1<<16)
					for i := 0; ; i++ {
						if _, err := c.Write(b); err != nil {
							return
						}
						if _, err := io.ReadFull(c, b); err != nil {
							return
						}
						if i == 4 {
							close(moving)
						}
					}
				}()
				within(t, "octets on the way", func() { <-moving })
				kill()
				c.Close()
			}
		})
	}
}

// startMemifChild runs this test in a process of its own, which is the server.
func startMemifChild(t *testing.T, socket string, role MemifRole) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemif_SurvivesTheOtherProcess$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), memifEnv+"="+fmt.Sprint(role)+" "+socket)
	stdin, err := cmd.StdinPipe() // it ends with us
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		stdin.Close()
		cmd.Wait()
	})
	t.Cleanup(kill)
	ready := make([]byte, 6)
	within(t, "the other process", func() { _, err = io.ReadFull(out, ready) })
	if err != nil || string(ready) != "ready\n" {
		t.Fatalf("the other process said %q, %v", ready, err)
	}
	return kill
}

func memifChild(t *testing.T) {
	how, socket, _ := strings.Cut(os.Getenv(memifEnv), " ")
	x := Memif{Socket: socket, Queues: 2, MAC: [6]byte{2, 0, 0, 0, 0, 9}}
	if how == fmt.Sprint(MemifSlave) {
		x.Role = MemifSlave
	}
	c := memifConfig(x, memifServer)
	c.Seed = 0
	s := newStack(t, c)
	l, err := s.Listen(context.Background(), "tcp", ":7")
	if err != nil {
		t.Fatal(err)
	}
	go serveMemif(l)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	l.Close()
	time.AfterFunc(patience, func() { os.Exit(1) })
}
