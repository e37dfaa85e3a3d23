package main

// The systemd unit: a server runs with the rights that it gives, and with none
// less. systemd itself is not needed: the process takes what the unit says.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const unitFile = "../../packaging/mtcp.service"

// unit is what the service's section says, by directive.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	section, out := "", map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line
		case !ok || strings.ContainsAny(key, " \t") || section == "":
			t.Errorf("no directive: %q", line)
		case section == "[Service]":
			out[key] = append(out[key], value)
		}
	}
	return out
}

// one returns a directive that must stand once.
func one(t *testing.T, u map[string][]string, key string) string {
	t.Helper()
	if len(u[key]) != 1 {
		t.Fatalf("%s stands %d times", key, len(u[key]))
	}
	return u[key][0]
}

var capabilities = map[string]uintptr{
	"CAP_NET_BIND_SERVICE": unix.CAP_NET_BIND_SERVICE,
	"CAP_NET_ADMIN":        unix.CAP_NET_ADMIN,
	"CAP_NET_RAW":          unix.CAP_NET_RAW,
	"CAP_IPC_LOCK":         unix.CAP_IPC_LOCK,
	"CAP_BPF":              unix.CAP_BPF,
	"CAP_PERFMON":          unix.CAP_PERFMON,
}

// rights are what a process of the unit has.
type rights struct {
	capabilities []string
	memlock      uint64 // octets
}

func unitRights(t *testing.T) rights {
	t.Helper()
	u := unit(t)
	r := rights{capabilities: strings.Fields(one(t, u, "AmbientCapabilities")), memlock: 8 << 20} // systemd's own limit
	if one(t, u, "LimitMEMLOCK") == "infinity" {
		r.memlock = unix.RLIM_INFINITY
	}
	for key, want := range map[string]string{
		"CapabilityBoundingSet": one(t, u, "AmbientCapabilities"), "NoNewPrivileges": "yes", "DynamicUser": "yes",
	} {
		if got := one(t, u, key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	return r
}

// spec is how the test tells its child, for become.
func (r rights) spec() string {
	return fmt.Sprintf("%s=unit %d %s", dropEnv, r.memlock, strings.Join(r.capabilities, " "))
}

// nobody is a user that owns nothing.
const nobody = 65534

// become starts this process over as an unprivileged user with these rights and
// no others, in the order of systemd.
func become(spec string) error {
	words := strings.Fields(spec)
	limit, err := strconv.ParseUint(words[0], 10, 64)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // what follows is this thread's, which then becomes the process
	if err := limitLocked(limit); err != nil {
		return err
	}
	var set [2]unix.CapUserData
	keep := map[uintptr]bool{}
	for _, name := range words[1:] {
		c, ok := capabilities[name]
		if !ok {
			return fmt.Errorf("the test does not know %s", name)
		}
		keep[c] = true
		set[c/32].Permitted |= 1 << (c % 32)
	}
	for i := range set {
		set[i].Effective, set[i].Inheritable = set[i].Permitted, set[i].Permitted
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if !keep[c] {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL {
				return err
			}
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	for _, call := range [][2]uintptr{{unix.SYS_SETGROUPS, 0}, {unix.SYS_SETRESGID, nobody}, {unix.SYS_SETRESUID, nobody}} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[1], call[1]); errno != 0 {
			return errno
		}
	}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &set[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	for c := range keep {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
			return fmt.Errorf("ambient: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	os.Unsetenv(dropEnv)
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

// limitLocked limits locked memory. Where a container may not raise the limit it
// stays as it is, which the few frames of these tests fit into.
func limitLocked(octets uint64) error {
	var have unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &have); err != nil {
		return err
	}
	err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: octets, Max: octets})
	if err == unix.EPERM && octets > have.Max {
		return nil
	}
	return err
}

func TestUnit_ServesWithItsRightsAndNoOthers(t *testing.T) {
	r := unitRights(t)
	w := newTestWorld(t)
	for _, address := range []string{stackAddress, kernelAddress} {
		p := start(t, options{in: w.server().Namespace, env: []string{r.spec()}}, unitArgs(t, w, address)...)
		p.await("echo")
		checkStatus(t, p.cmd.Process.Pid, r)
		c, err := w.dial(t.Context(), "tcp4", address+":80")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := lineBack(c); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		c.Close()
		p.signal(syscall.SIGTERM)
		if code := p.exit(); code != exitOK {
			t.Errorf("%s: exit code %d: %s", address, code, p.stderr)
		}
		checkNoXDP(t, w.server())
	}
}

// unitArgs serve as the unit does, but echo, and with few frames: at an address
// of the stack's own, or shared with the kernel.
func unitArgs(t *testing.T, w *world, address string) []string {
	t.Helper()
	args := strings.Fields(one(t, unit(t), "ExecStart"))[1:]
	at := slices.Index(args, "--config")
	if at < 0 || args[0] != "serve" || !slices.Contains(args, "--root") {
		t.Fatalf("the unit runs %q", args)
	}
	path := file(t, fmt.Sprintf("addresses = [%q]\nconnections = 4096\nring_memory = \"64MiB\"\n[link.afxdp]\ninterface = %q\nframes = 512\nshared = %t\n",
		address+prefixBits, w.server().Interface, address == kernelAddress))
	for at := path; at != os.TempDir() && at != "/"; at = filepath.Dir(at) { // nobody must get there
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"serve", "--config", path, "--echo"}
}

// checkStatus reads what the kernel says of a process's rights.
func checkStatus(t *testing.T, pid int, r rights) {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	mask := uint64(0)
	for _, name := range r.capabilities {
		mask |= 1 << capabilities[name]
	}
	want := map[string]string{"NoNewPrivs": "1", "Uid": "65534\t65534\t65534\t65534"}
	for _, set := range []string{"CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		want[set] = fmt.Sprintf("%016x", mask)
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if v, ok := want[key]; ok {
			if strings.TrimSpace(value) != v {
				t.Errorf("%s, want %s", strings.TrimSpace(line), v)
			}
			delete(want, key)
		}
	}
	if len(want) != 0 {
		t.Errorf("the kernel does not tell %v", want)
	}
}

func TestUnit_EveryRightIsNeededAndTheErrorNamesIt(t *testing.T) {
	r := unitRights(t)
	w := newTestWorld(t)
	for i, name := range r.capabilities {
		t.Run("without "+name, func(t *testing.T) {
			less := rights{slices.Delete(slices.Clone(r.capabilities), i, i+1), r.memlock}
			address, names := stackAddress, []string{"lacks " + name, "setcap"}
			if name == "CAP_NET_BIND_SERVICE" {
				address, names = kernelAddress, []string{"port 80", "needs " + name}
			}
			checkFails(t, w, options{env: []string{less.spec()}}, unitArgs(t, w, address), names...)
			checkNoXDP(t, w.server())
		})
	}
	t.Run("without LimitMEMLOCK", func(t *testing.T) {
		less := rights{r.capabilities, 64 << 10}
		checkFails(t, w, options{env: []string{less.spec()}}, unitArgs(t, w, stackAddress), "locked memory", "LimitMEMLOCK=infinity")
		checkNoXDP(t, w.server())
	})
}

func TestUnit_SystemdUnderstandsIt(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// It looks whether the command is there.
	path := filepath.Join(t.TempDir(), "mtcp.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/mtcp", "/bin/true")), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), "mtcp.service") {
		t.Errorf("%v: %s", err, out)
	}
}
