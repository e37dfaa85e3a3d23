// Package prf is the keyed pseudo-random function behind initial sequence
// numbers, timestamp offsets and port choice.
//
// Every package may use it. It keeps no state: the key is the caller's.
package prf
