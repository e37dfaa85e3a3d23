// The steps of the demonstration, which are the same for every server: fetch a
// page, fetch a file and compare it, make a load.

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	pageName  = "page.html"
	fileName  = "file.bin"
	pageBound = 10 * time.Second
	fileBound = 30 * time.Second
)

const page = `<!doctype html>
<title>mtcp</title>
<h1>It works</h1>
<p>This page came over a TCP that runs in a process: an unchanged net/http file
server on a listener of the stack. Nobody patched anything.</p>
`

// A site is the directory that is served.
type site struct {
	dir string
	sum [sha256.Size]byte
}

// newSite makes one with a page and a file that does not compress.
func newSite(size int) (s *site, err error) {
	dir, err := os.MkdirTemp("", "mtcp-demo-")
	if err != nil {
		return nil, err
	}
	s = &site{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	if err := os.WriteFile(filepath.Join(dir, pageName), []byte(page), 0o644); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, fileName))
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, hash), rand.NewChaCha8([32]byte([]byte("what the demonstration transfers"))), int64(size))
	hash.Sum(s.sum[:0])
	return s, errors.Join(err, f.Close())
}

func (s *site) remove() error { return os.RemoveAll(s.dir) }

// A subject is a server to be measured, and the way there.
type subject struct {
	base string // "http://10.77.0.2"
	dial dialer
	load func(ctx context.Context, l load, url string) (loadResult, error)
}

// measured is what a subject came to.
type measured struct {
	page time.Duration
	file time.Duration
	load loadResult
}

// rate returns octets per second of the file.
func (m *measured) rate(mib int) uint64 {
	return uint64(float64(mib<<20) / m.file.Seconds())
}

func (m *measured) loadText() string {
	r := &m.load
	return fmt.Sprintf("%s requests/s, p50 %v, p99 %v, %d errors (%s)",
		group(uint64(r.perSecond())), tidy(r.P50), tidy(r.P99), r.Errors, r.Tool)
}

// try takes the steps in turn, and tells each when say is not nil.
func (c *demoCmd) try(ctx context.Context, s *site, sub subject, say func(format string, args ...any)) (m measured, err error) {
	client := httpClient(sub.dial, 1, true)
	if m.page, err = tryPage(ctx, client, sub.base+"/"+pageName); err != nil {
		return m, fmt.Errorf("page: %w", err)
	}
	say("page       %d B in %v, as it should be\n", len(page), tidy(m.page))
	if m.file, err = tryFile(ctx, client, sub.base+"/"+fileName, c.Size<<20, s.sum); err != nil {
		return m, fmt.Errorf("file: %w", err)
	}
	say("file       %d MiB in %.2f s: %s/s, SHA-256 equal (%x...)\n", c.Size, m.file.Seconds(), octets(m.rate(c.Size)), s.sum[:6])
	if m.load, err = sub.load(ctx, load{connections: c.C, duration: c.Duration}, sub.base+"/"+pageName); err != nil {
		return m, fmt.Errorf("load: %w", err)
	}
	say("load       %s\n", m.loadText())
	if m.load.Errors > 0 {
		return m, fmt.Errorf("load: %d errors: %s", m.load.Errors, m.load.FirstError)
	}
	return m, nil
}

func quiet(string, ...any) {}

func tryPage(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, pageBound)
	defer cancel()
	var body bytes.Buffer
	begin := time.Now()
	if _, err := fetch(ctx, client, url, &body); err != nil {
		return 0, err
	}
	spent := time.Since(begin)
	if body.String() != page {
		return 0, errors.New("other text came than was sent")
	}
	return spent, nil
}

// tryFile receives into memory, and hashes when the clock has stopped.
func tryFile(ctx context.Context, client *http.Client, url string, size int, sum [sha256.Size]byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fileBound)
	defer cancel()
	body := &fixed{b: make([]byte, 0, size)}
	begin := time.Now()
	if _, err := fetch(ctx, client, url, body); err != nil {
		return 0, fmt.Errorf("after %s: %w", octets(uint64(len(body.b))), err)
	}
	spent := time.Since(begin)
	if sha256.Sum256(body.b) != sum {
		return 0, errors.New("SHA-256 differs: other octets came than were sent")
	}
	return spent, nil
}

// fixed is memory that does not grow. It reads by itself, so that no
// buffer in between is measured.
type fixed struct{ b []byte }

// Write appends.
func (f *fixed) Write(p []byte) (int, error) {
	if len(f.b)+len(p) > cap(f.b) {
		return 0, errors.New("more octets came than were sent")
	}
	f.b = append(f.b, p...)
	return len(p), nil
}

// ReadFrom reads to the end of r.
func (f *fixed) ReadFrom(r io.Reader) (int64, error) {
	begin := len(f.b)
	for len(f.b) < cap(f.b) {
		n, err := r.Read(f.b[len(f.b):cap(f.b)])
		f.b = f.b[:len(f.b)+n]
		if err == io.EOF {
			return int64(len(f.b) - begin), nil
		}
		if err != nil {
			return int64(len(f.b) - begin), err
		}
	}
	var one [1]byte
	if n, err := io.ReadFull(r, one[:]); n > 0 || err != io.EOF {
		return int64(len(f.b) - begin), errors.Join(errors.New("more octets came than were sent"), err)
	}
	return int64(len(f.b) - begin), nil
}
