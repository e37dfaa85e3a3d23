package tap

import (
	"bytes"
	"testing"

	"github.com/mtcp-go/mtcp/internal/link"
	"golang.org/x/sys/unix"
)

func TestSend_FramesComeBackHoweverTheyWereUsed(t *testing.T) {
	f := newFake(t)
	for round := range 100 {
		var tx [5]link.Frame
		if n := f.Reserve(tx[:]); n != len(tx) {
			t.Fatalf("round %d: reserved %d", round, n)
		}
		for i := range tx {
			if len(tx[i].Bytes) != fakeMTU+14 || cap(tx[i].Bytes) != fakeMTU+14 {
				t.Fatalf("room for %d octets", cap(tx[i].Bytes))
			}
			tx[i].Bytes[0] = byte(i)
		}
		tx[0].Bytes = tx[0].Bytes[:0]    // not used
		tx[1].Bytes = tx[1].Bytes[:60]   // sent
		tx[2].Bytes = tx[2].Bytes[:13]   // no Ethernet header
		tx[3].Bytes = make([]byte, 9000) // more than fits; tx[4] is as large as can be
		f.Send(0, tx[:])
		_, got := f.transmitted(t)
		if len(got) != 2 || len(got[0]) != 60 || got[0][0] != 1 || len(got[1]) != 1514 || got[1][0] != 4 {
			t.Fatalf("transmitted %d frames", len(got))
		}
	}
	seen := map[uint32]bool{}
	for _, i := range f.tx.free {
		seen[i] = true
	}
	if len(seen) != framesPerDirection {
		t.Errorf("%d different free frames, want %d", len(seen), framesPerDirection)
	}
	c := f.Counters()
	if c.TxFrames != 200 || c.TxOctets != 100*(60+1514) || c.TxDropped != 200 || c.TxKicks != 200 {
		t.Errorf("%+v", c)
	}
	if s := f.drops.stats(); s != (QueueStats{TxRefused: 200}) {
		t.Errorf("%+v", s)
	}
}

func TestReserve_NeverMoreThanThereAre(t *testing.T) {
	f := newFake(t)
	var tx [framesPerDirection + 8]link.Frame
	n := f.Reserve(tx[:])
	if n != framesPerDirection {
		t.Fatalf("reserved %d", n)
	}
	var more [1]link.Frame
	if k := f.Reserve(more[:]); k != 0 {
		t.Fatalf("reserved %d with none free", k)
	}
	for i := range n {
		tx[i].Bytes = nil
	}
	f.Send(0, tx[:n])
	if k := f.Reserve(tx[:]); k != framesPerDirection {
		t.Errorf("reserved %d when all had come back", k)
	}
}

func TestReserve_TheSameFramesAgain(t *testing.T) {
	f := newFake(t)
	var first, second [3]link.Frame
	f.Reserve(first[:])
	for i := range first {
		first[i].Bytes = first[i].Bytes[:60]
	}
	f.Send(0, first[:])
	f.Reserve(second[:])
	for i := range second {
		if second[i].Token != first[i].Token {
			t.Errorf("frame %d is not the one that was used last", i)
		}
	}
}

func TestSend_HeaderSaysWhatIsAskedFor(t *testing.T) {
	tests := []struct {
		name          string
		flags         link.Flags
		start, offset uint16
		want          header
		ok            bool
	}{
		{"nothing", 0, 34, 16, header{}, true},
		{"within the packet", link.WantChecksum, 34, 16, needsSum(34, 16), true},
		{"its last octets", link.WantChecksum, 34, 24, needsSum(34, 24), true},
		{"nothing, in the same frame", 0, 0, 0, header{}, true},
		{"beyond the packet", link.WantChecksum, 34, 25, header{}, false},
		{"sum that overflows", link.WantChecksum, 0xffff, 0xffff, header{}, false},
	}
	f := newFake(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := f.Counters().TxDropped
			var tx [1]link.Frame
			f.Reserve(tx[:])
			tx[0].Bytes = tx[0].Bytes[:60]
			want := bytes.Repeat([]byte{9}, 60)
			copy(tx[0].Bytes, want)
			tx[0].Flags, tx[0].ChecksumStart, tx[0].ChecksumOffset = tt.flags, tt.start, tt.offset
			f.Send(0, tx[:])
			hs, got := f.transmitted(t)
			if !tt.ok {
				if len(got) != 0 || f.Counters().TxDropped != before+1 {
					t.Errorf("transmitted %x, want a counted drop", got)
				}
				return
			}
			if len(got) != 1 || hs[0] != tt.want || !bytes.Equal(got[0], want) {
				t.Errorf("transmitted %x %x, want %x", hs, got, tt.want)
			}
		})
	}
}

func TestSend_WhatTheKernelHasNoRoomForIsDropped(t *testing.T) {
	f := newFake(t)
	var tx [framesPerDirection]link.Frame
	for range 100 { // more than a socket buffers
		blast(f.Queue, tx[:], make([]byte, 60))
	}
	c, s := f.Counters(), f.drops.stats()
	_, got := f.transmitted(t)
	if c.TxFrames != uint64(len(got)) || s.TxFull == 0 || c.TxDropped != s.TxFull || c.TxFrames+s.TxFull != 100*framesPerDirection {
		t.Errorf("%d arrived; %+v %+v", len(got), c, s)
	}
	if c.TxOctets != 60*c.TxFrames {
		t.Errorf("%d octets counted for %d frames", c.TxOctets, c.TxFrames)
	}
}

func TestWriteFailed_CountsByReason(t *testing.T) {
	for _, tt := range []struct {
		err   unix.Errno
		count QueueStats
	}{
		{unix.EAGAIN, QueueStats{TxFull: 1}},
		{unix.ENOBUFS, QueueStats{TxFull: 1}},
		{unix.ENOMEM, QueueStats{TxFull: 1}},
		{unix.EIO, QueueStats{TxDown: 1}},
		{unix.EBADFD, QueueStats{TxDown: 1, Gone: 1}},
		{unix.EINVAL, QueueStats{TxRefused: 1}},
	} {
		f := newFake(t)
		f.writeFailed(tt.err)
		if s := f.drops.stats(); s != tt.count || f.Counters().TxDropped != 1 {
			t.Errorf("%v: %+v, dropped %d, want %+v", tt.err, s, f.Counters().TxDropped, tt.count)
		}
	}
}
