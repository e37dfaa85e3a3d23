// Commands: only those that make settings are understood; the others are about
// machines that are not there.

package script

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// maxDepth bounds files that include each other.
const maxDepth = 4

func (r *run) shell(text string) { r.shellAt(text, filepath.Dir(r.script.Name), maxDepth) }

func (r *run) shellAt(text, dir string, depth int) {
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == ';' }) {
		words := shellWords(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		for _, w := range words[1:] {
			if name, value, ok := strings.Cut(w, "="); ok {
				r.setting(name, value)
			}
		}
		switch {
		case words[0] == "echo" && len(words) == 4 && words[2] == ">":
			r.setting(words[3], words[1])
		case strings.HasSuffix(words[0], ".sh") && depth > 0:
			if b, err := os.ReadFile(filepath.Join(dir, words[0])); err == nil {
				r.shellAt(string(b), dir, depth-1)
			}
		}
	}
}

// setting notes a setting by its name, or by the file that stands for it.
func (r *run) setting(name, value string) {
	if path, ok := strings.CutPrefix(name, "/proc/sys/"); ok {
		name = strings.ReplaceAll(path, "/", ".")
	}
	r.settings[name] = strings.TrimSpace(value)
}

var arithmetic = regexp.MustCompile(`\$\(\(([0-9* ]+)\)\)`)

// shellWords splits a command, with quotes and products worked out.
func shellWords(line string) (words []string) {
	line = arithmetic.ReplaceAllStringFunc(line, func(s string) string {
		n := 1
		for _, f := range strings.Split(strings.Trim(s, "$() "), "*") {
			k, _ := strconv.Atoi(strings.TrimSpace(f))
			n *= k
		}
		return strconv.Itoa(n)
	})
	var word strings.Builder
	quoted, begun := false, false
	for _, c := range line {
		switch {
		case c == '"':
			quoted, begun = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}
