// Errors as people read them: one line that names the mend.

package main

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/internal/link/afxdp"
)

// A usageError is a command line that cannot be meant.
type usageError string

func (e usageError) Error() string { return string(e) }

var errInterrupted = errors.New("interrupted; everything that was made has been removed")

// mends are what to do about errors whose text cannot know that it is this
// command that meets them.
var mends = []struct {
	is   error
	mend string
}{
	{afxdp.ErrRights, "run as root, or: setcap cap_net_admin,cap_net_raw,cap_bpf,cap_ipc_lock=ep " + executable()},
	{syscall.ENOMEM, "ask for less with --memory, or --ring-memory and --connections, or allow more (ulimit -v, memory limit of the service)"},
	{mtcp.ErrLinkGone, "start again when it is back"},
	{afxdp.ErrMTU, "larger frames are those of --frame-size 4096"},
	{syscall.EADDRINUSE, "choose another port with --listen"},
	{syscall.EADDRNOTAVAIL, "listen on an address of --addr, or on none, as in --listen :80"},
	{syscall.EHOSTUNREACH, "nobody answers for that address, or for the gateway: check --iface, --addr and --gateway"},
	{syscall.ENETUNREACH, "no route: name the router with --gateway"},
	{syscall.ECONNREFUSED, "nobody listens on that port"},
}

// explain returns the one line for an error, which may have its mend already.
func explain(err error) string {
	text := strings.TrimPrefix(oneLine(err.Error()), "mtcp: ")
	hasMend := strings.Contains(text, "(mend: ")
	for _, m := range mends {
		if errors.Is(err, m.is) && (!hasMend || m.is == afxdp.ErrMTU) { // whose mend has a flag here
			return text + "; " + m.mend
		}
	}
	return text
}

// oneLine joins the lines of errors that were joined.
func oneLine(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
}

func executable() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "mtcp"
}
