package ip

import (
	"testing"
	"time"

	"github.com/mtcp-go/mtcp/internal/param"
)

func parameter(name string) param.Parameter {
	for _, p := range param.IP.Parameters {
		if p.Name == name {
			return p
		}
	}
	panic(name)
}

// What users read of defaults and bounds is the table of parameters.
func TestDefaults_AreTheTables(t *testing.T) {
	var c Config
	c.setDefaults()
	want := c
	want.TTL = uint8(parameter("TTL").Default)
	want.MinPathMTU = int(parameter("MinPathMTU").Default)
	want.PathMTUAge = time.Duration(parameter("PathMTUAge").Default)
	want.Datagrams = int(parameter("Reassemblies").Default)
	want.ReassemblyBytes = int(parameter("ReassemblyMemory").Default)
	want.ReassemblyTimeout = time.Duration(parameter("ReassemblyTimeout").Default)
	want.ICMPRate, want.ICMPBurst = int(parameter("ICMPRate").Default), int(parameter("ICMPBurst").Default)
	if c != want {
		t.Errorf("defaults %+v, the table has %+v", c, want)
	}
}

func TestDefaults_TakeTheTablesBounds(t *testing.T) {
	for _, least := range []bool{true, false} {
		pick := func(name string) int {
			if p := parameter(name); !least {
				return int(p.Max)
			} else {
				return int(p.Min)
			}
		}
		c := Config{MinPathMTU: pick("MinPathMTU"), Datagrams: pick("Reassemblies"), ReassemblyBytes: pick("ReassemblyMemory")}
		was := c
		c.setDefaults()
		if c.MinPathMTU != was.MinPathMTU || c.Datagrams != was.Datagrams || c.ReassemblyBytes != was.ReassemblyBytes {
			t.Errorf("%+v becomes %+v", was, c)
		}
	}
	if least := blocksPerPacket * fragmentBlock; int(parameter("ReassemblyMemory").Min) != least {
		t.Errorf("one datagram takes %d octets", least)
	}
}
