// The calls.

package config

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mtcp-go/mtcp"
)

// Limits.
const (
	maxFile   = 1 << 20 // octets: a file with every parameter has 8 KiB
	maxErrors = 20      // that are reported; then there is one that says so
)

// A File is what was read.
type File struct {
	// Config has what the file says. Everything else in it is zero, which is its
	// default.
	Config mtcp.Config

	// Lines has the line of every key that the file sets, such as
	// "connections" or "tcp.keep_alive_idle".
	Lines map[string]int
}

// Load reads the file at path. What is wrong with its contents is of the type
// Errors.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse reads the text of a file; name is for errors.
func Parse(name string, text []byte) (*File, error) {
	if len(text) > maxFile {
		return nil, Errors{{File: name, Text: fmt.Sprintf("it has more than %d octets, and so is no configuration", maxFile)}}
	}
	r := newReader(name, text)
	r.read()
	if len(r.errors) > 0 {
		return nil, r.errors
	}
	return r.file, nil
}

// An Error is one thing that is wrong with a file.
type Error struct {
	File         string
	Line, Column int    // from 1 on; 0: the file as a whole
	Key          string // such as "tcp.ack_delay"; "" if it is none's
	Text         string
}

// Error names the place, the key, and what is wrong.
func (e *Error) Error() string {
	text := e.File
	if e.Line > 0 {
		text += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	if e.Key != "" {
		text += ": " + e.Key
	}
	return text + ": " + e.Text
}

// Errors are all that is wrong with a file, in its order.
type Errors []*Error

// Error has a line for each.
func (e Errors) Error() string {
	var lines []string
	for _, one := range e {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}
