package mtcp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

// pattern is n octets that are the same every time and nowhere repeat.
func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

// sizes are around everything that has a size: segments, rings, copies.
var sizes = []int{0, 1, 1447, 1448, 1449, 4095, 4096, 4097, 65535, 65536, 65537, 1<<20 + 1}

// copies are the ways to send everything that a reader has.
var copies = []struct {
	name string
	send func(c *Conn, b []byte) (int64, error)
}{
	{"Write", func(c *Conn, b []byte) (int64, error) {
		n, err := c.Write(b)
		return int64(n), err
	}},
	{"ReadFrom", func(c *Conn, b []byte) (int64, error) { return c.ReadFrom(bytes.NewReader(b)) }},
	{"ReadFromOneByte", func(c *Conn, b []byte) (int64, error) {
		return c.ReadFrom(iotest.OneByteReader(bytes.NewReader(b[:min(len(b), 5000)])))
	}},
	{"ReadFromDataErr", func(c *Conn, b []byte) (int64, error) {
		return c.ReadFrom(iotest.DataErrReader(bytes.NewReader(b)))
	}},
	{"Copy", func(c *Conn, b []byte) (int64, error) { return io.Copy(c, bytes.NewReader(b)) }},
	{"CopyNoWriterTo", func(c *Conn, b []byte) (int64, error) {
		return io.Copy(c, struct{ io.Reader }{bytes.NewReader(b)})
	}},
	{"CopyN", func(c *Conn, b []byte) (int64, error) {
		return io.CopyN(c, struct{ io.Reader }{bytes.NewReader(append(b, "not this"...))}, int64(len(b)))
	}},
	{"CopyBuffer", func(c *Conn, b []byte) (int64, error) {
		return io.CopyBuffer(struct{ io.Writer }{c}, bytes.NewReader(b), make([]byte, 777))
	}},
	{"WriteBuffers", func(c *Conn, b []byte) (int64, error) {
		var v net.Buffers
		for i := 0; len(b) > 0; i++ {
			n := min(i*i*100, len(b))
			v = append(v, b[:n])
			b = b[n:]
		}
		return c.WriteBuffers(&v)
	}},
	{"BuffersWriteTo", func(c *Conn, b []byte) (int64, error) {
		v := net.Buffers{b[:len(b)/2], nil, b[len(b)/2:]}
		return v.WriteTo(c)
	}},
}

func TestConn_SendsByteExactEveryWay(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	l := w.listen(t, ":80")
	for _, how := range copies {
		t.Run(how.name, func(t *testing.T) {
			for _, n := range sizes {
				c, s := w.connect(t, l)
				b := pattern(n)
				within(t, fmt.Sprint(n, " octets"), func() {
					go func() {
						sent, err := how.send(c, bytes.Clone(b))
						if err != nil || sent != int64(len(b)) && how.name != "ReadFromOneByte" {
							t.Errorf("sent %d of %d octets, %v", sent, n, err)
						}
						c.Close()
					}()
					got, err := io.ReadAll(s)
					if how.name == "ReadFromOneByte" {
						b = b[:min(n, 5000)]
					}
					if err != nil || !bytes.Equal(got, b) {
						t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), len(b), err)
					}
				})
				s.Close()
			}
		})
	}
}

func TestConn_ReceivesByteExactEveryWay(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	l := w.listen(t, ":80")
	for _, how := range []struct {
		name    string
		receive func(c *Conn, to *bytes.Buffer) (int64, error)
	}{
		{"WriteTo", func(c *Conn, to *bytes.Buffer) (int64, error) { return c.WriteTo(to) }},
		{"Copy", func(c *Conn, to *bytes.Buffer) (int64, error) { return io.Copy(to, c) }},
		{"CopyNoReaderFrom", func(c *Conn, to *bytes.Buffer) (int64, error) {
			return io.Copy(struct{ io.Writer }{to}, c)
		}},
		{"CopyNoWriterTo", func(c *Conn, to *bytes.Buffer) (int64, error) {
			return io.Copy(to, struct{ io.Reader }{c})
		}},
		{"ReadOneByte", func(c *Conn, to *bytes.Buffer) (int64, error) {
			n, err := to.ReadFrom(iotest.OneByteReader(io.LimitReader(c, 5000)))
			more, err2 := io.Copy(to, c)
			return n + more, errors.Join(err, err2)
		}},
	} {
		t.Run(how.name, func(t *testing.T) {
			for _, n := range sizes {
				c, s := w.connect(t, l)
				b := pattern(n)
				within(t, fmt.Sprint(n, " octets"), func() {
					go func() {
						c.Write(b)
						c.Close()
					}()
					var got bytes.Buffer
					m, err := how.receive(s, &got)
					if err != nil || m != int64(n) || !bytes.Equal(got.Bytes(), b) {
						t.Errorf("%d octets arrived of %d, or they differ; %v", m, n, err)
					}
				})
				s.Close()
			}
		})
	}
}

