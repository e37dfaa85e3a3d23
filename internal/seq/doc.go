// Package seq is arithmetic on TCP sequence numbers, modulo 2³².
//
// Every package may use it. Comparisons follow RFC 9293 §3.4: a number is
// "less" than another when it is up to 2³¹-1 behind it on the circle.
package seq
