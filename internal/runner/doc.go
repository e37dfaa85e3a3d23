// Package runner drives a shard: it reads the clock once per round, calls
// Input and Output, lets goroutines run in between, and sleeps when there is
// nothing to do.
//
// The layers above start one runner per shard. Below it nothing starts a
// goroutine or reads a clock.
//
//	runner.go  starting and stopping; the clock
//	loop.go    the rounds, the yield between Input and Output, sleeping
//	baton.go   a yield that stays on its processor
//	poller.go  kernel sockets of the process stay prompt
package runner
