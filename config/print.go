// The defaults, as a file.

package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtcp-go/mtcp/internal/param"
)

const preamble = `# Configuration of mtcp: every parameter, with its default.
#
# A file needs only what differs. Durations are strings with their unit, such as
# "200ms", "60s" or "1h"; sizes are octets, as integers or strings such as
# "64KiB". In Go a table is a struct of package mtcp and a key a field of it:
# keep_alive_idle under [tcp] is mtcp.TCP.KeepAliveIdle.
`

// Defaults returns a file with all parameters, their defaults, ranges and
// explanations. Read back it gives the defaults. Of the links all but the first
// are commented out, since a stack has one.
func Defaults() string {
	var b strings.Builder
	b.WriteString(preamble)
	links := 0
	for _, t := range param.Tables() {
		comment := ""
		if strings.HasPrefix(t.Path, "link.") {
			if links++; links > 1 {
				comment = "# "
			}
		}
		printTable(&b, t, comment)
	}
	return b.String()
}

func printTable(b *strings.Builder, t *param.Table, comment string) {
	b.WriteByte('\n')
	explain(b, t.Text)
	if t.Path != "" {
		fmt.Fprintf(b, "%s[%s]\n", comment, t.Path)
	}
	for i := range t.Parameters {
		p := &t.Parameters[i]
		b.WriteByte('\n')
		explain(b, p.Key()+" "+p.Text+" "+p.Limits())
		if value, ok := defaultOf(p); ok {
			fmt.Fprintf(b, "%s%s = %s\n", comment, p.Key(), value)
		} else {
			fmt.Fprintf(b, "# %s = %s\n", p.Key(), value)
		}
	}
}

// defaultOf is the default as a file has it. Of what has none it is an example,
// and not ok; nor is a default that depends on what else the file says.
func defaultOf(p *param.Parameter) (value string, ok bool) {
	switch p.Kind {
	case param.Int, param.Octets, param.Duration:
		text := p.Format(p.Default)
		if _, err := strconv.Atoi(text); err != nil {
			text = strconv.Quote(text) // it has a unit
		}
		return text, p.Later == ""
	case param.Ints:
		return "[" + p.Example + "]", false
	case param.Bool:
		return "false", true
	case param.Choice:
		return strconv.Quote(p.Values[0]), true
	case param.Prefixes:
		return "[" + strconv.Quote(p.Example) + "]", false
	default:
		return strconv.Quote(p.Example), false
	}
}

// explain writes a comment in lines of a fair length.
func explain(b *strings.Builder, text string) {
	const width = 79
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
