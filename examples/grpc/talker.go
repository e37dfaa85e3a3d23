package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/mtcp-go/mtcp/examples/grpc/talk"
)

// talker says everything louder.
type talker struct{ talk.UnimplementedTalkServer }

func (talker) Say(ctx context.Context, w *talk.Words) (*talk.Words, error) {
	select {
	case <-time.After(time.Duration(w.ThinkMs) * time.Millisecond):
		return &talk.Words{Text: strings.ToUpper(w.Text)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (t talker) Chat(s grpc.BidiStreamingServer[talk.Words, talk.Words]) error {
	for {
		in, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		out, err := t.Say(s.Context(), in)
		if err != nil {
			return err
		}
		if err := s.Send(out); err != nil {
			return err
		}
	}
}
