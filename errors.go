package mtcp

import "github.com/mtcp-go/mtcp/internal/door"

// ErrLinkGone says that the network interface of the stack was removed. The stack
// has ended then, with its listeners and connections.
var ErrLinkGone = door.ErrLinkGone
