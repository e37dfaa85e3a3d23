// Package runner drives a shard: it reads the clock once per round, calls
// Input and Output, lets goroutines run in between, and sleeps when there is
// nothing to do.
//
// The layers above start one runner per shard. Below it nothing starts a
// goroutine or reads a clock.
package runner
