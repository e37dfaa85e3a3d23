// Package doctor judges whether a machine and an interface suit the stack: facts
// in, findings out, each with what it means and the command that mends it.
//
// The command calls it. It looks at nothing itself and changes nothing, so every
// finding can be tested with facts that are made up.
//
// Reading order: report.go (facts, findings, the lists of what is judged),
// machine.go, interface.go, xdp.go and tuning.go (the findings), choice.go (what
// to type in the end).
package doctor
