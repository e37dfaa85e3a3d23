package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The runner is held against the original: each script of PACKETDRILL_SCRIPTS (a
// list of files, one a line) and each of ours gets the same verdict from both.
func TestOriginal_GivesTheSameVerdict(t *testing.T) {
	if os.Getenv("PACKETDRILL") == "" {
		t.Skip("PACKETDRILL does not name the original program: see scripts/packetdrill")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	all := list(t, scripts)
	if file := os.Getenv("PACKETDRILL_SCRIPTS"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Fields(string(b))...)
	}
	out, err := exec.Command(filepath.Join(root, "scripts/packetdrill"), all...).Output()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if f := strings.Fields(line); len(f) >= 2 && (f[0] == "ok" || f[0] == "FAIL") {
			verdicts[strings.TrimSuffix(f[1], ":")] = line
		}
	}
	for _, path := range all {
		theirs, ours := verdicts[path], runFile(path)
		if theirs == "" {
			t.Errorf("%s: the original says nothing", path)
		} else if strings.HasPrefix(theirs, "ok") != (ours == nil) {
			t.Errorf("%s:\n\tthe original: %s\n\tours: %v", path, theirs, ours)
		}
	}
}
