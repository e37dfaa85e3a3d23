// Package wheel is a hierarchical timing wheel: which of a fixed set of slots
// is due next, in constant time and without pointers.
//
// A shard owns one Wheel, with one timer per connection slot. The package
// never reads a clock, never calls back and never allocates after New.
//
// Reading order: wheel.go (set, cancel, ask), advance.go (time passes).
package wheel
