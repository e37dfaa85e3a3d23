package script

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scripts are ours, by topic.
const scripts = "../../testdata/script"

// list returns the scripts below a directory.
func list(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".pkt") {
			all = append(all, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func runFile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sc, err := Parse(path, string(b))
	if err != nil {
		return err
	}
	return sc.Run(Config{})
}

// Every script of ours holds; those below wrong/ must fail, each at the line that
// its first line names.
func TestScripts_Hold(t *testing.T) {
	all := list(t, scripts)
	if len(all) < 20 {
		t.Fatalf("only %d scripts in %s", len(all), scripts)
	}
	for _, path := range all {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, scripts+"/"), ".pkt"), func(t *testing.T) {
			err := runFile(path)
			if !strings.Contains(path, "/wrong/") {
				if err != nil {
					t.Error(err)
				}
				return
			}
			b, _ := os.ReadFile(path)
			first, _, _ := strings.Cut(string(b), "\n")
			want, ok := strings.CutPrefix(first, "// Fails at line ")
			if !ok {
				t.Fatalf("%s does not say where it fails", path)
			}
			if f, isFailure := err.(*Failure); !isFailure || !strings.HasPrefix(want, itoa(f.Line)+":") {
				t.Errorf("%v, want a failure at line %s", err, want)
			}
		})
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// A script gives the same verdict every time, to the word.
func TestRun_TheSameEveryTime(t *testing.T) {
	for _, path := range list(t, scripts) {
		a, b := runFile(path), runFile(path)
		if (a == nil) != (b == nil) || a != nil && a.Error() != b.Error() {
			t.Errorf("%s: %v, then %v", path, a, b)
		}
	}
}

func TestParse_SaysWhatIsWrong(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"", "no events"},
		{"0 < S 0:10(0)", "1: 0:10 is not 0 octets"},
		{"0 < X 0:0(0)", "TCP flags expected"},
		{"0 socket(..., SOCK_STREAM", `"," expected`},
		{"0 < S 0:0(0) <mss>", "a number expected"},
		{"0 < S 0:0(0) <funny 3>", "TCP option funny is not known"},
		{"+1~+2 close(3) = 0", "only packets that leave"},
		{"0 `sysctl", "is missing"},
		{"--ip_version=ipv6\n0 close(3) = 0", "IP version ipv6 is not there"},
		{"+2~+1 > . 1:1(0) ack 1", "goes backwards"},
		{"/* 0 close(3) = 0", "a comment without end"},
	} {
		if _, err := Parse("x.pkt", x.text); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %v, want %q", x.text, err, x.want)
		}
	}
}

func TestStatement_KnowsALittlePython(t *testing.T) {
	for _, x := range []struct {
		text  string
		holds bool
	}{
		{"assert 1 < 2 <= 2", true},
		{"assert 1 < 2 < 2", false},
		{"assert tcpi_rtt == 3 * 2 + 1, tcpi_rtt", true},
		{"assert not (tcpi_rtt > 7 or tcpi_rtt == 6)", true},
		{"assert tcpi_rtt & 3 == 3", true},
		{"assert tcpi_rtt / 2 == 3.5 and 7 // 2 == 3", true},
		{"assert -1 == 1 - 2, 'text %d' % tcpi_rtt", true},
		{"assert nobody == 1", false},
		{"assert 1 1", false},
		{"x = 0x10", true},
		{"print(3)", false},
	} {
		r := &run{vars: map[string]value{"tcpi_rtt": 7}}
		if err := r.statement(x.text); (err == nil) != x.holds {
			t.Errorf("%s: %v", x.text, err)
		}
	}
}

func TestShell_TakesSettingsOnly(t *testing.T) {
	r := &run{script: &Script{Name: "x.pkt"}, settings: map[string]string{}}
	r.shell("sysctl -q net.ipv4.tcp_rmem=\"4096 540000 $((15*1024*1024))\"; rm -rf /\n" +
		"set /proc/sys/net/ipv4/tcp_min_tso_segs=10\necho 3 > /sys/module/x\n# sysctl a=1\n")
	for name, want := range map[string]string{
		"net.ipv4.tcp_rmem": "4096 540000 15728640", "net.ipv4.tcp_min_tso_segs": "10", "/sys/module/x": "3",
	} {
		if r.settings[name] != want {
			t.Errorf("%s is %q, want %q", name, r.settings[name], want)
		}
	}
	if len(r.settings) != 3 {
		t.Errorf("settings %v", r.settings)
	}
}
