// Command packetdrill is a C library that puts one shard behind the packetdrill
// program (build it with make packetdrill): the program's system calls and
// packets go to a host of internal/posix instead of the kernel, and the clock
// that it reads is the host's. So scripts run in virtual time, the same way on
// every run.
//
// interface.c fills in the program's table of functions and knows errno, which
// Go cannot set; calls_unsafe.go are the calls; world.go keeps the program's two
// threads in step. preload/ answers what the program asks of the kernel all the
// same.
package main

func main() {}
