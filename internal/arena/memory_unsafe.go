//go:build !race

// Mapped memory: a memfd, so that it can be shared, mapped once.

package arena

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// hugePage is the size that is asked for, whatever the kernel's default is.
const hugePage = 2 << 20

// memory is one mapping. The slice is valid until release, which the Region
// calls once; the collector knows nothing of it and neither moves nor frees it.
type memory struct {
	bytes []byte
	size  int
	fd    int
	huge  bool
	why   string
}

// obtain maps at least size octets: huge pages if asked for and available,
// else ordinary ones.
func obtain(name string, size int, o Options) (memory, error) {
	if o.Private {
		return mapPrivate(roundUp(size, os.Getpagesize()))
	}
	var why string
	if o.HugePages {
		// No MAP_NORESERVE here: the mapping must fail now rather than the
		// first touch kill the process later.
		m, err := mapMemory(name, roundUp(size, hugePage), unix.MFD_HUGETLB|unix.MFD_HUGE_2MB, 0)
		if err == nil {
			m.huge = true
			return m, nil
		}
		why = hugeReason(err)
	}
	m, err := mapMemory(name, roundUp(size, os.Getpagesize()), 0, unix.MAP_NORESERVE)
	m.why = why
	return m, err
}

// mapMemory maps a new memfd of exactly size octets.
func mapMemory(name string, size, memfdFlags, mapFlags int) (memory, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|memfdFlags)
	if err != nil {
		return memory{fd: -1}, fmt.Errorf("arena: memfd_create %q: %w", name, err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return memory{fd: -1}, errors.Join(fmt.Errorf("arena: ftruncate %s: %w", sizeText(size), err), unix.Close(fd))
	}
	b, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|mapFlags)
	if err != nil {
		return memory{fd: -1}, errors.Join(fmt.Errorf("arena: mmap %s: %w", sizeText(size), err), unix.Close(fd))
	}
	return memory{bytes: b, size: size, fd: fd}, nil
}

// mapPrivate maps memory of this process alone.
func mapPrivate(size int) (memory, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return memory{fd: -1}, fmt.Errorf("arena: mmap %s: %w", sizeText(size), err)
	}
	return memory{bytes: b, size: size, fd: -1}, nil
}

// discard drops pages of a private mapping. It cannot fail in a way that matters:
// at worst they stay.
func discard(pages []byte) { _ = unix.Madvise(pages, unix.MADV_DONTNEED) }

// enlarge asks for huge pages. Without them the pages are ordinary ones.
func enlarge(pages []byte) { _ = unix.Madvise(pages, unix.MADV_HUGEPAGE) }

// hugeReason puts the failure to get huge pages into words.
func hugeReason(err error) string {
	if errors.Is(err, unix.ENOMEM) {
		return "not enough free huge pages (vm.nr_hugepages)"
	}
	return err.Error()
}

// release unmaps the memory and closes its descriptor.
func (m *memory) release() error {
	err := unix.Munmap(m.bytes)
	if m.fd >= 0 {
		err = errors.Join(err, unix.Close(m.fd))
	}
	m.bytes, m.fd = nil, -1
	if err != nil {
		return fmt.Errorf("arena: release %s: %w", sizeText(m.size), err)
	}
	return nil
}
