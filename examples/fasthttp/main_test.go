package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
	"github.com/mtcp-go/mtcp/examples/hosttest"
)

const base = "http://" + host.ServerIP + "/"

func start(t *testing.T, c mtcp.WireConfig) (*fasthttp.Client, host.Stop) {
	t.Helper()
	client, server := hosttest.Pair(t, c)
	stop := hosttest.Serve(t, server, serve)
	f := newClient(client)
	f.ReadTimeout, f.WriteTimeout = hosttest.Patience, hosttest.Patience
	t.Cleanup(f.CloseIdleConnections)
	return f, stop
}

func post(c *fasthttp.Client, body []byte, limit time.Duration) ([]byte, error) {
	q, r := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(q)
	defer fasthttp.ReleaseResponse(r)
	q.SetRequestURI(base)
	q.Header.SetMethod("POST")
	q.SetBody(body)
	err := c.DoTimeout(q, r, limit)
	return bytes.Clone(r.Body()), err
}

func TestFasthttp_AskIsAnswered(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Serve(t, server, serve)
	if err := ask(t.Context(), client, host.ServerIP); err != nil {
		t.Error(err)
	}
}

func TestFasthttp_RequestsShareAConnection(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{})
	for i := 1; i <= 20; i++ {
		_, body, err := c.Get(nil, base)
		if want := fmt.Sprintf("request %d of", i); err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%q, %v; want %q", body, err, want)
		}
	}
}

func TestFasthttp_ManyClientsAndLargeBodies(t *testing.T) {
	c, _ := start(t, mtcp.WireConfig{Queues: 2})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			body := hosttest.Pattern(i * i * 300)
			if got, err := post(c, body, hosttest.Patience); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d octets came back of %d, or they differ; %v", len(got), len(body), err)
			}
		})
	}
	all.Wait()
}

func TestFasthttp_DeadlinesEndARequest(t *testing.T) {
	client, server := hosttest.Pair(t, mtcp.WireConfig{})
	hosttest.Silent(t, server, ":80")
	c := newClient(client)
	defer c.CloseIdleConnections()
	if _, err := post(c, []byte("x"), 20*time.Millisecond); !errors.Is(err, fasthttp.ErrTimeout) {
		t.Errorf("a server that says nothing: %v", err)
	}
	c = newClient(client)
	defer c.CloseIdleConnections()
	c.ReadTimeout = 20 * time.Millisecond
	if _, _, err := c.Get(nil, base); !errors.Is(err, fasthttp.ErrTimeout) {
		t.Errorf("the read: %v", err)
	}
}

func TestFasthttp_ShutdownClosesIdleConnections(t *testing.T) {
	c, stop := start(t, mtcp.WireConfig{})
	if _, err := post(c, []byte("x"), hosttest.Patience); err != nil {
		t.Fatal(err)
	}
	if err := stop(context.Background()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := post(c, []byte("x"), hosttest.Patience); err == nil {
		t.Error("a request was answered after it")
	}
}
