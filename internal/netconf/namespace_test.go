package netconf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// namespace makes an anonymous namespace for a test, or skips it.
func namespace(t *testing.T) *Namespace {
	t.Helper()
	requireRoot(t)
	n, err := NewNamespace("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
}

// here names the namespace of the present thread.
func here(t *testing.T) string {
	t.Helper()
	id, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestDo_EntersAndComesBack(t *testing.T) {
	n := namespace(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	outside := here(t)
	err := n.Do(func() error {
		inside := here(t)
		if inside == outside {
			t.Error("Do did not enter the namespace")
		}
		return n.Do(func() error { // nested
			if here(t) != inside {
				t.Error("a nested Do left the namespace")
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if here(t) != outside {
		t.Error("Do did not come back")
	}
}

func TestDo_ComesBackFromGoexit(t *testing.T) {
	n := namespace(t)
	var inside, after string
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { after = here(t) }()
		_ = n.Do(func() error {
			inside = here(t)
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	if after == inside {
		t.Error("the thread stayed in the namespace after Goexit")
	}
}

func TestNamespace_NameComesAndGoes(t *testing.T) {
	requireRoot(t)
	name := UniqueName("mt-test")
	n, err := NewNamespace(name)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	path := filepath.Join(namedDir, name)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the name is not there: %v", err)
	}
	if _, err := NewNamespace(name); err == nil {
		t.Error("a second namespace took the same name")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a refused namespace took away the name of the first: %v", err)
	}
	for range 2 {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the name is still there after Close")
	}
}

func TestNewNamespace_RefusesPaths(t *testing.T) {
	for _, name := range []string{"..", "a/b", "."} {
		if _, err := NewNamespace(name); err == nil {
			t.Errorf("name %q was accepted", name)
		}
	}
}

func TestSysctl_OfTheNamespaceOnly(t *testing.T) {
	n := namespace(t)
	const key = "net.ipv4.ip_default_ttl"
	before := readFile(t, "/proc/sys/net/ipv4/ip_default_ttl")
	if err := n.Sysctl(key, "17"); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, "/proc/sys/net/ipv4/ip_default_ttl"); got != before {
		t.Errorf("outside it is %q now, was %q", got, before)
	}
	if err := n.Do(func() error {
		if got := readFile(t, "/proc/sys/net/ipv4/ip_default_ttl"); got != "17\n" {
			t.Errorf("inside it is %q", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := n.Sysctl("net.ipv4.no_such_key", "1"); err == nil {
		t.Error("an unknown key was accepted")
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStartIn_ChildIsInside(t *testing.T) {
	n := namespace(t)
	var want string
	if err := n.Do(func() error { want = here(t); return nil }); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command("readlink", "/proc/self/ns/net")
	cmd.Stdout = &out
	if err := StartIn(n, cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := string(bytes.TrimSpace(out.Bytes())); got != want {
		t.Errorf("child runs in %s, want %s", got, want)
	}
}

func TestNewNamespace_IsQuietAndHasALoopback(t *testing.T) {
	n := namespace(t)
	err := n.Do(func() error {
		const key = "/proc/sys/net/ipv6/conf/default/disable_ipv6"
		if _, err := os.Stat(key); err == nil && readFile(t, key) != "1\n" {
			t.Error("new interfaces would speak IPv6")
		}
		_, err := Interface("lo")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
