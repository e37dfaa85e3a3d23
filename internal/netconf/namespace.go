package netconf

// Network namespaces: made, entered for the length of one function, removed.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// namedDir is where `ip netns` looks for names.
const namedDir = "/run/netns"

// ErrThread means that the present goroutine's thread could not be brought back
// to its namespace. The goroutine stays locked to that thread, so that no other
// code runs there, and the thread ends with the goroutine.
var ErrThread = errors.New("thread could not leave the namespace")

// unique numbers the names given out by this process.
var unique atomic.Uint32

// UniqueName returns a name that no other process and no other call uses, short
// enough for an interface when prefix has at most 3 octets.
func UniqueName(prefix string) string {
	return fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), unique.Add(1))
}

// A Namespace is a network namespace that this process keeps alive.
type Namespace struct {
	name string // "" when anonymous
	file *os.File

	once sync.Once
	err  error // of Close
}

// NewNamespace makes a network namespace with its loopback up and IPv6 off. A
// name makes it visible to `ip netns`; without one it lives until Close.
func NewNamespace(name string) (*Namespace, error) {
	if strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return nil, fmt.Errorf("netconf: namespace name %q is no file name", name)
	}
	n := &Namespace{name: name}
	err := onThread(func() error { return n.create() })
	if err == nil {
		err = n.Do(quieten)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netconf: new namespace: %w", err), n.Close())
	}
	return n, nil
}

// Present returns the namespace of the calling goroutine's thread, to come back to.
func Present() (*Namespace, error) {
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("netconf: present namespace: %w", err)
	}
	return &Namespace{file: file}, nil
}

// Within is Do for those who are most likely there already, which needs no rights.
func (n *Namespace) Within(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var here, there unix.Stat_t
	err := errors.Join(unix.Stat("/proc/thread-self/ns/net", &here), unix.Fstat(n.fd(), &there))
	if err == nil && here.Dev == there.Dev && here.Ino == there.Ino {
		return f()
	}
	return n.Do(f)
}

// Name returns the name that `ip netns` shows, "" if it has none.
func (n *Namespace) Name() string { return n.name }

// Do runs f with the calling goroutine inside the namespace. Goroutines that f
// starts are outside; sockets that f opens stay inside for ever. Calls nest.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(n.fd(), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("netconf: enter namespace %s: %w", n.name, err)
		}
		return f()
	})
}

// Sysctl writes a value below /proc/sys of the namespace, e.g.
// "net.ipv4.tcp_congestion_control".
func (n *Namespace) Sysctl(key, value string) error {
	return n.Do(func() error { return sysctl(key, value) })
}

// StartIn starts cmd inside n: a child belongs where its parent's thread was.
func StartIn(n *Namespace, cmd *exec.Cmd) error {
	return n.Do(cmd.Start)
}

// Close removes the name and lets the namespace go once no process, socket or
// descriptor uses it. A second call does nothing.
func (n *Namespace) Close() error {
	n.once.Do(func() {
		if n.file == nil {
			return
		}
		if n.name != "" {
			n.err = unmountName(filepath.Join(namedDir, n.name))
		}
		n.err = errors.Join(n.err, n.file.Close())
	})
	return n.err
}

func (n *Namespace) fd() int { return int(n.file.Fd()) }

// create leaves the present thread in a new namespace and keeps hold of it.
func (n *Namespace) create() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("unshare: %w (needs CAP_SYS_ADMIN)", err)
		}
		return fmt.Errorf("unshare: %w", err)
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	if n.name != "" {
		if err := mountName(filepath.Join(namedDir, n.name)); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	n.file = file
	return nil
}

// mountName binds the present thread's namespace to a name. An existing name
// is refused: it is somebody's.
func mountName(path string) error {
	if err := os.MkdirAll(namedDir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		return errors.Join(fmt.Errorf("mount %s: %w", path, err), os.Remove(path))
	}
	return nil
}

func unmountName(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("netconf: unmount %s: %w", path, err)
	}
	return os.Remove(path)
}

// onThread runs f on a locked thread whose namespace is put back afterwards,
// also when f ends by panic or Goexit.
func onThread(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("netconf: present namespace: %w", err)
	}
	defer func() {
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			err = errors.Join(err, fmt.Errorf("netconf: %w: %w", ErrThread, back))
		} else {
			runtime.UnlockOSThread()
		}
		_ = home.Close()
	}()
	return f()
}

// quieten makes captures show only what was sent on purpose: no router
// solicitations, no duplicate address detection.
func quieten() error {
	for _, which := range [...]string{"all", "default"} {
		if err := disableIPv6(which); err != nil {
			return err
		}
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// disableIPv6 is content with a kernel that has none.
func disableIPv6(which string) error {
	err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func sysctl(key, value string) error {
	path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("netconf: sysctl %s: %w", key, err)
	}
	return nil
}
