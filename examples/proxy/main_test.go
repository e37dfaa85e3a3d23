package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
	"github.com/mtcp-go/mtcp/examples/hosttest"
)

const base = "http://" + host.ServerIP + "/"

// start puts a proxy onto one stack, a backend and a client onto the other.
func start(t *testing.T, backend http.HandlerFunc) *http.Client {
	t.Helper()
	client, server := hosttest.Pair(t, mtcp.WireConfig{Queues: 2})
	if backend != nil {
		hosttest.Serve(t, client, func(s *mtcp.Stack) (host.Stop, error) {
			l, err := s.Listen(context.Background(), "tcp", ":8080")
			back := &http.Server{Handler: backend}
			go back.Serve(l)
			return func(context.Context) error { return back.Close() }, err
		})
	}
	hosttest.Serve(t, server, serve)
	c := &http.Client{
		Transport: &http.Transport{DialContext: client.DialContext, MaxIdleConnsPerHost: 100},
		Timeout:   hosttest.Patience,
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestProxy_AskIsAnswered(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	if err := ask(t.Context(), client, host.ServerIP); err != nil {
		t.Error(err)
	}
}

func TestProxy_LargeBodiesPassBothWays(t *testing.T) {
	c := start(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("For", r.Header.Get("X-Forwarded-For"))
		w.Write(b)
	})
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			body := hosttest.Pattern(i * i * 300)
			r, err := c.Post(base, "", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d octets came back of %d, or they differ; %v", len(got), len(body), err)
			}
			if who := r.Header.Get("For"); who != host.ClientIP {
				t.Errorf("X-Forwarded-For was %q", who)
			}
		})
	}
	all.Wait()
}

// As WebSockets do: both sides give up HTTP and keep the connections.
func TestProxy_UpgradedConnectionsPass(t *testing.T) {
	c := start(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(conn, conn)
	})
	q, _ := http.NewRequest("GET", base, nil)
	q.Header.Set("Connection", "Upgrade")
	q.Header.Set("Upgrade", "echo")
	r, err := c.Transport.RoundTrip(q) // a Client with a Timeout hides the connection
	if err != nil {
		t.Fatal(err)
	}
	both, ok := r.Body.(io.ReadWriteCloser)
	if !ok || r.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%s, %T", r.Status, r.Body)
	}
	defer both.Close()
	want, got := hosttest.Pattern(100_000), make([]byte, 100_000)
	go both.Write(want)
	if _, err := io.ReadFull(both, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the echo through the proxy: %v", err)
	}
}

func TestProxy_NoBackendIsABadGateway(t *testing.T) {
	r, err := start(t, nil).Get(base)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusBadGateway {
		t.Error(r.Status)
	}
}

// That a client has gone reaches the backend through both connections.
func TestProxy_TheBackendLearnsOfAnAbort(t *testing.T) {
	asked, ended := make(chan struct{}), make(chan error, 1)
	c := start(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		ended <- r.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	q, _ := http.NewRequestWithContext(ctx, "GET", base, nil)
	if _, err := c.Do(q); !errors.Is(err, context.Canceled) {
		t.Errorf("the client: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the backend: %v", err)
	}
}