// A proxy copies between two connections, both ways at once.
func TestConn_CopyBetweenConnsBothWays(t *testing.T) {
	w := newWorld(t, WireConfig{}, nil)
	l := w.listen(t, ":80")
	a, front := w.connect(t, l)
	b, back := w.connect(t, l)
	up, down := pattern(1<<20), pattern(1<<20+7)
	var all sync.WaitGroup
	for _, x := range [][2]*Conn{{front, back}, {back, front}} {
		all.Go(func() {
			if _, err := io.Copy(x[0], x[1]); err != nil {
				t.Error(err)
			}
			x[0].CloseWrite()
		})
	}
	for _, x := range []struct {
		c         *Conn
		out, want []byte
	}{{a, up, down}, {b, down, up}} {
		all.Go(func() {
			x.c.Write(x.out)
			x.c.CloseWrite()
		})
		all.Go(func() {
			if got, err := io.ReadAll(x.c); err != nil || !bytes.Equal(got, x.want) {
				t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), len(x.want), err)
			}
		})
	}
	within(t, "the proxy", all.Wait)
	for _, c := range []*Conn{a, b, front, back} {
		c.Close()
	}
}

// An echo through one call, in which the connection is both ends.
func TestConn_CopyToItselfEchoes(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	b := pattern(1 << 20)
	within(t, "the echo", func() {
		go func() {
			io.Copy(s, s)
			s.CloseWrite()
		}()
		go func() {
			c.Write(b)
			c.CloseWrite()
		}()
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d octets came back of %d, or they differ; %v", len(got), len(b), err)
		}
	})
}

func TestConn_TransfersBothWaysOverABadWire(t *testing.T) {
	bad := Impairment{Loss: 0.02, Duplicate: 0.02, Corrupt: 0.01, Reorder: 0.05, Delay: 100 * time.Microsecond, Jitter: 200 * time.Microsecond}
	_, c, s := pair(t, WireConfig{Impair: [2]Impairment{bad, bad}, Seed: 1, Queues: 1})
	within(t, "the transfer", func() { transfer(t, c, s, 200_001, 300_003) })
}

// transfer sends up from a to b and down the other way, at the same time.
func transfer(t testing.TB, a, b net.Conn, up, down int) {
	t.Helper()
	var all sync.WaitGroup
	send := func(c net.Conn, n int) {
		if _, err := c.Write(pattern(n)); err != nil {
			t.Errorf("sending %d octets: %v", n, err)
		}
		if err := c.(stream).CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	receive := func(c net.Conn, n int) {
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, pattern(n)) {
			t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), n, err)
		}
	}
	all.Go(func() { send(a, up) })
	all.Go(func() { send(b, down) })
	all.Go(func() { receive(a, down) })
	all.Go(func() { receive(b, up) })
	all.Wait()
}

func TestWriteBuffers_KeepsWhatWasNotWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{})
		all := pattern(20 << 20)
		var v net.Buffers
		for b := all; len(b) > 0; b = b[min(len(b), 1<<20-1):] {
			v = append(v, b[:min(len(b), 1<<20-1)])
		}
		c.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := c.WriteBuffers(&v)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("wrote %d octets, %v", n, err)
		}
		left := bytes.Join(v, nil)
		if !bytes.Equal(left, all[n:]) {
			t.Errorf("%d octets of %d were written, and %d are left, or others", n, len(all), len(left))
		}
		c.SetWriteDeadline(time.Time{})
		go func() {
			if _, err := c.WriteBuffers(&v); err != nil || len(v) != 0 {
				t.Errorf("%d buffers are left, %v", len(v), err)
			}
			c.Close()
		}()
		if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%d octets arrived of %d, or they differ; %v", len(got), len(all), err)
		}
	})
}

