package mtcp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// names collects the functions and methods of the repository as package.Name,
// and its tests by their names alone.
func names(t *testing.T) (code, tests map[string]bool) {
	t.Helper()
	code, tests = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			switch {
			case !ok:
			case strings.HasSuffix(p, "_test.go"):
				tests[fn.Name.Name] = true
			default:
				code[f.Name.Name+"."+fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, tests
}

// TestConformance_NamedCodeAndTestsExist holds docs/RFC.md against the code: a
// row says which function and which test it stands on, and one that claims to
// be done names both.
func TestConformance_NamedCodeAndTestsExist(t *testing.T) {
	text, err := os.ReadFile("docs/RFC.md")
	if err != nil {
		t.Fatal(err)
	}
	code, tests := names(t)
	rows := 0
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 6 || !regexp.MustCompile(`^[A-Z]+[0-9]*-[0-9]+$`).MatchString(cells[0]) {
			continue
		}
		rows++
		id, status := cells[0], cells[5]
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			if !code[m[1]] {
				t.Errorf("%s names the function %s, which does not exist", id, m[1])
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[4], -1) {
			if !tests[m[1]] {
				t.Errorf("%s names the test %s, which does not exist", id, m[1])
			}
		}
		if strings.HasPrefix(status, "done") && (strings.TrimSpace(cells[3]) == "" || strings.TrimSpace(cells[4]) == "") {
			t.Errorf("%s is said to be done and names no code or no test", id)
		}
		if !regexp.MustCompile(`^(done|deviation|partial|planned|n/a|not offered)`).MatchString(status) {
			t.Errorf("%s has the status %q", id, status)
		}
	}
	if rows != 160 {
		t.Errorf("%d rows, want 160: 119 of RFC 9293 and 41 of its companions", rows)
	}
}
