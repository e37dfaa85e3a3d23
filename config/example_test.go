package config_test

import (
	"fmt"

	"github.com/mtcp-go/mtcp/config"
)

func ExampleParse() {
	f, err := config.Parse("mtcp.toml", []byte(`
addresses = ["10.0.0.2/24"]

[tcp]
keep_alive_idle = "60s"

[link.afxdp]
interface = "eth0"
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Config.Addresses, f.Config.TCP.KeepAliveIdle, f.Lines["tcp.keep_alive_idle"])
	// The stack is then mtcp.New(f.Config).

	// Output: [10.0.0.2/24] 1m0s 5
}

func ExampleErrors() {
	_, err := config.Parse("mtcp.toml", []byte("conections = 1000\ntcp.ack_delay = \"1s\"\n"))
	fmt.Println(err)

	// Output:
	// mtcp.toml:1:1: conections: unknown key: did you mean connections?
	// mtcp.toml:2:17: tcp.ack_delay: "1s" is out of range: 1ms to 499ms
}
