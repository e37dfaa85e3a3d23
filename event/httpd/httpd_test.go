package httpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/event"
)

const address = "10.0.0.2:80"

var large = bytes.Repeat([]byte("large body. "), 200_000)

// serve starts a server and returns a client's stack.
func serve(t *testing.T) *mtcp.Stack {
	t.Helper()
	wire, err := mtcp.NewWire(mtcp.WireConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var stacks [2]*mtcp.Stack
	for i, ip := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		s, err := mtcp.New(mtcp.Config{
			Link: wire.End(i), Addresses: []netip.Prefix{netip.MustParsePrefix(ip)},
			Connections: 1 << 10, TimeWaits: 1 << 10, RingMemory: 32 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		stacks[i] = s
	}
	listen(t, stacks[1])
	return stacks[0]
}

// listen has two pages on port 80 of a stack.
func listen(t *testing.T, s *mtcp.Stack) {
	t.Helper()
	_, err := event.Listen(s, "tcp", ":80", Handler(func(r *Request) (int, string, []byte) {
		switch string(r.Path) {
		case "/large":
			return 200, "text/plain", large
		case "/":
			return 200, "text/plain", []byte("small")
		}
		return 404, "text/plain", []byte("no " + string(r.Path))
	}))
	if err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T, s *mtcp.Stack) net.Conn {
	t.Helper()
	c, err := s.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func TestServe_NetHTTPClient(t *testing.T) {
	s := serve(t)
	client := &http.Client{Transport: &http.Transport{DialContext: s.DialContext}, Timeout: 20 * time.Second}
	for range 3 {
		for path, want := range map[string]string{"/": "small", "/large": string(large), "/x": "no /x"} {
			r, err := client.Get("http://" + address + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			r.Body.Close()
			if string(body) != want || err != nil {
				t.Errorf("%s: %d octets, want %d; %v", path, len(body), len(want), err)
			}
			if _, err := http.ParseTime(r.Header.Get("Date")); err != nil {
				t.Errorf("Date: %v", err)
			}
		}
		r, err := client.Post("http://"+address+"/", "text/plain", bytes.NewReader(large))
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != 200 {
			t.Errorf("POST: %v", r.Status)
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if r, err = client.Head("http://" + address + "/large"); err != nil || r.ContentLength != int64(len(large)) {
			t.Errorf("HEAD: %v, %v", r, err)
		}
	}
}

// TestServe_RequestsInAnyPieces has the second request of three cut in two at
// every place.
func TestServe_RequestsInAnyPieces(t *testing.T) {
	s := serve(t)
	one := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	two := "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	text := one + two + one
	for cut := 1; cut < len(text); cut += 3 {
		c := dial(t, s)
		io.WriteString(c, text[:cut])
		time.Sleep(time.Millisecond) // so that the pieces come apart
		io.WriteString(c, text[cut:])
		in := bufio.NewReader(c)
		for _, want := range []string{"small", "no /b", "small"} {
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if body, _ := io.ReadAll(r.Body); string(body) != want {
				t.Fatalf("cut at %d: %q, want %q", cut, body, want)
			}
		}
		c.Close()
	}
}

func TestServe_ManyPipelinedLargeAnswers(t *testing.T) {
	c := dial(t, serve(t))
	const n = 10
	go io.WriteString(c, strings.Repeat("GET /large HTTP/1.1\r\nHost: a\r\n\r\n", n))
	in := bufio.NewReader(c)
	for range n {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(r.Body); !bytes.Equal(body, large) || err != nil {
			t.Fatalf("%d octets of %d; %v", len(body), len(large), err)
		}
	}
}

func TestServe_WhatItRefuses(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		request string
		code    int
	}{
		{"GET /\r\n\r\n", 400},
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"nonsense\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"GET / HTTP/1.1\r\nHost: a\r\nbad header : x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nAccept: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
		{"PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		{"GET /" + strings.Repeat("x", maxHeader) + " HTTP/1.1\r\nHost: a\r\n\r\n", 431},
		{"GET /" + strings.Repeat("x", 2*maxHeader), 431},
	} {
		x := dial(t, s)
		io.WriteString(x, c.request)
		r, err := http.ReadResponse(bufio.NewReader(x), nil)
		if err != nil {
			t.Errorf("%.40q: %v", c.request, err)
			continue
		}
		if r.StatusCode != c.code || !r.Close {
			t.Errorf("%.40q: %v, want %d and the end", c.request, r.Status, c.code)
		}
		x.Close()
	}
}

func TestServe_ClosesWhenAskedTo(t *testing.T) {
	s := serve(t)
	for _, request := range []string{
		"GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
	} {
		c := dial(t, s)
		io.WriteString(c, request)
		all, err := io.ReadAll(c)
		if err != nil || strings.Count(string(all), "HTTP/1.1") != 1 || !strings.HasSuffix(string(all), "\r\n\r\nsmall") {
			t.Errorf("%q: %q, %v", request, all, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"))
	f.Add([]byte("\r\n\r\nGET / HTTP/1.0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		var r Request
		n, bad := r.parse(p)
		if n < 0 || n > len(p) || r.body < 0 || r.body > maxBody {
			t.Errorf("header of %d octets of %d, body of %d", n, len(p), r.body)
		}
		// More octets behind a header change nothing.
		if n > 0 && bad != statusLarge {
			var again Request
			if m, worse := again.parse(append(bytes.Clone(p), "\r\n\r\nx"...)); m != n || worse != bad {
				t.Errorf("%d %d, and with more behind it %d %d", n, bad, m, worse)
			}
		}
	})
}

func ExampleHandler() {
	wire, _ := mtcp.NewWire(mtcp.WireConfig{})
	server, _ := mtcp.New(mtcp.Config{Link: wire.End(0), Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")}})
	client, _ := mtcp.New(mtcp.Config{Link: wire.End(1), Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}})
	defer server.Close()
	defer client.Close()
	event.Listen(server, "tcp", ":80", Handler(func(r *Request) (int, string, []byte) {
		return 200, "text/plain", []byte("you asked for " + string(r.Path))
	}))
	web := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return client.DialContext(ctx, network, addr)
	}}}
	r, err := web.Get("http://10.0.0.2/news")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Println(string(body))
	web.CloseIdleConnections()
	// Output: you asked for /news
}

// TestServe_WholeAnswerToAHalfClosedConnection does not take the client's FIN for a
// wish to hear no more.
func TestServe_WholeAnswerToAHalfClosedConnection(t *testing.T) {
	c := dial(t, serve(t))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /large HTTP/1.1\r\nHost: a\r\n\r\n")
	c.(*mtcp.Conn).CloseWrite()
	in := bufio.NewReader(c)
	for _, want := range []string{"small", string(large)} {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(r.Body); string(body) != want || err != nil {
			t.Fatalf("%d octets of %d; %v", len(body), len(want), err)
		}
	}
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("after the last answer: %q, %v", rest, err)
	}
}

// Who sends half of a header, or reads half of an answer, does not hold its memory
// for ever.
func TestServe_EndsConnectionsOnWhichNothingMoves(t *testing.T) {
	for what, request := range map[string]string{"half a header": "GET / HT", "nothing": "", "no reading": "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := dial(t, serve(t))
				c.SetDeadline(time.Time{})
				io.WriteString(c, request)
				start := time.Now()
				if what == "no reading" {
					time.Sleep(3 * IdleTimeout)
				}
				n, err := io.Copy(io.Discard, c)
				if !errors.Is(err, syscall.ECONNRESET) || n >= int64(len(large)) {
					t.Errorf("%d octets, %v", n, err)
				}
				if d := time.Since(start); d < IdleTimeout || what != "no reading" && d > 2*IdleTimeout {
					t.Errorf("it ended after %v", d)
				}
			})
		})
	}
}
