// Grpc is a gRPC server and client, by Serve and by WithContextDialer.
//
//	grpc                                                # server and client in this process
//	grpc -interface eth0 -address 10.0.0.2/24           # the server, beside the kernel
//	grpc -interface eth0 -address 10.0.0.3/24 -ask 10.0.0.2  # the client
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/grpc/talk"
	"github.com/mtcp-go/mtcp/examples/host"
)

func main() { host.Run(serve, ask) }

func serve(stack *mtcp.Stack) (host.Stop, error) {
	l, err := stack.Listen(context.Background(), "tcp", ":50051")
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
	talk.RegisterTalkServer(server, talker{})
	go server.Serve(l)
	return func(ctx context.Context) error {
		defer context.AfterFunc(ctx, server.Stop)()
		server.GracefulStop()
		return ctx.Err()
	}, nil
}

// dial makes a client whose connections are the stack's. The passthrough
// scheme leaves the address to the dialer.
func dial(stack *mtcp.Stack, server string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:"+net.JoinHostPort(server, "50051"),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return stack.DialContext(ctx, "tcp", address)
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
	)
}

func ask(ctx context.Context, stack *mtcp.Stack, server string) error {
	conn, err := dial(stack, server)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	answer, err := talk.NewTalkClient(conn).Say(ctx, &talk.Words{Text: "hello"})
	if err != nil {
		return err
	}
	fmt.Println(answer.Text)
	return nil
}