func TestCloseWrite_LetsThePeerAnswer(t *testing.T) {
	for _, clientFirst := range []bool{true, false} {
		_, c, s := pair(t, WireConfig{})
		if !clientFirst {
			c, s = s, c
		}
		c.Write([]byte("question"))
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Errorf("a second CloseWrite: %v", err)
		}
		if got, err := io.ReadAll(s); err != nil || string(got) != "question" {
			t.Fatalf("read %q, %v", got, err)
		}
		s.Write([]byte("answer"))
		s.Close()
		if got, err := io.ReadAll(c); err != nil || string(got) != "answer" {
			t.Fatalf("read %q, %v", got, err)
		}
	}
}

func TestCloseRead_DiscardsWhatArrives(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	s.Write([]byte("unread"))
	eventually(t, "data is there", func() bool { return c.app.Buffered() == 6 })
	if err := c.CloseRead(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("read %d octets, %v", n, err)
	}
	// The peer may write as much as it likes, and is not reset by the Close.
	within(t, "writing to one that does not read", func() {
		if n, err := s.Write(make([]byte, 8<<20)); err != nil {
			t.Errorf("wrote %d octets: %v", n, err)
		}
		c.Write([]byte("bye"))
		c.Close()
		if got, err := io.ReadAll(s); err != nil || string(got) != "bye" {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestCloseRead_WakesAReader(t *testing.T) {
	_, c, _ := pair(t, WireConfig{})
	within(t, "the reader", func() {
		time.AfterFunc(time.Millisecond, func() { c.CloseRead() })
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read %d octets, %v", n, err)
		}
	})
}

// stuck is a Reader and Writer that does not return before it is let go.
type stuck struct {
	inside, letGo chan struct{}
	once          sync.Once
}

func newStuck() *stuck { return &stuck{inside: make(chan struct{}), letGo: make(chan struct{})} }

func (s *stuck) wait() { s.once.Do(func() { close(s.inside) }); <-s.letGo }

func (s *stuck) Read(p []byte) (int, error)  { s.wait(); return copy(p, "late"), io.EOF }
func (s *stuck) Write(p []byte) (int, error) { s.wait(); return len(p), nil }

func TestReadFrom_DoesNotHoldUpClose(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	source := newStuck()
	c.Write([]byte("before"))
	failed := make(chan error, 1)
	go func() {
		_, err := c.ReadFrom(source)
		failed <- err
	}()
	<-source.inside
	c.Close()
	within(t, "the peer's read", func() {
		if got, err := io.ReadAll(s); err != nil || string(got) != "before" {
			t.Errorf("read %q, %v", got, err)
		}
	})
	close(source.letGo)
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadFrom of a connection closed meanwhile: %v", err)
	}
}

func TestWriteTo_DoesNotHoldUpCloseOrCloseRead(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	destination := newStuck()
	s.Write([]byte("x"))
	failed := make(chan error, 1)
	go func() {
		_, err := c.WriteTo(destination)
		failed <- err
	}()
	<-destination.inside
	within(t, "closing", func() {
		if err := c.CloseRead(); err != nil {
			t.Error(err)
		}
		c.Close()
		if got, err := io.ReadAll(s); err != nil || len(got) != 0 {
			t.Errorf("read %q, %v", got, err)
		}
	})
	close(destination.letGo)
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteTo of a connection closed meanwhile: %v", err)
	}
}

// CloseRead finds a reader inside: what arrives is discarded once it has left.
func TestCloseRead_TakesOverFromAReader(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	destination := newStuck()
	s.Write([]byte("x"))
	done := make(chan error, 1)
	go func() {
		_, err := c.WriteTo(destination)
		done <- err
	}()
	<-destination.inside
	c.CloseRead()
	close(destination.letGo)
	if err := <-done; err != nil {
		t.Errorf("WriteTo when CloseRead comes: %v", err)
	}
	within(t, "writing to one that does not read", func() {
		if n, err := s.Write(make([]byte, 8<<20)); err != nil {
			t.Errorf("wrote %d octets: %v", n, err)
		}
	})
}

// liar claims to have read or written what it was told to claim.
type liar int

func (l liar) Read(p []byte) (int, error)  { return int(l) + len(p), nil }
func (l liar) Write(p []byte) (int, error) { return int(l) + len(p), nil }

func TestReadFrom_SurvivesABadReader(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	for _, l := range []liar{1, 1 << 40, -1 << 40} {
		if n, err := c.ReadFrom(l); n != 0 || !errors.Is(err, errBadCount) {
			t.Errorf("a Read that returns %d too many: %d, %v", l, n, err)
		}
	}
	c.Write([]byte("intact"))
	c.Close()
	if got, err := io.ReadAll(s); err != nil || string(got) != "intact" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestWriteTo_SurvivesABadWriter(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	s.Write([]byte("intact"))
	for l, want := range map[liar]error{1: errBadCount, 1 << 40: errBadCount, -1 << 40: errBadCount, -6: io.ErrShortWrite} {
		if n, err := c.WriteTo(l); n != 0 || !errors.Is(err, want) {
			t.Errorf("a Write that returns %d too many: %d, %v", l, n, err)
		}
	}
	s.Close()
	if got, err := io.ReadAll(c); err != nil || string(got) != "intact" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestReadFrom_PassesTheReadersErrorOn(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	n, err := c.ReadFrom(io.MultiReader(strings.NewReader("some"), iotest.ErrReader(os.ErrPermission)))
	var op *net.OpError
	if n != 4 || !errors.Is(err, os.ErrPermission) || !errors.As(err, &op) || op.Op != "readfrom" {
		t.Errorf("%d octets, %v", n, err)
	}
	c.Close()
	if got, err := io.ReadAll(s); err != nil || string(got) != "some" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestSetLinger_ZeroResets(t *testing.T) {
	w, c, s := pair(t, WireConfig{})
	s.Write(make([]byte, 100))
	c.SetLinger(0)
	c.Close()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer of one that closes with linger 0 reads %v", err)
	}
	s.Close()
	eventually(t, "nothing is left", func() bool {
		c, s := w.client.Stats()[0], w.server.Stats()[0]
		return c.Connections == 0 && c.TimeWaits == 0 && s.Connections == 0 && s.TimeWaits == 0
	})
}

func TestSetLinger_CanBeTakenBack(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	c.SetLinger(0)
	c.SetLinger(-1)
	c.Write([]byte("all"))
	c.Close()
	if got, err := io.ReadAll(s); err != nil || string(got) != "all" {
		t.Errorf("read %q, %v", got, err)
	}
}

// Data that came before a reset is read before the reset is told.
func TestRead_DataComesBeforeTheReset(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	s.Write([]byte("data"))
	eventually(t, "data is there", func() bool { return c.app.Buffered() == 4 })
	s.SetLinger(0)
	s.Close()
	got, err := io.ReadAll(c)
	if string(got) != "data" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestWrite_AfterThePeerHasClosedFailsInTheEnd(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	s.Close()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
	within(t, "writing to one that has gone", func() {
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("write: %v", err)
				}
				return
			}
		}
	})
}

func TestConn_OptionsAreTaken(t *testing.T) {
	_, c, s := pair(t, WireConfig{})
	for name, set := range map[string]func() error{
		"NoDelay":         func() error { return errors.Join(c.SetNoDelay(false), c.SetNoDelay(true)) },
		"Cork":            func() error { return errors.Join(c.SetCork(true), c.SetCork(false)) },
		"KeepAlive":       func() error { return errors.Join(c.SetKeepAlive(true), c.SetKeepAlive(false)) },
		"KeepAlivePeriod": func() error { return c.SetKeepAlivePeriod(time.Minute) },
		"KeepAliveConfig": func() error { return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Count: 1000}) },
		"ReadBuffer":      func() error { return errors.Join(c.SetReadBuffer(-1), c.SetReadBuffer(1<<40), c.SetReadBuffer(1<<16)) },
		"WriteBuffer": func() error {
			return errors.Join(c.SetWriteBuffer(-1), c.SetWriteBuffer(1<<40), c.SetWriteBuffer(1<<16))
		},
		"UserTimeout": func() error { return errors.Join(c.SetUserTimeout(-1), c.SetUserTimeout(time.Minute)) },
		"TOS":         func() error { return c.SetTOS(0x10) },
		"Linger":      func() error { return c.SetLinger(5) },
	} {
		if err := set(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		exchange(t, c, s)
	}
	within(t, "the transfer", func() { transfer(t, c, s, 200_000, 300_000) })
}

// There is no file descriptor, and nothing that promises one.
func TestConn_HasNoDescriptor(t *testing.T) {
	if _, ok := any((*Conn)(nil)).(syscall.Conn); ok {
		t.Error("a Conn promises a descriptor")
	}
	if _, ok := any((*Conn)(nil)).(interface{ File() (*os.File, error) }); ok {
		t.Error("a Conn promises a file")
	}
	if _, ok := any((*Listener)(nil)).(syscall.Conn); ok {
		t.Error("a Listener promises a descriptor")
	}
}
