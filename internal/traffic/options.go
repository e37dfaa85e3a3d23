package traffic

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/event"
	"github.com/mtcp-go/mtcp/internal/mono"
	"github.com/mtcp-go/mtcp/internal/slab"
	"github.com/mtcp-go/mtcp/internal/sock"
	"github.com/mtcp-go/mtcp/internal/tcp"
)

// errLooked lets Detach reset what has been looked at.
var errLooked = errors.New("traffic: looked at")

// Negotiated says what both ends of a connection of the stack have agreed on, such
// as "MSS 1448, SACK, timestamps, window scale 7 and 7" (theirs and ours), and
// resets it.
func Negotiated(s *mtcp.Stack, conn net.Conn) (string, error) {
	var i tcp.Info
	var found bool
	err := s.Detach(conn, func(shard int, h slab.Handle) error {
		_, sh := s.Core().App(&sock.Accepted{Handle: h, Shard: uint32(shard)})
		done := make(chan struct{})
		err := event.Loops(s)[shard].Do(func(l *event.Loop) {
			defer close(done)
			i, found = sh.Inspect(h, mono.Time(l.Now()))
		})
		if err != nil {
			return err
		}
		<-done
		return errLooked
	})
	if !errors.Is(err, errLooked) {
		return "", err
	}
	if !found {
		return "", net.ErrClosed
	}
	return optionsText(&i), nil
}

func optionsText(i *tcp.Info) string {
	all := []string{fmt.Sprintf("MSS %d", i.MSS)}
	if i.SACK {
		all = append(all, "SACK")
	}
	if i.Timestamps {
		all = append(all, "timestamps")
	}
	if i.Scaling {
		all = append(all, fmt.Sprintf("window scale %d and %d", i.SndScale, i.RcvScale))
	}
	return strings.Join(all, ", ")
}
