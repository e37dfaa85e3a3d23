package mtcp

// net/http and crypto/tls over the stack, unchanged.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting counts accepted connections.
type counting struct {
	net.Listener
	n atomic.Int32
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

// serve runs an http.Server on a stack until the test ends.
func serve(t testing.TB, s *Stack, address string, h http.Handler, change func(*http.Server)) (*http.Server, *counting) {
	t.Helper()
	l, err := s.Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server, counted := &http.Server{Handler: h}, &counting{Listener: l}
	if change != nil {
		change(server)
	}
	done := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			done <- server.ServeTLS(counted, "", "")
		} else {
			done <- server.Serve(counted)
		}
	}()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return server, counted
}

// client returns an HTTP client that dials on a stack.
func client(t testing.TB, s *Stack, change func(*http.Transport)) *http.Client {
	tr := &http.Transport{DialContext: s.DialContext, MaxIdleConnsPerHost: 100}
	if change != nil {
		change(tr)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// echo answers with the request's body, once it has all of it: HTTP/1 servers
// stop reading when they begin to answer.
func echo(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	w.Write(b)
}

// ask posts a body to an echo and compares.
func ask(t testing.TB, c *http.Client, url string, body []byte) *http.Response {
	t.Helper()
	r, err := c.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return nil
	}
	defer r.Body.Close()
	if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d octets came back of %d, or they differ; %v", len(got), len(body), err)
	}
	return r
}

func TestHTTP_KeepsConnectionsAlive(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	_, l := serve(t, w.server, ":80", http.HandlerFunc(echo), nil)
	c := client(t, w.client, nil)
	for i := range 50 {
		ask(t, c, "http://"+serverIP+"/", pattern(i*i))
	}
	if n := l.n.Load(); n != 1 {
		t.Errorf("%d connections for requests one after the other", n)
	}
}

func TestHTTP_ConnectionClose(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	_, l := serve(t, w.server, ":80", http.HandlerFunc(echo), func(s *http.Server) { s.SetKeepAlivesEnabled(false) })
	c := client(t, w.client, nil)
	const n = 50
	for i := range n {
		ask(t, c, "http://"+serverIP+"/", pattern(i*i))
	}
	if got := l.n.Load(); got != n {
		t.Errorf("%d connections for %d requests", got, n)
	}
}

func TestHTTP_LargeBodiesBothWays(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	serve(t, w.server, ":80", http.HandlerFunc(echo), nil)
	ask(t, client(t, w.client, nil), "http://"+serverIP+"/", pattern(16<<20))
}

func TestHTTP_ManyInParallel(t *testing.T) {
	for _, queues := range []int{1, 2} {
		w := newWorld(t, WireConfig{Queues: queues}, nil)
		serve(t, w.server, ":80", http.HandlerFunc(echo), nil)
		c := client(t, w.client, nil)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				for range 3 {
					ask(t, c, "http://"+serverIP+"/", pattern(i*100))
				}
			})
		}
		all.Wait()
	}
}

func TestHTTP_ServesFiles(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	dir := t.TempDir()
	want := pattern(3<<20 + 1)
	if err := os.WriteFile(filepath.Join(dir, "f"), want, 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, w.server, ":80", http.FileServer(http.Dir(dir)), nil)
	c := client(t, w.client, nil)
	for _, part := range []struct {
		header      string
		first, last int
	}{{"", 0, len(want)}, {"bytes=1000000-1999999", 1000000, 2000000}, {"bytes=-1", len(want) - 1, len(want)}} {
		r, err := http.NewRequest("GET", "http://"+serverIP+"/f", nil)
		if err != nil {
			t.Fatal(err)
		}
		if part.header != "" {
			r.Header.Set("Range", part.header)
		}
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !bytes.Equal(got, want[part.first:part.last]) {
			t.Errorf("range %q: %d octets of %d, or they differ; %v", part.header, len(got), part.last-part.first, err)
		}
	}
}

// A handler learns that its client has gone.
func TestHTTP_HandlerLearnsOfAnAbort(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	started, ended := make(chan struct{}), make(chan error, 1)
	serve(t, w.server, ":80", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		ended <- r.Context().Err()
	}), nil)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-started
		cancel()
	}()
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+serverIP+"/", nil)
	if _, err := client(t, w.client, nil).Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v", err)
	}
	within(t, "the handler", func() {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler's context: %v", err)
		}
	})
}

