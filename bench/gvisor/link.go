// The two links: AF_XDP with a program that gives all packets to the stack, and a
// packet socket.

package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/mtcp-go/mtcp"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/xdp"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// openLink opens the one that was asked for, or the first that can be.
func openLink(device *net.Interface, kind string) (stack.LinkEndpoint, mtcp.LinkInfo, error) {
	info := mtcp.LinkInfo{Name: device.Name, MTU: device.MTU}
	var why error
	if kind == "afxdp" || kind == "auto" {
		end, mode, err := openXDP(device)
		if err == nil || kind == "afxdp" {
			info.Mode = mode
			return end, info, err
		}
		why = err
	}
	end, err := openPacket(device)
	info.Mode = "packet socket, ring"
	if why != nil {
		info.Why = "AF_XDP: " + why.Error()
	}
	return end, info, errors.Join(why, err)
}

// openXDP binds queue 0. The program and its attachment last as long as the process.
func openXDP(device *net.Interface) (stack.LinkEndpoint, string, error) {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, "", err
	}
	sockets, err := ebpf.NewMap(&ebpf.MapSpec{Name: "peer_sockets", Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return nil, "", err
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "peer_all", Type: ebpf.XDP, License: "GPL", Instructions: redirect(sockets)})
	if err != nil {
		return nil, "", err
	}
	mode := "AF_XDP native, copy"
	options := link.XDPOptions{Program: program, Interface: device.Index, Flags: link.XDPDriverMode}
	attached, err := link.AttachXDP(options)
	if err != nil {
		mode, options.Flags = "AF_XDP generic, copy", link.XDPGenericMode
		if attached, err = link.AttachXDP(options); err != nil {
			return nil, "", err
		}
	}
	// On a veth a sender on this machine leaves its checksums to whoever sends the
	// packet on, so there is nothing to be verified.
	end, err := xdp.New(&xdp.Options{
		FD: fd, Address: tcpip.LinkAddress(device.HardwareAddr), InterfaceIndex: device.Index, Bind: true, RXChecksumOffload: true,
	})
	if err != nil {
		return nil, "", errors.Join(err, attached.Close())
	}
	if err := sockets.Put(uint32(0), uint32(fd)); err != nil {
		return nil, "", errors.Join(err, attached.Close())
	}
	kept = append(kept, attached, program, sockets)
	return end, mode, nil
}

// kept is what would otherwise be collected, and closed.
var kept []any

// redirect sends every packet to the socket of its queue, or to the kernel.
func redirect(sockets *ebpf.Map) asm.Instructions {
	const rxQueue, pass = 16, 2
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, rxQueue, asm.Word),
		asm.LoadMapPtr(asm.R1, sockets.FD()),
		asm.Mov.Imm(asm.R3, pass),
		asm.FnRedirectMap.Call(),
		asm.Return(),
	}
}

// openPacket is what netstack's users have where there is no XDP.
func openPacket(device *net.Interface) (stack.LinkEndpoint, error) {
	all := int(unix.ETH_P_ALL&0xff)<<8 | int(unix.ETH_P_ALL)>>8 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: device.Index}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	return fdbased.New(&fdbased.Options{
		FDs: []int{fd}, MTU: uint32(device.MTU), EthernetHeader: true, Address: tcpip.LinkAddress(device.HardwareAddr),
		PacketDispatchMode: fdbased.PacketMMap, RXChecksumOffload: true,
	})
}
