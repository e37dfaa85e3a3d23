// Package config reads the configuration of a stack from a TOML file, and
// prints one with every parameter and its default.
//
// Programs call Load before mtcp.New; Defaults is for people. A table of the
// file is a struct of package mtcp, a key one of its fields in snake_case:
//
//	addresses = ["10.0.0.2/24"]        # mtcp.Config.Addresses
//
//	[tcp]
//	keep_alive_idle = "60s"            # mtcp.TCP.KeepAliveIdle
//
//	[link.afxdp]
//	interface = "eth0"                 # mtcp.AFXDP.Interface
//
// What a file does not say keeps its default. It is all checked, and every
// error names its line. Nothing here opens a link or starts anything.
//
// Reading order: config.go (the calls), read.go (tables and keys), value.go
// (their values), nearest.go (what was meant), print.go (the defaults).
package config
