//go:build !amd64

package cacheline

func prefetch(*byte, int) {}
