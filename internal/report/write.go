package report

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// JSON writes all there is, every sample of it.
func (r *Results) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Write puts results.json, table.md, index.html and the plots into a directory,
// which it makes, and returns their paths. Each appears whole or not at all.
func (r *Results) Write(dir string) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	put := func(name string, f func(io.Writer) error) {
		if err != nil {
			return
		}
		path := filepath.Join(dir, name)
		if err = atomically(path, f); err == nil {
			files = append(files, path)
		}
	}
	put("results.json", r.JSON)
	put("table.md", r.Markdown)
	put("index.html", r.HTML)
	for _, f := range r.Figures {
		for _, p := range f.Plots() {
			put(p.Name+".svg", func(w io.Writer) error {
				_, err := io.Copy(w, strings.NewReader(p.SVG))
				return err
			})
		}
	}
	return files, err
}

func atomically(path string, f func(io.Writer) error) error {
	t, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(t.Name()) // gone when it has its name
	err = f(t)
	if err == nil {
		err = t.Chmod(0o644)
	}
	if e := t.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(t.Name(), path)
	}
	return err
}
