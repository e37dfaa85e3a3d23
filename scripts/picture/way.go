package main

import (
	"fmt"
	"strings"
)

// A stop is a package on the way of a packet, and the function that does the
// work there.
type stop struct{ dir, function string }

// The ways from the NIC to Read and from Write to the NIC. docs/PACKET.md tells
// them function by function. What is on the first stands on the left of its
// band, in this order.
var (
	wayIn = []stop{
		{"internal/link/afxdp", "Queue.Recv"},
		{"internal/shard", "Shard.receive"},
		{"internal/ip", "Host.Input"},
		{"internal/tcp", "Engine.Input"},
		{"internal/ring", "Stream.Publish"},
		{"internal/sock", "App.Read"},
		{".", "Conn.Read"},
	}
	wayOut = []stop{
		{".", "Conn.Write"},
		{"internal/sock", "App.Write"},
		{"internal/ring", "Stream.Write"},
		{"internal/tcp", "Engine.Output"},
		{"internal/shard", "Shard.transmit"},
		{"internal/link/afxdp", "Queue.Send"},
	}
)

// checkWay holds the ways against the code.
func checkWay(all []*pkg) error {
	for _, s := range append(wayIn, wayOut...) {
		p := find(all, s.dir)
		if p == nil {
			return fmt.Errorf("way.go: there is no package %s", s.dir)
		}
		if !p.functions[s.function] {
			return fmt.Errorf("way.go: %s has no function %s", s.dir, s.function)
		}
	}
	return nil
}

func find(all []*pkg, dir string) *pkg {
	for _, p := range all {
		if p.dir == dir {
			return p
		}
	}
	return nil
}

// onWay returns a package's number on a way, or -1.
func onWay(way []stop, dir string) int {
	for i, s := range way {
		if s.dir == dir {
			return i
		}
	}
	return -1
}

// at names the function of a way in a package, without its type.
func at(way []stop, dir string) string {
	i := onWay(way, dir)
	if i < 0 {
		return ""
	}
	f := way[i].function
	return f[strings.Index(f, ".")+1:]
}
