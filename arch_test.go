package mtcp

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the import path of the repository.
const module = "github.com/mtcp-go/mtcp"

// layers says which package stands where: a package imports only from layers
// below its own. A new package gets a line here first.
var layers = map[string]int{
	"cmd/mtcp":            13,
	"capi/packetdrill":    13, // the only cgo: a library for another program
	"internal/traffic":    12, // both halves of the benchmarks
	"internal/report":     12, // what benchmarks came to, as files; imports nothing of ours
	"event/httpd":         11,
	"event":               10, // the event door, on a stack of the root
	"config":              10, // a TOML library, which the root package does without
	".":                   9,  // the net door
	"internal/door":       8,
	"internal/stack":      7,
	"internal/doctor":     7, // judges what netconf and afxdp have found
	"internal/script":     7, // scripts in packetdrill's language: test support
	"internal/differ":     7, // our TCP beside the kernel's, the same sequences: test support
	"internal/posix":      6, // socket calls in virtual time: test support
	"internal/runner":     6,
	"internal/sim":        6,
	"internal/netconf":    6,
	"internal/shard":      5,
	"internal/link/afxdp": 5,
	"internal/link/mem":   5,
	"internal/link/memif": 5,
	"internal/link/pcap":  5,
	"internal/link/tap":   5,
	"internal/tcp":        4,
	"internal/ip":         4,
	"internal/neigh":      4,
	"internal/link":       4,
	"internal/link/park":  4, // sleeping on a descriptor, for the devices above
	"internal/sock":       3, // house.md has it beside tcp; the engine reads its blocks, so it stands below
	"internal/wheel":      3,
	"internal/tcp/cc":     3,
	"internal/param":      2, // names, defaults and ranges; imports nothing of ours
	"internal/ring":       2,
	"internal/slab":       2,
	"internal/flow":       2,
	"internal/seq":        1,
	"internal/mono":       1,
	"internal/drop":       1, // names only, below everything
	"internal/prf":        1, // keyed hashing for ISNs, offsets and ports
	"internal/wire":       2, // header formats speak of drop reasons and sequence numbers
	"internal/arena":      1,
	"internal/technique":  1, // what benchmarks can do without
	"internal/cacheline":  1, // what a shard has one of lies alone
	"scripts/picture":     9, // draws this table
}

// pure packages are arithmetic: no goroutine, channel, lock, clock, log,
// syscall, unsafe or variable of the package that changes.
var pure = []string{
	"internal/tcp", "internal/tcp/cc", "internal/ip", "internal/neigh", "internal/wire",
	"internal/seq", "internal/mono", "internal/drop", "internal/prf", "internal/wheel", "internal/flow",
	"internal/doctor",
}

// notPure may not be imported by pure packages.
var notPure = []string{"sync", "os", "log", "log/slog", "syscall", "unsafe", "runtime", "golang.org/x/sys/unix", "net", "crypto/rand"}

// outside lists who may import what is not the standard library's, and why.
var outside = map[string][]string{
	// the kernel's interface
	"golang.org/x/sys/unix": {
		"internal/arena", "internal/link/afxdp", "internal/link/memif", "internal/link/park", "internal/link/tap",
		"internal/runner", "internal/netconf", "internal/differ", "cmd/mtcp",
	},
	// which instructions the processor has
	"golang.org/x/sys/cpu": {"internal/wire"},
	// the XDP program
	"github.com/cilium/ebpf": {"internal/link/afxdp"},
	// interfaces and namespaces
	"github.com/vishvananda/netlink": {"internal/netconf"},
	"github.com/vishvananda/netns":   {"internal/netconf"},
	// the command line
	"github.com/alecthomas/kong": {"cmd/mtcp"},
	// latencies
	"github.com/HdrHistogram/hdrhistogram-go": {"internal/traffic"},
	// Of the TOML libraries the one whose parser gives every key and value its
	// place, so that an error can name the line; only that parser is used.
	"github.com/pelletier/go-toml/v2": {"config"},
}

// goroutines may be started here; every one has an owner who waits for it.
var goroutines = []string{"internal/runner", ".", "event", "internal/traffic", "cmd/mtcp"}

// A source is one parsed file that is not a test.
type source struct {
	path, pkg string
	file      *ast.File
	set       *token.FileSet
	text      []byte
}

// sources parses the repository.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "build" || isModule(p)) {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{p, path.Dir(filepath.ToSlash(p)), f, set, text})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d source files: is this the root of the repository?", len(all))
	}
	return all
}