func TestHTTP_HijackGivesTheConn(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	serve(t, w.server, ":80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if _, ok := c.(*Conn); !ok {
			t.Errorf("hijacked a %T", c)
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		io.Copy(c, c)
		c.Close()
	}), nil)
	r, _ := http.NewRequest("GET", "http://"+serverIP+"/", nil)
	r.Header.Set("Upgrade", "echo")
	r.Header.Set("Connection", "Upgrade")
	answer, err := client(t, w.client, nil).Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	both := answer.Body.(io.ReadWriteCloser)
	defer both.Close()
	io.WriteString(both, "hello")
	got := make([]byte, 5)
	if _, err := io.ReadFull(both, got); err != nil || string(got) != "hello" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestHTTP_ShutdownCompletesRequests(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	asked, answer := make(chan struct{}), make(chan struct{})
	server, _ := serve(t, w.server, ":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(asked)
			<-answer
		}
		io.WriteString(w, "complete")
	}), nil)
	c := client(t, w.client, nil)
	get := func(path string) (string, error) {
		r, err := c.Get("http://" + serverIP + path)
		if err != nil {
			return "", err
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		return string(b), err
	}
	if got, err := get("/"); err != nil || got != "complete" { // leaves an idle connection
		t.Fatalf("%q, %v", got, err)
	}
	within(t, "the shutdown", func() {
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if got, err := get("/wait"); err != nil || got != "complete" {
				t.Errorf("the request in progress: %q, %v", got, err)
			}
		})
		<-asked
		done := make(chan error, 1)
		go func() { done <- server.Shutdown(context.Background()) }()
		eventually(t, "new requests are refused", func() bool {
			_, err := get("/")
			return err != nil
		})
		close(answer)
		if err := <-done; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		waiting.Wait()
		c.CloseIdleConnections()
		if err := w.server.Shutdown(context.Background()); err != nil {
			t.Errorf("the stack's Shutdown: %v", err)
		}
	})
}

// A proxy in the middle dials on its stack, as its clients do on theirs.
func TestHTTP_ReverseProxy(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	serve(t, w.server, ":8080", http.HandlerFunc(echo), nil)
	target, _ := url.Parse("http://" + serverIP + ":8080")
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = client(t, w.client, nil).Transport
	serve(t, w.client, ":80", proxy, nil)
	c := client(t, w.server, nil)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { ask(t, c, "http://"+clientIP+"/", pattern(i*i*1000)) })
	}
	all.Wait()
}

func TestHTTP_IdleTimeoutClosesConnections(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		_, l := serve(t, w.server, ":80", http.HandlerFunc(echo), func(s *http.Server) { s.IdleTimeout = time.Minute })
		c := client(t, w.client, nil)
		for range 2 {
			ask(t, c, "http://"+serverIP+"/", []byte("hello"))
			time.Sleep(59 * time.Second)
			ask(t, c, "http://"+serverIP+"/", []byte("hello"))
			time.Sleep(61 * time.Second)
			synctest.Wait()
		}
		if n := l.n.Load(); n != 2 {
			t.Errorf("%d connections, want one for each two requests", n)
		}
	})
}

func TestHTTP_ReadHeaderTimeoutEndsASlowClient(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, WireConfig{}, nil)
		serve(t, w.server, ":80", http.HandlerFunc(echo), func(s *http.Server) { s.ReadHeaderTimeout = 10 * time.Second })
		c, err := w.client.Dial("tcp", serverIP+":80")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\n")
		start := time.Now()
		if _, err := io.ReadAll(c); err != nil {
			t.Error(err)
		}
		took(t, "the server", start, 10*time.Second, 11*time.Second)
	})
}

// certificate makes a self-signed one for the server's address.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.ParseIP(serverIP)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots}
}

func TestTLS_OverAConn(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	serverTLS, clientTLS := certificate(t)
	l := tls.NewListener(w.listen(t, ":443"), serverTLS)
	b := pattern(4 << 20)
	within(t, "the echo", func() {
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(c, c)
			c.Close()
		}()
		plain, err := w.client.Dial("tcp", serverIP+":443")
		if err != nil {
			t.Fatal(err)
		}
		clientTLS.ServerName = serverIP
		c := tls.Client(plain, clientTLS)
		go func() {
			c.Write(b)
			c.CloseWrite()
		}()
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d octets came back of %d, or they differ; %v", len(got), len(b), err)
		}
		c.Close()
	})
}

func TestHTTP2_OverTLS(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	serverTLS, clientTLS := certificate(t)
	_, l := serve(t, w.server, ":443", http.HandlerFunc(echo), func(s *http.Server) { s.TLSConfig = serverTLS })
	c := client(t, w.client, func(tr *http.Transport) {
		tr.TLSClientConfig, tr.ForceAttemptHTTP2 = clientTLS, true
	})
	if r := ask(t, c, "https://"+serverIP+"/", []byte("hello")); r == nil || r.Proto != "HTTP/2.0" {
		t.Fatal(fmt.Sprint("the answer: ", r))
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { ask(t, c, "https://"+serverIP+"/", pattern(i*i*500)) })
	}
	all.Wait()
	if n := l.n.Load(); n != 1 {
		t.Errorf("%d connections for HTTP/2", n)
	}
}
