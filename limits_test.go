package mtcp

import (
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/drop"
)

// fields collects the names of all struct fields of the repository.
func fields(t *testing.T) map[string]bool {
	t.Helper()
	have := map[string]bool{}
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if st, ok := n.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, name := range f.Names {
						have[name.Name] = true
					}
				}
			}
			return true
		})
	}
	return have
}

// limitReasons are the drop reasons that say that something was full, or too
// much: each stands in docs/LIMITS.md.
var limitReasons = []drop.Reason{
	drop.FrameHandover, drop.FrameNoTx, drop.ARPTableFull, drop.IPFragLimit, drop.IPFragTimeout, drop.ICMPLimit,
	drop.SYNBacklog, drop.SYNEvicted, drop.AcceptFull, drop.NoTCB, drop.NoRing, drop.NoTimeWait, drop.ChallengeLimit,
	drop.OutOfWindow, drop.ReassemblyFull, drop.StaleHandle, drop.PortsUsed, drop.NeighbourUnresolved, drop.IPNoRoute,
}

// TestLimits_NamedTestsAndCountersExist holds docs/LIMITS.md against the code: a
// row says which counter tells and which test shows it, and every reason that is
// a limit has a row.
func TestLimits_NamedTestsAndCountersExist(t *testing.T) {
	text, err := os.ReadFile("docs/LIMITS.md")
	if err != nil {
		t.Fatal(err)
	}
	code, tests := names(t)
	have, reasons, told := fields(t), map[string]bool{}, map[string]bool{}
	for r := drop.None + 1; r < drop.NumReasons; r++ {
		reasons[r.String()] = true
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 7 || cells[0] == "limit" {
			continue
		}
		rows++
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			name := m[1][strings.LastIndex(m[1], ".")+1:]
			if !have[name] && !code["mtcp."+name] {
				t.Errorf("%s: there is no option %s", cells[0], m[1])
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[5], -1) {
			if told[m[1]] = true; !reasons[m[1]] && !have[m[1]] {
				t.Errorf("%s: there is no counter %s", cells[0], m[1])
			}
		}
		shown := quoted.FindAllStringSubmatch(cells[6], -1)
		for _, m := range shown {
			if !tests[m[1]] {
				t.Errorf("%s: there is no test %s", cells[0], m[1])
			}
		}
		if len(shown) == 0 {
			t.Errorf("%s: no test is named", cells[0])
		}
	}
	for _, r := range limitReasons {
		if !told[r.String()] {
			t.Errorf("no limit names the counter %v", r)
		}
	}
	if rows < 35 {
		t.Errorf("%d limits: is the table still one?", rows)
	}
	for _, m := range regexp.MustCompile("`(Test[A-Za-z_0-9]+)`").FindAllStringSubmatch(string(text), -1) {
		if !tests[m[1]] {
			t.Errorf("there is no test %s", m[1])
		}
	}
}
