package shard

import (
	"testing"

	"github.com/mtcp-go/mtcp/internal/ip"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/wire"
)

// The error of each code is that of Linux's icmp_err_convert.
func TestICMP_ErrorsAreThoseOfLinux(t *testing.T) {
	for code, want := range []sock.Errno{
		wire.ICMPNetUnreachable: sock.NetUnreachable, wire.ICMPHostUnreachable: sock.HostUnreachable,
		wire.ICMPProtoUnreachable: sock.ProtocolUnreachable, wire.ICMPPortUnreachable: sock.Refused,
		wire.ICMPFragNeeded: sock.OK, wire.ICMPSourceRouteFailed: sock.NoRouting,
		wire.ICMPNetUnknown: sock.NetUnreachable, wire.ICMPHostUnknown: sock.HostDown, wire.ICMPHostIsolated: sock.NoNetwork,
		wire.ICMPNetProhibited: sock.NetUnreachable, wire.ICMPHostProhibited: sock.HostUnreachable,
		wire.ICMPNetUnreachableTOS: sock.NetUnreachable, wire.ICMPHostUnreachableTOS: sock.HostUnreachable,
		wire.ICMPAdminProhibited: sock.HostUnreachable, wire.ICMPPrecedenceViolation: sock.HostUnreachable,
		wire.ICMPPrecedenceCutoff: sock.HostUnreachable,
	} {
		if want == sock.OK {
			continue // that is no error but the path's MTU
		}
		why, hard := meaning(&ip.ICMPResult{Kind: ip.ICMPUnreachable, Code: uint8(code)})
		if why != want || !hard {
			t.Errorf("code %d: %v, hard %v, want %v", code, why, hard, want)
		}
	}
}
