// The verbs and the exit codes.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// commandLine is what kong parses into.
type commandLine struct {
	Demo   demoCmd   `cmd:"" help:"Show the stack at work, beside the kernel's TCP, on a network made for it."`
	Serve  serveCmd  `cmd:"" help:"Serve files over HTTP, or echo, on the stack."`
	Get    getCmd    `cmd:"" help:"Fetch a URL, or load a server, from the stack."`
	Config configCmd `cmd:"" help:"Print the configuration file with all defaults, or check one."`
	Doctor doctorCmd `cmd:"" help:"Say whether this machine and an interface suit the stack, and how to mend what does not."`
	Bench  benchCmd  `cmd:"" help:"Measure: a server, a load, or both beside the kernel's TCP."`
	Client clientCmd `cmd:"" help:"Load a server through the kernel's TCP, for demo and bench." hidden:""`
}

// terminal is where a verb reads nothing from and writes to.
type terminal struct {
	out, err io.Writer
}

func main() {
	os.Exit(run(os.Args[1:], &terminal{out: os.Stdout, err: os.Stderr}))
}

// run executes one command line.
func run(args []string, t *terminal) int {
	var line commandLine
	parser := kong.Must(&line,
		kong.Name("mtcp"),
		kong.Description("A user-level TCP stack. Begin with: mtcp demo"),
		kong.Writers(t.out, t.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ValueFormatter(withDefault),
		kong.Bind(t),
		defaults(),
	)
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(t.err, "mtcp: %s (see mtcp --help)\n", oneLine(err.Error()))
		return exitUsage
	}
	err = ctx.Run()
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(t.err, "mtcp: "+explain(err))
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// withDefault writes a flag's default behind its help, where people look.
func withDefault(v *kong.Value) string {
	if !v.HasDefault || v.Default == "" || v.Default == "false" {
		return v.Help
	}
	return strings.TrimSuffix(v.Help, ".") + " (default " + v.Default + ")."
}
