// Package slab gives out the slots of one fixed array, last returned first, and
// names them by handles that go stale when the slot is given back.
//
// The owner of the array calls it, from one goroutine; handles may travel
// anywhere. It never allocates after New, never touches an item, and never
// zeroes one: who takes a slot initialises it.
//
// Files in reading order: slab.go.
package slab
