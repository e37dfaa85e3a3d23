// Redis is the client go-redis on the stack, by its Dialer.
//
//	redis                                               # client and a toy server in this process
//	redis -interface eth0 -address 10.0.0.3/24 -ask 10.0.0.2 # the client, of a real server
package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

func main() { host.Run(serve, ask) }

// newClient returns a client whose connections are the stack's.
func newClient(stack *mtcp.Stack, server string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:         net.JoinHostPort(server, "6379"),
		Dialer:       stack.DialContext,
		DialTimeout:  5 * time.Second,
		ReadTimeout:  3 * time.Second,
		WriteTimeout: 3 * time.Second,
		PoolSize:     20,
	})
}

func ask(ctx context.Context, stack *mtcp.Stack, server string) error {
	client := newClient(stack, server)
	defer client.Close()
	if err := client.Set(ctx, "greeting", "hello", time.Hour).Err(); err != nil {
		return err
	}
	got, err := client.Get(ctx, "greeting").Result()
	fmt.Printf("greeting is %q\n", got)
	return err
}
