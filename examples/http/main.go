// Http is an unchanged net/http server and client. Of the stack the server has
// one line, stack.Listen, and the client one, stack.DialContext.
//
//	http                                                # server and client in this process
//	http -interface eth0 -address 10.0.0.2/24           # the server, beside the kernel
//	http -tap mtcp0 & curl http://10.9.0.2/hello/you    # the server, for this machine alone
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

func main() { host.Run(serve, ask) }

func serve(stack *mtcp.Stack) (host.Stop, error) {
	l, err := stack.Listen(context.Background(), "tcp", ":80")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", hello)
	mux.HandleFunc("PUT /sum", sum)
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	go server.Serve(l)
	return server.Shutdown, nil
}

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s at %s", r.PathValue("name"), r.RemoteAddr)
}

// sum reads a body of any size as it arrives.
func sum(w http.ResponseWriter, r *http.Request) {
	h := sha256.New()
	if _, err := io.Copy(h, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%x", h.Sum(nil))
}

// newClient returns a client whose connections are the stack's.
func newClient(stack *mtcp.Stack) *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: stack.DialContext, MaxIdleConnsPerHost: 100},
		Timeout:   10 * time.Second,
	}
}

func ask(ctx context.Context, stack *mtcp.Stack, server string) error {
	client := newClient(stack)
	defer client.CloseIdleConnections()
	return host.Get(ctx, client, "http://"+server+"/hello/world")
}
