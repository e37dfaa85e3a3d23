// Expressions: arguments of system calls.

package script

import "fmt"

// exprKind says what an expression is.
type exprKind uint8

const (
	exprNothing exprKind = iota // ...
	exprInt
	exprName
	exprString
	exprOr
	exprList   // [a, b] or {a, b}
	exprFields // {name=a, name=b}
)

// An expr is an argument of a system call.
type expr struct {
	kind  exprKind
	n     int64
	text  string
	parts []expr // of a list, fields and of exprOr
	names []string
}

// list reads expressions up to the closing mark.
func (s *scanner) list(closing string) (all []expr) {
	if s.has(closing) {
		return nil
	}
	for {
		all = append(all, s.expression())
		if s.has(closing) {
			return all
		}
		s.want(",")
	}
}

func (s *scanner) expression() expr {
	e := s.operand()
	for s.has("|") {
		e = expr{kind: exprOr, parts: []expr{e, s.operand()}}
	}
	return e
}

func (s *scanner) operand() expr {
	switch {
	case s.has("..."):
		return expr{kind: exprNothing}
	case s.has("["):
		return expr{kind: exprList, parts: s.list("]")}
	case s.has("{"):
		return s.structure()
	case s.has(`"`):
		return expr{kind: exprString, text: s.until(`"`)}
	}
	if w := s.match(wordRE); w != "" {
		e := expr{kind: exprName, text: w}
		if s.has("(") { // htons(80), inet_addr("...")
			e.parts = s.list(")")
		}
		return e
	}
	return expr{kind: exprInt, n: s.int()}
}

// structure reads {a, b} or {name=a, name(...)=b}.
func (s *scanner) structure() expr {
	e := expr{kind: exprList}
	for !s.has("}") {
		if len(e.parts) > 0 {
			s.want(",")
		}
		x := s.expression()
		if s.has("=") {
			e.kind = exprFields
			e.names = append(e.names, x.text)
			x = s.expression()
		}
		e.parts = append(e.parts, x)
	}
	return e
}

// int evaluates a number.
func (e *expr) int() (int64, error) {
	switch e.kind {
	case exprNothing:
		return 0, nil
	case exprInt:
		return e.n, nil
	case exprName:
		if n, ok := symbols[e.text]; ok {
			return n, nil
		}
		return 0, fmt.Errorf("%s is not known", e.text)
	case exprOr:
		a, err := e.parts[0].int()
		b, err2 := e.parts[1].int()
		if err == nil {
			err = err2
		}
		return a | b, err
	case exprList:
		if len(e.parts) == 1 {
			return e.parts[0].int()
		}
	}
	return 0, fmt.Errorf("a number expected")
}

// field returns a field of a structure.
func (e *expr) field(name string) (expr, bool) {
	for i, n := range e.names {
		if n == name {
			return e.parts[i], true
		}
	}
	return expr{}, false
}

// octets adds up the lengths of an array of {..., length}.
func (e *expr) octets() (n int64, err error) {
	for _, v := range e.parts {
		if len(v.parts) != 2 {
			return 0, fmt.Errorf("{..., length} expected")
		}
		k, err := v.parts[1].int()
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}
