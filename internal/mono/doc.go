// Package mono is the time of the stack: nanoseconds on a monotonic clock
// that somebody else reads.
//
// Every package may use it. It has no Now on purpose: time is a parameter that
// the runner (or a simulation) passes down once per batch.
package mono
