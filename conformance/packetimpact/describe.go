package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// A description is what a runner must know of the host; the runner adds its own
// side (the fields Local...). The names are those that gVisor's programs read.
type description struct {
	Uname struct{ Machine, KernelName, KernelRelease, KernelVersion, OperatingSystem string }
	Net   struct {
		RemoteMAC        []byte // in base64
		RemoteIPv4       netip.Addr
		IPv4PrefixLength int
		RemoteDevID      int
		RemoteDevName    string
		POSIXServerIP    netip.Addr
		POSIXServerPort  int
	}
}

// describe writes the description of a host that is ready, and the end of file.
func describe(to io.WriteCloser, control, test netip.Prefix, device string) error {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("interface %q: %w", device, err)
	}
	var d description
	d.Uname.OperatingSystem, d.Uname.KernelName = "mtcp", "mtcp"
	d.Net.RemoteMAC, d.Net.RemoteDevID, d.Net.RemoteDevName = i.HardwareAddr, i.Index, device
	d.Net.RemoteIPv4, d.Net.IPv4PrefixLength = test.Addr(), test.Bits()
	d.Net.POSIXServerIP, d.Net.POSIXServerPort = control.Addr(), port
	if err := json.NewEncoder(to).Encode(&d); err != nil {
		return fmt.Errorf("describing the host: %w", err)
	}
	return to.Close()
}
