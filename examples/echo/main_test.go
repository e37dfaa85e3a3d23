package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
	"github.com/mtcp-go/mtcp/examples/hosttest"
)

func dial(t *testing.T, s *mtcp.Stack) net.Conn {
	t.Helper()
	c, err := s.Dial("tcp", host.ServerIP+":7")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEcho_AskIsAnswered(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	if err := ask(t.Context(), client, host.ServerIP); err != nil {
		t.Error(err)
	}
}

// Many connections on two shards, over a wire that loses packets.
func TestEcho_EverythingComesBack(t *testing.T) {
	lossy := mtcp.Impairment{Loss: 0.005, Reorder: 0.01}
	client, server := hosttest.Pair(t, mtcp.WireConfig{Queues: 2, Impair: [2]mtcp.Impairment{lossy, lossy}, Seed: 1})
	hosttest.Serve(t, server, serve)
	want := hosttest.Pattern(300_000)
	var all sync.WaitGroup
	for range 20 {
		c := dial(t, client)
		all.Go(func() {
			c.Write(want)
			c.(*mtcp.Conn).CloseWrite()
		})
		all.Go(func() {
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d octets came back of %d, or they differ; %v", len(got), len(want), err)
			}
		})
	}
	all.Wait()
}

func TestEcho_ReadKeepsItsDeadline(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	c := dial(t, client)
	c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read of what does not come: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	io.WriteString(c, "x")
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("the read after it: %d, %v", n, err)
	}
	c.Close()
}
