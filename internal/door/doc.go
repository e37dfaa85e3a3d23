// Package door is what the doors of a stack share: addresses and errors in the
// terms of package net.
//
// The packages that applications see call it; it knows no connection.
//
//	address.go  what Listen and Dial are given
//	errors.go   what they, and connections, answer
package door
