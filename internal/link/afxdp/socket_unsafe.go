package afxdp

// Socket options that are structures. The kernel copies them during the call
// and keeps no pointer.

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// option is a value that the kernel reads or writes as it lies in memory.
type option interface {
	unix.XDPUmemReg | unix.XDPMmapOffsets | unix.XDPStatistics | uint32
}

func setOption[T option](fd, name int, value *T) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(name),
		uintptr(unsafe.Pointer(value)), unsafe.Sizeof(*value), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func getOption[T option](fd, name int, value *T) error {
	size := uint32(unsafe.Sizeof(*value))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(name),
		uintptr(unsafe.Pointer(value)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// kickTransmit makes the kernel look at the transmit ring.
func kickTransmit(fd int) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// kickReceive makes the kernel look at the fill ring, or poll the interface.
func kickReceive(fd int) {
	_, _, _ = unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
}
