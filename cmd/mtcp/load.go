// Loads: many small requests, and one long stream.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A dialer opens connections: the stack's DialContext, or the kernel's.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// A load is how much of the same to do.
type load struct {
	connections int           // at a time
	requests    int           // in all; 0: no bound
	duration    time.Duration // 0: no bound
	stream      bool          // a request is cut off at the end, and does not count
}

// lastPatience is how long the last requests of a load may take.
const lastPatience = 5 * time.Second

// A loadResult is what a load came to. Its JSON form passes between processes.
type loadResult struct {
	Requests   uint64
	Errors     uint64
	FirstError string
	Octets     uint64
	Seconds    float64
	P50, P90   time.Duration
	P99, Max   time.Duration
	Tool       string // what made the load
}

func (r *loadResult) perSecond() float64 {
	if r.Seconds == 0 {
		return 0
	}
	return float64(r.Requests) / r.Seconds
}

func (r *loadResult) octetsPerSecond() float64 {
	if r.Seconds == 0 {
		return 0
	}
	return float64(r.Octets) / r.Seconds
}

// A worker makes one request and returns the octets it brought. Each has its
// own.
type worker func(ctx context.Context) (uint64, error)

// run keeps l.connections workers busy until l is done. Too many errors end it,
// since nothing useful comes after.
func (l load) run(ctx context.Context, newWorker func() worker) loadResult {
	const maxErrors = 1000
	until := ctx
	if l.duration > 0 {
		var cancel, cancelLast context.CancelFunc
		until, cancel = context.WithTimeout(ctx, l.duration)
		defer cancel()
		ctx, cancelLast = context.WithTimeout(ctx, l.duration+lastPatience)
		defer cancelLast()
	}
	if l.stream {
		ctx = until
	}
	var (
		mu      sync.Mutex
		all     histogram
		result  loadResult
		taken   atomic.Int64
		failed  atomic.Int64
		octets  atomic.Uint64
		running sync.WaitGroup
	)
	begin := time.Now()
	for range l.connections {
		running.Go(func() {
			work, mine := newWorker(), &histogram{}
			for until.Err() == nil && failed.Load() < maxErrors {
				if l.requests > 0 && taken.Add(1) > int64(l.requests) {
					break
				}
				at := time.Now()
				n, err := work(ctx)
				octets.Add(n)
				if err == nil {
					mine.add(time.Since(at))
					continue
				}
				if l.stream && until.Err() != nil {
					break
				}
				if failed.Add(1) == 1 {
					mu.Lock()
					result.FirstError = oneLine(err.Error())
					mu.Unlock()
				}
			}
			mu.Lock()
			all.merge(mine)
			mu.Unlock()
		})
	}
	running.Wait()
	result.Requests, result.Errors, result.Octets = all.n, uint64(failed.Load()), octets.Load()
	result.Seconds = time.Since(begin).Seconds()
	result.P50, result.P90, result.P99, result.Max = all.percentile(.5), all.percentile(.9), all.percentile(.99), all.max
	result.Tool = fmt.Sprintf("built-in client, %d connections", l.connections)
	return result
}

// httpLoad fetches url with net/http's own client, on connections of its own.
func httpLoad(ctx context.Context, dial dialer, l load, url string, closing bool) loadResult {
	client := httpClient(dial, l.connections, closing)
	defer client.CloseIdleConnections()
	return l.run(ctx, func() worker {
		return func(ctx context.Context) (uint64, error) { return fetch(ctx, client, url, io.Discard) }
	})
}

// httpClient is an ordinary client that dials elsewhere.
func httpClient(dial dialer, connections int, closing bool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         dial,
		MaxIdleConnsPerHost: connections,
		DisableKeepAlives:   closing,
		DisableCompression:  true,
	}}
}

// fetch gets url and copies its body to w.
func fetch(ctx context.Context, client *http.Client, url string, w io.Writer) (uint64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, errors.New(response.Status)
	}
	n, err := io.Copy(w, response.Body)
	return uint64(n), err
}

// echoSize is the message of the echo load, each way.
const echoSize = 64

// echoLoad opens a connection, sends 64 octets, reads them back and closes.
func echoLoad(ctx context.Context, dial dialer, l load, address string) loadResult {
	return l.run(ctx, func() worker {
		var out, in [echoSize]byte
		for i := range out {
			out[i] = byte(i)
		}
		return func(ctx context.Context) (uint64, error) {
			c, err := dial(ctx, "tcp4", address)
			if err != nil {
				return 0, err
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				return 0, err
			}
			if _, err := c.Write(out[:]); err != nil {
				return 0, err
			}
			if _, err := io.ReadFull(c, in[:]); err != nil {
				return 0, err
			}
			if in != out {
				return 0, errors.New("echo: other octets came back")
			}
			return echoSize, nil
		}
	})
}

// download reads a stream for l.duration, or to its end.
func download(ctx context.Context, dial dialer, l load, url string) loadResult {
	l.stream = true
	client := httpClient(dial, 1, true)
	return l.run(ctx, func() worker {
		return func(ctx context.Context) (uint64, error) { return fetch(ctx, client, url, io.Discard) }
	})
}

// upload sends a stream for l.duration, and counts what it sent.
func upload(ctx context.Context, dial dialer, l load, url string) loadResult {
	client := httpClient(dial, 1, true)
	return l.run(ctx, func() worker {
		return func(ctx context.Context) (uint64, error) {
			body := &zeroes{until: time.Now().Add(l.duration)}
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
			if err != nil {
				return 0, err
			}
			response, err := client.Do(request)
			if err != nil {
				return 0, err
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return 0, errors.New(response.Status)
			}
			var received uint64
			if _, err := fmt.Fscan(response.Body, &received); err != nil {
				return 0, err
			}
			return received, nil
		}
	})
}

// zeroes is a stream that ends with time.
type zeroes struct{ until time.Time }

// Read fills p with nothing in particular.
func (z *zeroes) Read(p []byte) (int, error) {
	if !time.Now().Before(z.until) {
		return 0, io.EOF
	}
	return len(p), nil
}
