// Package differ puts our TCP and the kernel's through the same sequences of
// segments and calls, and says where they differ. Test support.
//
// A sequence follows from a seed: on the way to a state come segments and calls
// that belong there, and many that do not. Our side is a host of internal/posix in
// virtual time, the kernel's is real sockets behind a TUN device in a namespace of
// their own. What both may choose is left out of the comparison (observe.go); every
// other difference is a fault, or stands with its reason in explained.go.
//
// Reading order: step.go (what happens), grammar.go, noise.go (which sequences),
// view.go (what the peer knows of a side), observe.go (what is compared), ours.go,
// kernel.go, diag.go (the two sides), result.go, compare.go, difference.go,
// explained.go and its kin (the reasons), campaign.go, shrink.go.
package differ
