package main

// What the code says of itself.

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/mtcp-go/mtcp"

// A pkg is one package of the repository.
type pkg struct {
	dir       string // from the root, as in the layer table
	layer     int
	purpose   string
	imports   []string        // of this repository, as directories
	functions map[string]bool // Name, or Type.Name of methods
}

// read reads every package that has a line in the layer table, in the table's
// order from the top.
func read(root string) ([]*pkg, error) {
	layers, err := readLayers(filepath.Join(root, "arch_test.go"))
	if err != nil {
		return nil, err
	}
	var all []*pkg
	for _, dir := range slices.Sorted(maps.Keys(layers)) {
		if strings.HasPrefix(dir, "scripts/") {
			continue // tools of the repository, not of the house
		}
		p := &pkg{dir: dir, layer: layers[dir], functions: map[string]bool{}}
		if err := p.read(filepath.Join(root, filepath.FromSlash(dir))); err != nil {
			return nil, err
		}
		if len(p.functions) > 0 || p.purpose != "" { // a line may be ahead of its package
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b *pkg) int { return b.layer - a.layer })
	return all, nil
}

// readLayers takes the table out of the architecture test, which is the
// authority.
func readLayers(file string) (map[string]int, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	layers := map[string]int{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Names[0].Name != "layers" {
			return true
		}
		for _, e := range v.Values[0].(*ast.CompositeLit).Elts {
			kv := e.(*ast.KeyValueExpr)
			dir, _ := strconv.Unquote(kv.Key.(*ast.BasicLit).Value)
			layers[dir], _ = strconv.Atoi(kv.Value.(*ast.BasicLit).Value)
		}
		return false
	})
	if len(layers) == 0 {
		return nil, fmt.Errorf("%s has no table named layers", file)
	}
	return layers, nil
}

// read reads the files of a package, tests apart.
func (p *pkg) read(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		p.add(f, filepath.Base(name) == "doc.go")
	}
	slices.Sort(p.imports)
	p.imports = slices.Compact(p.imports)
	return nil
}

func (p *pkg) add(f *ast.File, isDoc bool) {
	if isDoc && f.Doc != nil {
		p.purpose = purpose(f.Doc.Text())
	}
	for _, i := range f.Imports {
		if at, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module); ours {
			if at = strings.TrimPrefix(at, "/"); at == "" {
				at = "."
			}
			p.imports = append(p.imports, at)
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			p.functions[receiver(fn)+fn.Name.Name] = true
		}
	}
}

// receiver is "Type." of a method, or nothing.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	t := fn.Recv.List[0].Type
	if s, ok := t.(*ast.StarExpr); ok {
		t = s.X
	}
	if i, ok := t.(*ast.IndexExpr); ok {
		t = i.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

// purpose is what follows "Package name is" up to the first stop.
func purpose(doc string) string {
	words := strings.Fields(doc)
	if len(words) < 3 {
		return ""
	}
	words = words[2:] // Package name
	if words[0] == "is" {
		words = words[1:]
	}
	for i, w := range words {
		if strings.HasPrefix(w, "(") {
			return strings.Join(words[:i], " ")
		}
		if strings.HasSuffix(w, ":") || strings.HasSuffix(w, ".") || strings.HasSuffix(w, ";") {
			return strings.TrimRight(strings.Join(words[:i+1], " "), ":.;")
		}
	}
	return strings.Join(words, " ")
}
