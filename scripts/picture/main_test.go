package main

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "draw the picture anew")

func TestPicture_IsAsOldAsTheCode(t *testing.T) {
	want, err := picture("../..")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("../../"+target, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("../../" + target); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says (mend: make picture, and look at it); %v", target, err)
	}
}

// placedOnce is for all tests, which only look at it: it takes seconds under the
// race detector.
var placedOnce = sync.OnceValues(func() (*graph, error) {
	all, err := read("../..")
	if err != nil {
		return nil, err
	}
	g := newGraph(all)
	g.order()
	g.place()
	return g, nil
})

func placed(t *testing.T) *graph {
	t.Helper()
	g, err := placedOnce()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestPicture_NothingOverlaps(t *testing.T) {
	for _, b := range placed(t).bands {
		for i, n := range b {
			if n.x-n.w/2 < left-1e-6 || n.x+n.w/2 > right+1e-6 {
				t.Errorf("%s (lane %v) in layer %d leaves the picture", n.pkg.dir, n.isLane, n.layer)
			}
			if i > 0 && b[i-1].x+b[i-1].w/2+gapLane/2 > n.x-n.w/2 {
				t.Errorf("%s and %s overlap in layer %d", b[i-1].pkg.dir, n.pkg.dir, n.layer)
			}
		}
	}
}

func TestPicture_BoxesHoldTheirText(t *testing.T) {
	for _, n := range placed(t).box {
		lines := wrap(n.pkg.purpose, n.w)
		for _, l := range lines {
			if float64(len([]rune(l)))*charWidth > n.w {
				t.Errorf("%s: %q is wider than its box", n.pkg.dir, l)
			}
		}
		if len(lines) > maxLines {
			t.Errorf("%s: %d lines", n.pkg.dir, len(lines))
		}
	}
}

// Every import is in the picture, at least by way of others.
func TestPicture_ImportsAreThereOrImplied(t *testing.T) {
	g := placed(t)
	for _, n := range g.box {
		for _, dir := range n.pkg.imports {
			if to := g.box[dir]; to != nil && !leads(n, to) {
				t.Errorf("%s imports %s, and no line leads there", n.pkg.dir, dir)
			}
		}
	}
}

// leads follows lines down; a lane leads only to its own package.
func leads(from, to *node) bool {
	return slices.ContainsFunc(from.down, func(n *node) bool { return n == to || leads(n, to) })
}
