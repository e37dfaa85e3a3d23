// Package pcap writes what passes through any link.Queue into a capture file,
// for tcpdump and Wireshark.
//
// Whoever builds a stack puts a Tee around a queue before a shard gets it. A
// capture never changes, delays for its own sake, or loses a frame: an error of
// the file ends the capture, and the traffic goes on. It reads no clock and
// starts no goroutine; a file that blocks, as a pipe may, blocks the shard.
//
// Reading order: tee.go (which frames), writer.go (one file, possibly for
// several queues), format.go (the octets of pcapng).
package pcap
