// Package park puts the goroutine that owns a queue to sleep until a file
// descriptor has something to read, without holding a thread.
//
// Devices whose queues are descriptors call it: a Sleeper is all of their Wait
// and Wake. It never reads from the descriptor, never owns it, and starts no
// goroutine.
//
// Reading order: sleeper.go.
package park
