//go:build !race

package wire

import "golang.org/x/sys/cpu"

// hasAVX2 is what the processor and its operating system can do; it never
// changes. (GODEBUG=cpu.avx2=off makes it false.) Race builds do without, since
// the detector does not see what assembly reads and writes.
var hasAVX2 = cpu.X86.HasAVX2

// sumAVX2 is Sum of octets whose number is a multiple of 32.
//
//go:noescape
func sumAVX2(b []byte, initial uint64) uint64

// sumCopyAVX2 is SumCopy of as many; dst is not shorter than src.
//
//go:noescape
func sumCopyAVX2(dst, src []byte, initial uint64) uint64
