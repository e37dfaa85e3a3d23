// Package link is the contract between a shard and a device: batches of
// Ethernet frames through one queue.
//
// Implementations stand in the packages below this one; shards and runners
// call the interface once per batch, never per packet. A Queue belongs to one
// shard: only Wake may be called from elsewhere.
package link
