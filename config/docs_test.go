package config

// docs/CONFIGURATION.md says what the table says. go test ./config -update
// writes it.

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/param"
)

var update = flag.Bool("update", false, "write docs/CONFIGURATION.md")

const document = "../docs/CONFIGURATION.md"

func TestDocument_IsThatOfTheTable(t *testing.T) {
	want := markdown()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is stale: go test ./config -update", document)
	}
}

// The example of the document is right.
func TestDocument_ExampleIsRead(t *testing.T) {
	_, example, _ := strings.Cut(introduction, "```toml\n")
	example, _, ok := strings.Cut(example, "```\n")
	if f := parse(t, example); !ok || len(f.Lines) != 6 {
		t.Errorf("it sets %v", f.Lines)
	}
}

const introduction = `# Configuration

Every parameter is a Go option and a key of one TOML file, with the same name, default, unit and range. The convention: a table of the
file is a struct of package mtcp, a key one of its fields in snake_case. ` + "`keep_alive_idle` under `[tcp]` is `mtcp.TCP.KeepAliveIdle`." + `

` + "```toml" + `
addresses = ["10.0.0.2/24"]
gateway = "10.0.0.1"
ring_memory = "1GiB"

[tcp]
congestion = "newreno"
keep_alive_idle = "60s"

[link.afxdp]
interface = "eth0"
` + "```" + `

` + "`mtcp config` prints a file with everything, its defaults and explanations; `mtcp config --check FILE` says what is wrong with one. `mtcp" + `
serve` + "` and `mtcp get` take one with `--config FILE`; what the command line says wins. In Go, `config.Load(path)` gives an `mtcp.Config`." + `

What a file does not say keeps its default. In Go the zero value is the default. Durations are strings with their unit (` + "`\"200ms\"`, `\"60s\"`,\n`\"1h\"`" + `), sizes are octets, as integers or as strings (` + "`\"64KiB\"`, `\"512MiB\"`" + `). A file may write 0 only where the table gives it a meaning. Unknown keys,
values out of range or of the wrong type, and keys that stand twice are errors; all are reported, each with its line and column.

Some things are no keys: ` + "`Capture` and `Logger` are objects of the program (the command has `--pcap`), `Seed`" + ` would make a stack's secrets known.

This page is generated from the table in internal/param: ` + "`go test ./config -update`" + `.
`

// markdown is the document.
func markdown() string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, t := range param.Tables() {
		title := "[" + t.Path + "]"
		if t.Path == "" {
			title = "Above all tables"
		}
		fmt.Fprintf(&b, "\n## %s: `%s`\n\n%s\n\n", title, t.Go, t.Text)
		b.WriteString("| key | Go | default | range | it |\n|---|---|---|---|---|\n")
		for i := range t.Parameters {
			p := &t.Parameters[i]
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", p.Key(), p.Name, p.DefaultText(), p.Range(), p.Text)
		}
		for _, r := range t.Relations {
			times := ""
			if r.Times != 1 {
				times = fmt.Sprintf("%d times ", r.Times)
			}
			fmt.Fprintf(&b, "\n%s`%s` is at most `%s`.\n", times, param.Snake(r.Low), param.Snake(r.High))
		}
	}
	return b.String()
}
