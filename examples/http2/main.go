// Http2 is net/http with TLS, where client and server agree on HTTP/2 by ALPN:
// many requests at a time on one connection, each with a stream of its own.
//
//	http2                                               # server and client in this process
//	http2 -interface eth0 -address 10.0.0.2/24 -certificate c.pem -key k.pem
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

var (
	certificate = flag.String("certificate", "", "the server's certificate, as PEM; without it one is made")
	key         = flag.String("key", "", "the certificate's key, as PEM")

	trusted *x509.CertPool // nil: the system's
)

func main() { host.Run(serve, ask) }

func serve(stack *mtcp.Stack) (host.Stop, error) {
	l, err := stack.Listen(context.Background(), "tcp", ":443")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: 10 * time.Second}
	if *certificate == "" {
		var made tls.Certificate
		if made, trusted, err = host.SelfSigned(); err != nil {
			return nil, err
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{made}}
	}
	go server.ServeTLS(l, *certificate, *key) // offers h2 and http/1.1
	return server.Shutdown, nil
}

// answer greets, then sends the request's body back while it still arrives: in
// HTTP/2 both directions of a stream are open.
func answer(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	fmt.Fprintf(w, "%s from %s\n", r.TLS.NegotiatedProtocol, r.RemoteAddr)
	out.Flush()
	piece := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(piece)
		w.Write(piece[:n])
		out.Flush()
		if err != nil {
			return
		}
	}
}

// newClient returns a client whose connections are the stack's. A Transport
// with its own dialer must be told that it shall try HTTP/2.
func newClient(stack *mtcp.Stack) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:       stack.DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: trusted},
		ForceAttemptHTTP2: true,
	}}
}

func ask(ctx context.Context, stack *mtcp.Stack, server string) error {
	client := newClient(stack)
	defer client.CloseIdleConnections()
	return host.Get(ctx, client, "https://"+server+"/")
}
