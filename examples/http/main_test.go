package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
	"github.com/mtcp-go/mtcp/examples/hosttest"
)

const base = "http://" + host.ServerIP

// start serves, and returns a client.
func start(t *testing.T, c mtcp.WireConfig) (*http.Client, host.Stop) {
	t.Helper()
	client, server := hosttest.Pair(t, c)
	stop := hosttest.Serve(t, server, serve)
	h := newClient(client)
	h.Timeout = hosttest.Patience
	t.Cleanup(h.CloseIdleConnections)
	return h, stop
}

// do sends a request and reads the answer.
func do(c *http.Client, method, url string, body io.Reader, header ...string) (string, error) {
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		return "", err
	}
	if len(header) == 2 {
		r.Header.Set(header[0], header[1])
	}
	answer, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(answer.Status))
	}
	return string(b), err
}

func TestHTTP_AskIsAnswered(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	if err := ask(t.Context(), client, host.ServerIP); err != nil {
		t.Error(err)
	}
}

// The server names the client's port: one connection serves them all.
func TestHTTP_RequestsShareAConnection(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	first, err := do(c, "GET", base+"/hello/you", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if got, err := do(c, "GET", base+"/hello/you", nil); err != nil || got != first {
			t.Errorf("%q, %v; want %q", got, err, first)
		}
	}
}

func TestHTTP_ManyClientsSendLargeBodies(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{Queues: 2})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			body := hosttest.Pattern(i * i * 300)
			want := fmt.Sprintf("%x", sha256.Sum256(body))
			if got, err := do(c, "PUT", base+"/sum", bytes.NewReader(body)); err != nil || got != want {
				t.Errorf("body %d: %q, %v", i, got, err)
			}
		})
	}
	all.Wait()
}

// Shutdown closes idle connections, takes no new ones, and lets a request in
// progress end.
func TestHTTP_ShutdownLetsRequestsEnd(t *testing.T) {
	c, stop := start(t, mtcp.WireConfig{})
	if _, err := do(c, "GET", base+"/hello/you", nil); err != nil { // leaves an idle connection
		t.Fatal(err)
	}
	// The client sends its body when the server has begun to read: until then
	// a server may take the connection for idle.
	c.Transport.(*http.Transport).ExpectContinueTimeout = hosttest.Patience
	body, feed := io.Pipe()
	var all sync.WaitGroup
	all.Go(func() {
		want := fmt.Sprintf("%x", sha256.Sum256([]byte("begin and end")))
		if got, err := do(c, "PUT", base+"/sum", body, "Expect", "100-continue"); err != nil || got != want {
			t.Errorf("the request in progress: %q, %v", got, err)
		}
	})
	io.WriteString(feed, "begin")
	all.Go(func() {
		if err := stop(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	for limit := time.Now().Add(hosttest.Patience); ; time.Sleep(time.Millisecond) {
		if _, err := do(c, "GET", base+"/hello/you", nil); err != nil {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("requests are still taken")
		}
	}
	io.WriteString(feed, " and end")
	feed.Close()
	all.Wait()
}

func TestHTTP_ClientTimeoutIsATimeout(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Silent(t, server, ":80")
	c := newClient(client)
	c.Timeout = 20 * time.Millisecond
	_, err := do(c, "GET", base+"/", nil)
	if e := net.Error(nil); !errors.As(err, &e) || !e.Timeout() {
		t.Errorf("a server that says nothing: %v", err)
	}
}
