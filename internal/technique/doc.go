// Package technique names what makes the stack fast, so that a benchmark can do
// without one at a time and say what it is worth.
//
// The root package reads the choice when it makes a stack, and it is fixed from
// then on. Only benchmarks and tests choose anything; there is no option for it,
// since nobody is better off without.
package technique
