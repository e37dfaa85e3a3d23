// Reading the text of a script.

package script

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A scanner stands somewhere in a script.
type scanner struct {
	name string
	text string
	at   int
}

// A syntaxError is thrown, and caught by Parse.
type syntaxError struct{ error }

func (s *scanner) line() int { return 1 + strings.Count(s.text[:s.at], "\n") }

func (s *scanner) fail(format string, a ...any) {
	panic(syntaxError{fmt.Errorf("%s:%d: %s", s.name, s.line(), fmt.Sprintf(format, a...))})
}

// skip passes white space and comments.
func (s *scanner) skip() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case strings.HasPrefix(rest, "//"), rest[0] == '#':
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			s.at += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				s.fail("a comment without end")
			}
			s.at += n + 2
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) isEnd() bool {
	s.skip()
	return s.at >= len(s.text)
}

// has passes the literal if it comes next.
func (s *scanner) has(literal string) bool {
	s.skip()
	if strings.HasPrefix(s.text[s.at:], literal) {
		s.at += len(literal)
		return true
	}
	return false
}

// sees is has without passing it.
func (s *scanner) sees(literal string) bool {
	s.skip()
	return strings.HasPrefix(s.text[s.at:], literal)
}

func (s *scanner) want(literal string) {
	if !s.has(literal) {
		s.fail("%q expected, not %q", literal, s.next())
	}
}

// next is a little of what follows, for messages.
func (s *scanner) next() string {
	rest := s.text[s.at:]
	if n := strings.IndexByte(rest, '\n'); n >= 0 {
		rest = rest[:n]
	}
	return rest[:min(len(rest), 30)]
}

// match passes what the expression matches, "" if nothing.
func (s *scanner) match(r *regexp.Regexp) string {
	s.skip()
	m := r.FindString(s.text[s.at:])
	s.at += len(m)
	return m
}

// until returns what comes before the literal, and passes both.
func (s *scanner) until(literal string) string {
	n := strings.Index(s.text[s.at:], literal)
	if n < 0 {
		s.fail("%q is missing", literal)
	}
	t := s.text[s.at : s.at+n]
	s.at += n + len(literal)
	return t
}

var (
	numberRE = regexp.MustCompile(`^(\d+(\.\d+)?|\.\d+)`)
	intRE    = regexp.MustCompile(`^-?(0[xX][0-9a-fA-F]+|\d+)`)
	wordRE   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)
	flagsRE  = regexp.MustCompile(`^([FSRPEWUCA]+\.?|\.|-)`)
)

// usecs reads seconds.
func (s *scanner) usecs() int64 {
	t := s.match(numberRE)
	f, err := strconv.ParseFloat(t, 64)
	if err != nil {
		s.fail("a time expected, not %q", s.next())
	}
	return int64(f*1e6 + 0.5)
}

func (s *scanner) int() int64 {
	t := s.match(intRE)
	n, err := strconv.ParseInt(t, 0, 64)
	if err != nil {
		s.fail("a number expected, not %q", s.next())
	}
	return n
}

func (s *scanner) word() string {
	w := s.match(wordRE)
	if w == "" {
		s.fail("a word expected, not %q", s.next())
	}
	return w
}
