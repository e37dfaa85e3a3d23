package afxdp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		at   step
		err  error
		want error
		text string
	}{
		{stepLoad, unix.EPERM, ErrRights, "CAP_BPF"},
		{stepLoad, unix.ENOSYS, ErrKernel, "5.9"},
		{stepAttach, unix.EBUSY, ErrAttached, "ip link set dev veth9 xdp off"},
		{stepAttach, unix.EEXIST, ErrAttached, "ip link set dev veth9 xdp off"},
		{stepAttach, unix.EINVAL, ErrKernel, "bpf_link"},
		{stepAttach, fmt.Errorf("probe: %w", ebpf.ErrNotSupported), ErrKernel, "probe"},
		{stepSocket, unix.EAFNOSUPPORT, ErrKernel, "CONFIG_XDP_SOCKETS"},
		{stepSocket, unix.EPERM, ErrRights, "CAP_NET_RAW"},
		{stepMemory, unix.ENOBUFS, ErrMemlock, "ulimit -l"},
		{stepBind, unix.EBUSY, ErrBusy, "stop the process"},
		{stepBind, unix.ENETDOWN, ErrDown, "ip link set veth9 up"},
		{stepBind, unix.EIO, unix.EIO, "input/output error"},
		{stepBind, fmt.Errorf("deep: %w", unix.EBUSY), ErrBusy, "bind"},
	}
	for _, tt := range tests {
		err := explain(tt.at, "veth9", tt.err)
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || !strings.HasPrefix(err.Error(), "afxdp: veth9: ") {
			t.Errorf("%s, %v: got %q, want %v with %q", stepNames[tt.at], tt.err, err, tt.want, tt.text)
		}
		var errno unix.Errno
		if errors.As(tt.err, &errno) && !errors.Is(err, errno) {
			t.Errorf("%s, %v: the number was lost", stepNames[tt.at], tt.err)
		}
	}
}

func TestNativeReason(t *testing.T) {
	veth, nic := &facts{driver: "veth"}, &facts{driver: "nic9"}
	for _, tt := range []struct {
		err  error
		f    *facts
		text string
	}{
		{unix.EOPNOTSUPP, nic, "driver nic9 has no native XDP"},
		{unix.ERANGE, veth, "MTU"},
		{unix.ENOSPC, veth, "queues"},
		{unix.ENOSPC, nic, "nic9: no space"},
		{errors.New("else"), nic, "else"},
	} {
		if got, _ := nativeReason(tt.err, tt.f); !strings.Contains(got, tt.text) {
			t.Errorf("%v: %q, want %q in it", tt.err, got, tt.text)
		}
	}
}
