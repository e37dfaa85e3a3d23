// Package param is the one table of what a user may set: for every parameter
// its name, unit, default, range, and a sentence.
//
// The root package takes from it the defaults and the bounds of its Config;
// package config reads and prints files by it. It knows no package of the
// stack: Complete reaches the fields of whatever struct has the table's names.
//
// One convention joins Go and files: a table is the struct, a key the field,
// in snake_case. Config.TCP.KeepAliveIdle is keep_alive_idle under [tcp].
//
// Reading order: param.go (what a parameter is), stack.go, tcp.go, ip.go and
// link.go (the table), complete.go (defaults and bounds), text.go (how values
// are written and read).
package param
