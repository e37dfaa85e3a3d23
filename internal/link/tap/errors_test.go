package tap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		at   step
		err  error
		want error
		text string
	}{
		{stepOpen, unix.ENOENT, ErrNoTun, "mknod"},
		{stepOpen, unix.ENODEV, ErrNoTun, "modprobe tun"},
		{stepOpen, unix.EACCES, ErrRights, "chmod"},
		{stepOpen, unix.EPERM, ErrRights, "container"},
		{stepCreate, unix.EPERM, ErrRights, "ip tuntap add dev tap9 mode tap"},
		{stepCreate, unix.EINVAL, ErrConfig, "no name"},
		{stepAttach, unix.EPERM, ErrRights, "CAP_NET_ADMIN"},
		{stepAttach, unix.EINVAL, ErrKind, "another name"},
		{stepAttach, unix.EBUSY, ErrBusy, "stop"},
		{stepAttach, unix.E2BIG, ErrBusy, "stop"},
		{stepQueue, unix.E2BIG, ErrQueues, "fewer"},
		{stepOptions, unix.EINVAL, ErrKernel, "3.8"},
		{stepOptions, unix.EIO, unix.EIO, "input/output error"},
		{stepQueue, fmt.Errorf("deep: %w", unix.E2BIG), ErrQueues, "add queue"},
		{stepCreate, errors.New("odd"), nil, "odd"},
	}
	for _, tt := range tests {
		err := explain(tt.at, "tap9", tt.err)
		if tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || !strings.HasPrefix(err.Error(), "tap: tap9: ") {
			t.Errorf("%s, %v: got %q, want %v with %q", stepNames[tt.at], tt.err, err, tt.want, tt.text)
		}
		var errno unix.Errno
		if errors.As(tt.err, &errno) && !errors.Is(err, errno) {
			t.Errorf("%s, %v: the number was lost", stepNames[tt.at], tt.err)
		}
	}
}
