package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/grpc/talk"
	"github.com/mtcp-go/mtcp/examples/host"
	"github.com/mtcp-go/mtcp/examples/hosttest"
)

func start(t *testing.T, c mtcp.WireConfig) (talk.TalkClient, host.Stop) {
	t.Helper()
	client, server := hosttest.Pair(t, c)
	stop := hosttest.Serve(t, server, serve)
	conn, err := dial(client, host.ServerIP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return talk.NewTalkClient(conn), stop
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), hosttest.Patience)
	t.Cleanup(cancel)
	return ctx
}

func TestGRPC_AskIsAnswered(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	if err := ask(t.Context(), client, host.ServerIP); err != nil {
		t.Error(err)
	}
}

func TestGRPC_ManyCallsAtATime(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	ctx := patient(t)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			text := strings.Repeat("a", i*1000)
			if got, err := c.Say(ctx, &talk.Words{Text: text}); err != nil || got.Text != strings.ToUpper(text) {
				t.Errorf("call %d: %d octets of %d; %v", i, len(got.GetText()), len(text), err)
			}
		})
	}
	all.Wait()
}

// Many streams at a time; in each, one message answers another.
func TestGRPC_StreamsFlowBothWays(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	ctx := patient(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			s, err := c.Chat(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 100 {
				if err := chat(s, fmt.Sprint("message ", i)); err != nil {
					t.Error(err)
					return
				}
			}
			s.CloseSend()
			if _, err := s.Recv(); err != io.EOF {
				t.Errorf("after the end: %v", err)
			}
		})
	}
	all.Wait()
}

// chat sends one message and checks its answer.
func chat(s talk.Talk_ChatClient, text string) error {
	if err := s.Send(&talk.Words{Text: text}); err != nil {
		return err
	}
	got, err := s.Recv()
	if err == nil && got.Text != strings.ToUpper(text) {
		err = fmt.Errorf("%q was answered by %q", text, got.Text)
	}
	return err
}

// One side sends all, however much, before it reads anything.
func TestGRPC_AStreamHoldsBackItsSender(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	s, err := c.Chat(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	go func() {
		for range n {
			s.Send(&talk.Words{Text: strings.Repeat("a", 50_000)})
		}
		s.CloseSend()
	}()
	got := 0
	for {
		w, err := s.Recv()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got += len(w.Text)
	}
	if got != n*50_000 {
		t.Errorf("%d octets came back", got)
	}
}

func TestGRPC_DeadlineReachesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := start(t, mtcp.WireConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		_, err := c.Say(ctx, &talk.Words{ThinkMs: 3_600_000})
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("a server that thinks for an hour: %v", err)
		}
		if d := time.Since(begin); d < time.Minute || d > time.Minute+time.Second {
			t.Errorf("it took %v", d)
		}
		if _, err := c.Say(t.Context(), &talk.Words{Text: "next"}); err != nil {
			t.Errorf("the next call: %v", err)
		}
	})
}

// Pings answered keep an idle connection for hours.
func TestGRPC_KeepAliveKeepsAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := hosttest.Pair(t, mtcp.WireConfig{})
		hosttest.Serve(t, server, serve)
		conn, err := dial(client, host.ServerIP)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := talk.NewTalkClient(conn)
		if _, err := c.Say(t.Context(), &talk.Words{}); err != nil {
			t.Fatal(err)
		}
		before := client.Stats()[0]
		time.Sleep(10 * time.Minute)
		after := client.Stats()[0]
		if after.ActiveOpens != before.ActiveOpens || conn.GetState() != connectivity.Ready {
			t.Errorf("%d new connections; %v", after.ActiveOpens-before.ActiveOpens, conn.GetState())
		}
		if n := (after.OctetsOut - before.OctetsOut) / 17; n < 20 { // a PING frame has 17
			t.Errorf("only %d pings in ten minutes", n)
		}
	})
}

// The server gives up a client that does not answer its pings.
func TestGRPC_KeepAliveFindsTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := hosttest.Pair(t, mtcp.WireConfig{})
		hosttest.Serve(t, server, serve)
		c, err := client.Dial("tcp", net.JoinHostPort(host.ServerIP, "50051"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+
			"\x00\x00\x00\x04\x00\x00\x00\x00\x00") // an empty SETTINGS, and never a word more
		begin := time.Now()
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Logf("the end: %v", err)
		}
		if d := time.Since(begin); d < 70*time.Second || d > 72*time.Second {
			t.Errorf("the server gave up after %v, want a minute and ten seconds", d)
		}
	})
}

func TestGRPC_GracefulStopLetsCallsEnd(t *testing.T) {
	c, stop := start(t, mtcp.WireConfig{})
	ctx := patient(t)
	s, err := c.Chat(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := chat(s, "before"); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- stop(context.Background()) }()
	for {
		if _, err := c.Say(ctx, &talk.Words{}); status.Code(err) == codes.Unavailable {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := chat(s, "after"); err != nil {
		t.Errorf("the stream in progress: %v", err)
	}
	s.CloseSend()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
