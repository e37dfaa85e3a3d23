//go:build !amd64 || race

package wire

// There is no assembly for this build.
const hasAVX2 = false

func sumAVX2(b []byte, initial uint64) uint64 { return sumPortable(b, initial) }

func sumCopyAVX2(dst, src []byte, initial uint64) uint64 { return sumCopyPortable(dst, src, initial) }
