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
// methods also as package.Type.Name, and its tests by their names alone.
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
				if fn.Recv != nil {
					code[f.Name.Name+"."+receiver(fn)+"."+fn.Name.Name] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, tests
}

// receiver names the type of a method.
func receiver(fn *ast.FuncDecl) string {
	t := fn.Recv.List[0].Type
	if s, ok := t.(*ast.StarExpr); ok {
		t = s.X
	}
	if g, ok := t.(*ast.IndexExpr); ok {
		t = g.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
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
	if rows != 168 {
		t.Errorf("%d rows, want 168: 119 of RFC 9293 and 49 of its companions", rows)
	}
}

// TestPacket_NamedCodeExists holds docs/PACKET.md against the code: what it
// quotes is a function, a file or a test that is there, or an operation.
func TestPacket_NamedCodeExists(t *testing.T) {
	text, err := os.ReadFile("docs/PACKET.md")
	if err != nil {
		t.Fatal(err)
	}
	code, tests := names(t)
	functions := 0
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		switch what := m[1]; {
		case strings.Contains(what, "/"):
			if _, err := os.Stat(filepath.Join("internal/link", what)); err != nil {
				t.Errorf("PACKET.md names the file %s, which does not exist", what)
			}
		case strings.HasPrefix(what, "Test"):
			if !tests[what] {
				t.Errorf("PACKET.md names the test %s, which does not exist", what)
			}
		case strings.HasPrefix(what, "Op"): // a command's
		case !code[what]:
			t.Errorf("PACKET.md names the function %s, which does not exist", what)
		default:
			functions++
		}
	}
	if functions < 60 {
		t.Errorf("only %d functions: PACKET.md follows the packet through all of them", functions)
	}
}
