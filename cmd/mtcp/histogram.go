// Latencies in bounded memory.

package main

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets that are a sixteenth of their power
// of two wide, so a percentile is at most 7 % too low.
type histogram struct {
	counts [histogramSize]uint64
	n      uint64
	max    time.Duration
}

const (
	histogramStep = 16
	histogramSize = 60 * histogramStep
)

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.n++
	h.max = max(h.max, d)
}

// merge adds the counts of another.
func (h *histogram) merge(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// percentile returns the duration below which a share p of all lies.
func (h *histogram) percentile(p float64) time.Duration {
	rank := uint64(p * float64(h.n))
	for i, c := range h.counts {
		if c > 0 && rank < c {
			return min(lowest(i), h.max)
		}
		rank -= min(rank, c)
	}
	return h.max
}

func bucket(v uint64) int {
	if v < histogramStep {
		return int(v)
	}
	e := bits.Len64(v) - 5
	return min((e+1)*histogramStep+int(v>>e)%histogramStep, histogramSize-1)
}

// lowest is the smallest value of bucket i.
func lowest(i int) time.Duration {
	if i < histogramStep {
		return time.Duration(i)
	}
	e := i/histogramStep - 1
	return time.Duration(uint64(histogramStep+i%histogramStep) << e)
}
