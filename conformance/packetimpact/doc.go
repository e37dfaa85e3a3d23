// Command packetimpact is a host under test for gVisor's packetimpact programs:
// their socket calls, made by gRPC over a control interface, go to a host of
// internal/posix, which is one shard of this stack on the test interface, in real
// time. scripts/packetimpact runs it.
//
// Nothing of gVisor's is here: the service and its messages are read from the
// definition in a checkout of gVisor at run time (-proto).
//
// Reading order: main.go, describe.go, world.go, service.go, fields.go, calls.go.
package main
