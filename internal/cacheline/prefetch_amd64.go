package cacheline

// prefetch asks for the lines from that of p on; there is at least one.
//
//go:noescape
func prefetch(p *byte, lines int)
