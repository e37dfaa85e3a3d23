package main

import (
	"log"
	"os"
	"path/filepath"
)

// target is where the picture goes, from the root of the repository.
const target = "docs/architecture.svg"

func main() {
	log.SetFlags(0)
	svg, err := picture(".")
	if err == nil {
		err = os.WriteFile(filepath.FromSlash(target), svg, 0o644)
	}
	if err != nil {
		log.Fatal("picture: ", err, " (run it in the root of the repository)")
	}
}

// picture draws the repository in a directory.
func picture(root string) ([]byte, error) {
	packages, err := read(root)
	if err != nil {
		return nil, err
	}
	if err := checkWay(packages); err != nil {
		return nil, err
	}
	g := newGraph(packages)
	g.order()
	g.place()
	return draw(g), nil
}
