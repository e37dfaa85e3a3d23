// mtcp get: a client on the stack.

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type getCmd struct {
	stackFlags
	N      int    `short:"n" help:"Load: requests in all." placeholder:"N"`
	C      int    `short:"c" help:"Load: connections at a time." placeholder:"N"`
	Output string `short:"o" placeholder:"FILE" help:"Write the body to FILE, with progress and SHA-256; otherwise to the standard output."`
	Close  bool   `help:"Load: a connection per request."`
	Link   string `default:"" enum:",afxdp,tap" placeholder:"LINK" help:"The file's, or afxdp: an interface shared with the kernel; tap: a TAP interface, with the kernel as the neighbour."`
	URL    string `arg:"" help:"What to fetch: http://..."`
}

// Help shows examples.
func (*getCmd) Help() string {
	return `With -n or -c it makes a short load and prints requests per second, latencies and errors.

Examples:

    mtcp get --iface eth0 --addr 10.0.0.9/24 -o debian.iso http://10.0.0.2/debian.iso
    mtcp get --iface eth0 --addr 10.0.0.9/24 -n 10000 -c 64 http://10.0.0.2/
    mtcp get --link tap --addr 10.88.0.2/24 http://10.88.0.1/`
}

// Run fetches.
func (c *getCmd) Run(t *terminal) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usageError(fmt.Sprintf("%q is no URL such as http://10.0.0.2/file", c.URL))
	}
	if c.N < 0 || c.C < 0 {
		return usageError("-n and -c count: they cannot be negative")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d, err := openStack(&c.Link, &c.stackFlags)
	if err != nil {
		return err
	}
	for _, line := range linkLines(d.Links()) {
		fmt.Fprintln(t.err, line)
	}
	err = c.fetch(ctx, t, d)
	if ctx.Err() != nil {
		err = errInterrupted
	}
	patience := drainPatience
	if err != nil {
		patience = 200 * time.Millisecond
	}
	closing, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	closed := d.Shutdown(closing)
	if errors.Is(closed, context.DeadlineExceeded) {
		closed = nil
	}
	return errors.Join(err, closed)
}

func (c *getCmd) fetch(ctx context.Context, t *terminal, d door) error {
	switch {
	case c.N > 0 || c.C > 0:
		return c.load(ctx, t, d)
	case c.Output != "":
		return saveURL(ctx, t, httpClient(d.DialContext, 1, true), c.URL, c.Output)
	default:
		_, err := fetch(ctx, httpClient(d.DialContext, 1, true), c.URL, t.out)
		return err
	}
}

// load makes the short load.
func (c *getCmd) load(ctx context.Context, t *terminal, d door) error {
	l := load{connections: max(c.C, 1), requests: c.N}
	if l.requests == 0 {
		l.duration = 3 * time.Second
	}
	r := httpLoad(ctx, d.DialContext, l, c.URL, c.Close)
	fmt.Fprint(t.out, r.text())
	fmt.Fprint(t.out, counterText(d.Stats()))
	if r.Errors > 0 {
		return fmt.Errorf("%d requests failed, the first with: %s", r.Errors, r.FirstError)
	}
	return nil
}

// text is the load as people read it.
func (r *loadResult) text() string {
	return fmt.Sprintf("load       %s requests in %.2f s: %.0f requests/s, %s/s, %d errors\nlatency    p50 %v, p90 %v, p99 %v, max %v\n",
		group(r.Requests), r.Seconds, r.perSecond(), octets(uint64(r.octetsPerSecond())), r.Errors,
		tidy(r.P50), tidy(r.P90), tidy(r.P99), tidy(r.Max))
}

// tidy rounds a duration to three digits or so.
func tidy(d time.Duration) time.Duration {
	for unit := time.Second; unit > 1; unit /= 1000 {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}

// saveURL writes the body of url to a file, which appears only when it is whole.
func saveURL(ctx context.Context, t *terminal, client *http.Client, url, path string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*")
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err == nil {
			err = os.Rename(file.Name(), path)
		}
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	begin := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	hash, p := sha256.New(), newProgress(t.err, response.ContentLength)
	n, err := io.Copy(io.MultiWriter(file, hash, p), response.Body)
	p.done()
	if err != nil {
		return fmt.Errorf("after %s: %w", octets(uint64(n)), err)
	}
	spent := time.Since(begin)
	fmt.Fprintf(t.out, "%s  %s\n", fmt.Sprintf("%x", hash.Sum(nil)), path)
	fmt.Fprintf(t.err, "fetched    %s in %.2f s: %s/s\n", octets(uint64(n)), spent.Seconds(), octets(uint64(float64(n)/spent.Seconds())))
	return nil
}
