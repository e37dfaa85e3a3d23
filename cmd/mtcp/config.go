// mtcp config: the configuration file. And how it and the flags become one
// configuration.

package main

import (
	"errors"
	"fmt"

	"github.com/alecthomas/kong"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/config"
	"github.com/mtcp-go/mtcp/internal/param"
)

type configCmd struct {
	Check string `placeholder:"FILE" type:"path" help:"Say what is wrong with FILE; the exit code is 2 if anything is."`
}

// Help shows examples.
func (*configCmd) Help() string {
	return `Without --check it prints every parameter with its default, range and explanation, as a
file that can be edited and given to --config of serve and get.

Examples:

    mtcp config > mtcp.toml
    mtcp config --check mtcp.toml`
}

// Run prints or checks.
func (c *configCmd) Run(t *terminal) error {
	if c.Check == "" {
		fmt.Fprint(t.out, config.Defaults())
		return nil
	}
	f, err := config.Load(c.Check)
	var wrong config.Errors
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintln(t.err, wrong)
		return usageError(c.Check + ": not a configuration")
	case err != nil:
		return err
	}
	fmt.Fprintf(t.out, "%s: right; it sets %s\n", c.Check, plural(len(f.Lines), "key"))
	return nil
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// defaults are for the flags' help.
func defaults() kong.Option {
	v := kong.Vars{}
	for _, t := range []*param.Table{&param.Stack, &param.TCP} {
		for i := range t.Parameters {
			v[t.Parameters[i].Key()] = t.Parameters[i].DefaultText()
		}
	}
	return v
}

// configuration is what the file says, and over it what the flags say. Flags
// that were not given then have the word of the file, or the default.
func (f *stackFlags) configuration() (mtcp.Config, error) {
	c, err := fromFile(f.Config)
	if err != nil {
		return c, err
	}
	if err := f.putLink(&c); err != nil {
		return c, err
	}
	if err := f.putLimits(&c); err != nil {
		return c, err
	}
	if f.Congestion != "" {
		c.TCP.Congestion = f.Congestion
	}
	if f.Congestion = c.TCP.Congestion; f.Congestion == "" {
		p, _ := param.TCP.ByKey("congestion")
		f.Congestion = p.DefaultText()
	}
	if f.Addr != nil {
		c.Addresses = nil
		for _, a := range f.Addr {
			c.Addresses = append(c.Addresses, a.Prefix)
		}
	}
	f.Addr = nil
	for _, a := range c.Addresses {
		f.Addr = append(f.Addr, cidr{a})
	}
	if f.Gateway != nil {
		c.Gateway = f.Gateway.Addr
	}
	return c, nil
}

// fromFile reads a file, if there is one. The first error stands for all.
func fromFile(path string) (mtcp.Config, error) {
	if path == "" {
		return mtcp.Config{}, nil
	}
	f, err := config.Load(path)
	var wrong config.Errors
	switch {
	case errors.As(err, &wrong) && len(wrong) > 1:
		return mtcp.Config{}, usageError(fmt.Sprintf("%v (and more: mtcp config --check %s)", wrong[0], path))
	case err != nil && wrong != nil:
		return mtcp.Config{}, usageError(wrong.Error())
	case err != nil:
		return mtcp.Config{}, fmt.Errorf("--config: %w", err)
	}
	return f.Config, nil
}

// putLink puts the flags about the link over the file's link, AF_XDP unless
// that says otherwise.
func (f *stackFlags) putLink(c *mtcp.Config) error {
	if c.Link == nil {
		c.Link = mtcp.AFXDP{}
	}
	switch l := c.Link.(type) {
	case mtcp.AFXDP:
		put(&l.Interface, &f.Iface)
		put(&l.Require, &f.Require)
		l.Generic = l.Generic || f.Generic
		c.Link = l
	case mtcp.TAP:
		if f.Generic || f.Require != "" {
			return usageError("--generic and --require are about AF_XDP, and " + f.Config + " chooses TAP")
		}
		put(&l.Interface, &f.Iface)
		c.Link = l
	}
	return nil
}

// put makes two texts the same: the flag's, or that of the configuration.
func put(configured, flag *string) {
	if *flag != "" {
		*configured = *flag
	}
	*flag = *configured
}

func (f *stackFlags) putLimits(c *mtcp.Config) error {
	for _, l := range []struct {
		name, key string
		flag      *int
		field     *int
	}{
		{"--connections", "connections", f.Connections, &c.Connections},
		{"--ring-memory", "ring_memory", (*int)(f.RingMemory), &c.RingMemory},
	} {
		if l.flag == nil {
			continue
		}
		p, _ := param.Stack.ByKey(l.key)
		if err := p.Check(int64(*l.flag)); err != nil {
			return usageError(fmt.Sprintf("%s: %s %v", l.name, p.Format(int64(*l.flag)), err))
		}
		*l.field = *l.flag
	}
	return nil
}

// check refuses what is missing.
func (f *stackFlags) check() error {
	switch {
	case f.Iface == "":
		return usageError("--iface: name the interface, such as --iface eth0")
	case len(f.Addr) == 0:
		return usageError("--addr: give the stack an address, such as --addr 10.0.0.2/24")
	}
	return nil
}
