// Which link the demonstration uses when nobody says: the first that this
// process may use and this kernel has.

package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A capability is a right that can be missing.
type capability struct {
	bit  uint
	name string
}

var (
	capSysAdmin = capability{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"} // namespaces
	capNetAdmin = capability{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"} // interfaces
	capNetRaw   = capability{unix.CAP_NET_RAW, "CAP_NET_RAW"}     // AF_XDP
	capBPF      = capability{unix.CAP_BPF, "CAP_BPF"}             // AF_XDP
)

// missingRights names the capabilities that namespaces and AF_XDP need and this
// process has not.
func missingRights() []string { return missing(capSysAdmin, capNetAdmin, capNetRaw, capBPF) }

// missing names those that this process has not.
func missing(needed ...capability) []string {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	var out []string
	for _, n := range needed {
		if err != nil || data[n.bit/32].Effective&(1<<(n.bit%32)) == 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// obstacles say why a link cannot be; empty ones, that it can.
type obstacles struct{ afxdp, tap string }

// surroundings asks this machine.
func surroundings() (o obstacles) {
	if m := missingRights(); len(m) > 0 {
		o.afxdp = "no " + strings.Join(m, ", ")
	} else if fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		o.afxdp = fmt.Sprintf("no AF_XDP sockets in this kernel (%v)", err)
	} else {
		unix.Close(fd)
	}
	if m := missing(capNetAdmin); len(m) > 0 {
		o.tap = "no " + m[0]
	} else if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		o.tap = err.Error()
	} else {
		f.Close()
	}
	return o
}

// chooseLink returns the link, and why it.
func chooseLink(o obstacles) (link, why string) {
	switch {
	case o.afxdp == "":
		return linkAFXDP, "AF_XDP, which this machine permits (others: --link tap, --link mem)"
	case o.tap == "":
		return linkTAP, "a TAP interface, since AF_XDP cannot be: " + o.afxdp
	case o.tap == "no "+capNetAdmin.name: // said already
		return linkMem, "the in-process link, since AF_XDP and TAP cannot be: " + o.afxdp + " (run as root for AF_XDP)"
	default:
		return linkMem, "the in-process link, since AF_XDP cannot be: " + o.afxdp + "; nor TAP: " + o.tap + " (run as root for AF_XDP)"
	}
}
