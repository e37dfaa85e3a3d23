// Command picture draws docs/architecture.svg: the packages in their layers, who
// imports whom, and the way of a packet.
//
//	go run ./scripts/picture        # make picture
//
// Everything in it is read from the code: the layers from the table of
// arch_test.go, the imports and what a package is for from the packages
// themselves. A test fails when the picture is older than the code.
//
// Reading order: main.go, read.go (the code), way.go (the way of a packet),
// graph.go (what is drawn between bands), order.go (what stands beside what),
// place.go (where), draw.go and drawway.go (SVG).
package main
