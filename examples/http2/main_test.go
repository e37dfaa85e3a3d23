package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
	"github.com/mtcp-go/mtcp/examples/hosttest"
)

const base = "https://" + host.ServerIP + "/"

func start(t *testing.T, c mtcp.WireConfig) (*http.Client, host.Stop) {
	t.Helper()
	client, server := hosttest.Pair(t, c)
	stop := hosttest.Serve(t, server, serve)
	h := newClient(client)
	h.Timeout = hosttest.Patience
	t.Cleanup(h.CloseIdleConnections)
	return h, stop
}

// post sends a body and returns what came back, the greeting apart.
func post(t *testing.T, c *http.Client, body []byte) (greeting string, echo []byte, r *http.Response) {
	t.Helper()
	r, err := c.Post(base, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return "", nil, &http.Response{TLS: &tls.ConnectionState{}}
	}
	defer r.Body.Close()
	all, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	first, rest, _ := bytes.Cut(all, []byte("\n"))
	return string(first), rest, r
}

func TestHTTP2_AskIsAnswered(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	if err := ask(t.Context(), client, host.ServerIP); err != nil {
		t.Error(err)
	}
}

func TestHTTP2_IsChosenByALPN(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	greeting, _, r := post(t, c, nil)
	if r.Proto != "HTTP/2.0" || r.TLS.NegotiatedProtocol != "h2" || r.TLS.Version != tls.VersionTLS13 {
		t.Errorf("%s, ALPN %q, %s", r.Proto, r.TLS.NegotiatedProtocol, tls.VersionName(r.TLS.Version))
	}
	if !strings.HasPrefix(greeting, "h2 from "+host.ClientIP+":") {
		t.Errorf("the server saw %q", greeting)
	}
}

func TestHTTP2_NotForWhoDoesNotOfferIt(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	c.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	if greeting, _, r := post(t, c, nil); r.Proto != "HTTP/1.1" || strings.HasPrefix(greeting, "h2") {
		t.Errorf("%s, and the server saw %q", r.Proto, greeting)
	}
}

func TestHTTP2_ManyStreamsOnOneConnection(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	first, _, _ := post(t, c, nil)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			body := hosttest.Pattern(i * 1000)
			if greeting, echo, _ := post(t, c, body); greeting != first || !bytes.Equal(echo, body) {
				t.Errorf("stream %d: %q, %d octets of %d", i, greeting, len(echo), len(body))
			}
		})
	}
	all.Wait()
}

// A stream in progress is answered piece by piece, and ends well although the
// server shuts down meanwhile.
func TestHTTP2_BothDirectionsAtOnceAndShutdown(t *testing.T) {
	c, stop := start(t, mtcp.WireConfig{})
	body, feed := io.Pipe()
	r, err := c.Post(base, "", body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	skipLine(t, r.Body)
	stopped := make(chan error, 1)
	for i := range 50 {
		if i == 25 {
			go func() { stopped <- stop(context.Background()) }()
		}
		want := hosttest.Pattern(i * 100)
		feed.Write(want)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r.Body, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	feed.Close()
	if rest, err := io.ReadAll(r.Body); len(rest) > 0 || err != nil {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func skipLine(t *testing.T, r io.Reader) {
	t.Helper()
	for b := []byte{0}; b[0] != '\n'; {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
	}
}

// What one stream's client gives up is no loss of the others.
func TestHTTP2_AStreamIsGivenUpAlone(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	first, _, _ := post(t, c, nil)
	body, feed := io.Pipe()
	r, err := c.Post(base, "", body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	skipLine(t, r.Body)
	feed.CloseWithError(errors.New("given up"))
	if _, err := io.ReadAll(r.Body); err == nil {
		t.Error("a stream that was given up ended well")
	}
	if greeting, _, _ := post(t, c, nil); greeting != first {
		t.Errorf("the connection went with the stream: %q, then %q", first, greeting)
	}
}