// isModule reports whether a directory is a module of its own.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func imports(s source) []string {
	var out []string
	for _, i := range s.file.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

func TestArchitecture_ImportsPointDownwards(t *testing.T) {
	for _, s := range sources(t) {
		from, ok := layers[s.pkg]
		if !ok {
			t.Errorf("%s: package %q has no line in the layer table", s.path, s.pkg)
			continue
		}
		for _, imp := range imports(s) {
			rest, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			to := strings.TrimPrefix(rest, "/")
			if to == "" {
				to = "."
			}
			if layers[to] >= from {
				t.Errorf("%s (layer %d) imports %s (layer %d)", s.path, from, to, layers[to])
			}
		}
	}
}

func TestArchitecture_OutsideImportsAreListed(t *testing.T) {
	for _, s := range sources(t) {
		for _, imp := range imports(s) {
			if !strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") || strings.HasPrefix(imp, module) {
				continue
			}
			allowed := false
			for prefix, who := range outside {
				if imp == prefix || strings.HasPrefix(imp, prefix+"/") {
					allowed = slices.Contains(who, s.pkg)
				}
			}
			if !allowed {
				t.Errorf("%s imports %s, which is not listed for %s", s.path, imp, s.pkg)
			}
		}
	}
}

func TestArchitecture_PurePackagesStayPure(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(pure, s.pkg) || strings.HasPrefix(string(s.text), "//go:build plantedbugs\n") {
			continue // bugs planted to see whether the tests find them are no part of a build
		}
		for _, imp := range imports(s) {
			if slices.Contains(notPure, imp) {
				t.Errorf("%s imports %s", s.path, imp)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SendStmt, *ast.SelectStmt:
				t.Errorf("%s: goroutines and channels do not belong here", s.set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "AfterFunc"}, n.Sel.Name) {
					t.Errorf("%s: time.%s: time is a parameter", s.set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestArchitecture_GoroutinesStartOnlyWhereTheyMay(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains(goroutines, s.pkg) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: go statement in %s", s.set.Position(g.Pos()), s.pkg)
			}
			return true
		})
	}
}

func TestArchitecture_UnsafeOnlyInNamedFiles(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(imports(s), "unsafe") {
			continue
		}
		if !strings.HasSuffix(s.path, "_unsafe.go") {
			t.Errorf("%s imports unsafe: such a file is named *_unsafe.go", s.path)
		}
		if s.pkg != "internal/arena" && s.pkg != "internal/cacheline" && !strings.HasPrefix(s.pkg, "internal/link/") && !strings.HasPrefix(s.pkg, "capi/") {
			t.Errorf("%s: unsafe does not belong into %s", s.path, s.pkg)
		}
	}
}

func TestTidy_PackagesSayWhatTheyAreFor(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if path.Base(s.path) == "doc.go" && s.file.Doc != nil {
			said[s.pkg] = true
		}
	}
	for pkg := range layers {
		if _, err := os.Stat(pkg); err == nil && !said[pkg] {
			t.Errorf("%s has no doc.go with a package comment", pkg)
		}
	}
}

// longFunctions may be longer than the limit, each for a reason.
var longFunctions = map[string]string{}

func TestTidy_FilesAndFunctionsStayShort(t *testing.T) {
	const maxFunction, maxPath, maxFile = 70, 400, 600
	onPath := []string{"internal/tcp", "internal/shard", "internal/ring", "internal/sock", "internal/ip", "internal/wire"}
	for _, s := range sources(t) {
		limit := maxFile
		if slices.Contains(onPath, s.pkg) {
			limit = maxPath
		}
		if n := strings.Count(string(s.text), "\n"); n > limit {
			t.Errorf("%s has %d lines, more than %d", s.path, n, limit)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
			name := fmt.Sprintf("%s:%s", s.path, f.Name.Name)
			if n > maxFunction && longFunctions[name] == "" {
				t.Errorf("%s has %d lines, more than %d", name, n, maxFunction)
			}
		}
	}
}

func TestTidy_NoWorkLeftInComments(t *testing.T) {
	for _, s := range sources(t) {
		for _, g := range s.file.Comments {
			for _, word := range []string{"TODO", "FIXME", "XXX"} {
				if strings.Contains(g.Text(), word) {
					t.Errorf("%s: %s", s.set.Position(g.Pos()), word)
				}
			}
		}
	}
}
