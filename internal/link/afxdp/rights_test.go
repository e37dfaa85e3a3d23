package afxdp

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestDescribeRights_NamesWhatIsLacking(t *testing.T) {
	load := neededAt[stepLoad]
	for _, c := range []struct {
		needed []capability
		has    uint64
		want   string
	}{
		{load, 0, "lacks CAP_BPF and CAP_NET_ADMIN"},
		{load, 1 << unix.CAP_NET_ADMIN, "lacks CAP_BPF: needs CAP_BPF and CAP_NET_ADMIN"},
		{load, 1 << unix.CAP_BPF, "lacks CAP_NET_ADMIN: needs CAP_BPF and CAP_NET_ADMIN"},
		{load, 1 << unix.CAP_SYS_ADMIN, "lacks CAP_NET_ADMIN: needs CAP_BPF and CAP_NET_ADMIN"}, // which may do what CAP_BPF may
		{load, 1<<unix.CAP_BPF | 1<<unix.CAP_NET_ADMIN, "needs CAP_BPF and CAP_NET_ADMIN outside of any user namespace, and nothing that forbids their use"},
		{neededAt[stepSocket], 1 << unix.CAP_BPF, "lacks CAP_NET_RAW"},
	} {
		if got := describeRights(c.needed, c.has); got != c.want {
			t.Errorf("%x: %q, want %q", c.has, got, c.want)
		}
	}
}
