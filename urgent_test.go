package mtcp

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// In virtual time: the reader is told of urgent text, and where it ends, while
// it reads what came before.
func TestUrgent_IsToldAheadAndReadInLine(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{Impair: [2]Impairment{{Delay: time.Millisecond}, {Delay: time.Millisecond}}})
		told := make(chan int, 10)
		end := make(chan error, 1)
		go func() {
			for {
				if err := s.WaitUrgent(); err != nil {
					end <- err
					return
				}
				told <- s.UrgentLeft()
			}
		}()
		c.Write([]byte("before"))
		if n, err := c.WriteUrgent([]byte("now")); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		c.Write([]byte("after"))
		time.Sleep(100 * time.Millisecond)
		select {
		case left := <-told:
			if left < 3 || left > len("beforenow") {
				t.Errorf("told of %d octets", left)
			}
		default:
			t.Fatal("nobody was told")
		}
		var b [100]byte
		if n := s.UrgentLeft(); n != len("beforenow") {
			t.Errorf("%d octets to the end of what is urgent", n)
		}
		if n, err := io.ReadFull(s, b[:8]); n != 8 || err != nil || s.UrgentLeft() != 1 { // at the mark
			t.Errorf("read %q, %v, %d left", b[:n], err, s.UrgentLeft())
		}
		if n, _ := s.Read(b[:]); string(b[:n]) != "wafter" || s.UrgentLeft() != 0 {
			t.Errorf("read %q, %d left", b[:n], s.UrgentLeft())
		}
		c.CloseWrite()
		if err := <-end; err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
		if len(told) > 0 {
			t.Errorf("told again, of %d", <-told)
		}
	})
}

func TestUrgent_WaitingEndsWithDeadlineAndClose(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, _, s := pair(t, WireConfig{})
		begin := time.Now()
		s.SetReadDeadline(begin.Add(time.Second))
		if err := s.WaitUrgent(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
		took(t, "waiting", begin, time.Second, 2*time.Second)
		s.SetReadDeadline(time.Time{})
		done := make(chan error)
		go func() { done <- s.WaitUrgent() }()
		time.Sleep(time.Second)
		s.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
		if _, err := s.WriteUrgent([]byte("x")); !errors.Is(err, net.ErrClosed) || s.UrgentLeft() != 0 {
			t.Errorf("%v", err)
		}
	})
}

// The peer hears of it though it does not read and its window is shut.
func TestUrgent_ReachesWhoDoesNotRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, c, s := pair(t, WireConfig{})
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Write(make([]byte, 32<<20)); err == nil {
			t.Fatalf("%d octets were taken", n)
		}
		c.SetWriteDeadline(time.Time{})
		go c.WriteUrgent([]byte("stop"))
		if err := s.WaitUrgent(); err != nil {
			t.Fatal(err)
		}
		if s.UrgentLeft() == 0 {
			t.Error("told, and there is nothing")
		}
	})
}
