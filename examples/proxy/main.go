// Proxy is a reverse proxy with both sides on the stack: requests come in by
// its listener, and go on to the backend by its dialer.
//
//	proxy                                               # proxy, client and backend in this process
//	proxy -interface eth0 -address 10.0.0.2/24 -backend http://10.0.0.9:8080
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

var backend = flag.String("backend", "http://"+host.ClientIP+":8080", "where requests go on to")

func main() { host.Run(serve, ask) }

func serve(stack *mtcp.Stack) (host.Stop, error) {
	to, err := url.Parse(*backend)
	if err != nil {
		return nil, err
	}
	l, err := stack.Listen(context.Background(), "tcp", ":80")
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext:         stack.DialContext,
		MaxIdleConnsPerHost: 1000, // of the backend's; the default of 2 is for browsers
		IdleConnTimeout:     time.Minute,
	}
	server := &http.Server{
		Handler: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.SetXForwarded()
			},
			Transport: transport,
		},
		ReadHeaderTimeout: 10 * time.Second,
	}
	go server.Serve(l)
	return func(ctx context.Context) error {
		defer transport.CloseIdleConnections()
		return server.Shutdown(ctx)
	}, nil
}

// ask puts a backend onto the client's stack, and asks the proxy for it.
func ask(ctx context.Context, stack *mtcp.Stack, server string) error {
	l, err := stack.Listen(ctx, "tcp", ":8080")
	if err != nil {
		return err
	}
	back := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "asked by %s for %s", r.RemoteAddr, r.Header.Get("X-Forwarded-For"))
	})}
	go back.Serve(l)
	defer back.Close()

	client := &http.Client{Transport: &http.Transport{DialContext: stack.DialContext}}
	defer client.CloseIdleConnections()
	return host.Get(ctx, client, "http://"+server+"/")
}
