// mtcp config: the configuration file. And how it and the flags become one
// configuration.

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

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
	v := kong.Vars{"figures": strings.Join(figureNames(), ", ")}
	for _, t := range []*param.Table{&param.Stack, &param.TCP, &param.AFXDP} {
		for i := range t.Parameters {
			v[t.Parameters[i].Key()] = t.Parameters[i].DefaultText()
		}
	}
	return v
}

// configuration is what the file says, and over it what the flags say. Flags
// that were not given then have the word of the file, or the default; link is
// --link, or becomes the file's.
func (f *stackFlags) configuration(link *string) (mtcp.Config, error) {
	c, err := fromFile(f.Config)
	if err != nil {
		return c, err
	}
	chosen := "--link " + *link
	switch name := nameOf(c.Link); {
	case *link != "":
	case name != "":
		*link, chosen = name, "the link of "+f.Config+", "+name
	default:
		*link, chosen = linkAFXDP, "--link "+linkAFXDP
	}
	if err := f.checkLink(*link, chosen); err != nil {
		return c, err
	}
	if err := f.putLink(&c, *link); err != nil {
		return c, err
	}
	if err := putNumber("--connections", &param.Stack, "connections", f.Connections, &c.Connections); err != nil {
		return c, err
	}
	if err := putNumber("--memory", &param.Stack, "memory", (*int)(f.Memory), &c.Memory); err != nil {
		return c, err
	}
	if err := putNumber("--ring-memory", &param.Stack, "ring_memory", (*int)(f.RingMemory), &c.RingMemory); err != nil {
		return c, err
	}
	put(&c.TCP.Congestion, &f.Congestion)
	if f.Congestion == "" {
		p, _ := param.TCP.ByKey("congestion")
		f.Congestion = p.DefaultText()
	}
	putPrefixes(&c.Addresses, &f.Addr)
	if f.Gateway != nil {
		c.Gateway = f.Gateway.Addr
	} else if c.Gateway.IsValid() {
		f.Gateway = &host{c.Gateway}
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

// nameOf returns what --link calls a link; "" if there is none.
func nameOf(l mtcp.Link) string {
	switch l.(type) {
	case mtcp.AFXDP:
		return linkAFXDP
	case mtcp.TAP:
		return linkTAP
	case mtcp.Memif:
		return linkMemif
	default:
		return ""
	}
}

// putLink puts the flags about the link over the file's; a file's link is
// forgotten when --link names another.
func (f *stackFlags) putLink(c *mtcp.Config, link string) error {
	switch link {
	case linkAFXDP:
		l, _ := c.Link.(mtcp.AFXDP)
		put(&l.Interface, &f.Iface)
		put(&l.Require, &f.Require)
		either(&l.Generic, &f.Generic)
		either(&l.Shared, &f.Shared)
		if f.Ports != nil {
			l.Ports = f.Ports
		}
		f.Ports = l.Ports
		if err := putNumber("--frames", &param.AFXDP, "frames", f.Frames, &l.Frames); err != nil {
			return err
		}
		if err := putNumber("--frame-size", &param.AFXDP, "frame_size", f.FrameSize, &l.FrameSize); err != nil {
			return err
		}
		c.Link = l
	case linkTAP:
		l, _ := c.Link.(mtcp.TAP)
		put(&l.Interface, &f.Iface)
		putPrefixes(&l.Peer, &f.Peer)
		if err := putNumber("--queues", &param.TAP, "queues", f.Queues, &l.Queues); err != nil {
			return err
		}
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

// either makes two switches the same: on, if one of them is.
func either(configured, flag *bool) {
	*configured = *configured || *flag
	*flag = *configured
}

// putPrefixes makes two lists the same: the flag's, or that of the configuration.
func putPrefixes(configured *[]netip.Prefix, flag *[]cidr) {
	if *flag != nil {
		*configured = nil
		for _, a := range *flag {
			*configured = append(*configured, a.Prefix)
		}
	}
	*flag = nil
	for _, a := range *configured {
		*flag = append(*flag, cidr{a})
	}
}

// putNumber puts a flag, if it was given and is in the table's range, over the
// file's number.
func putNumber(name string, t *param.Table, key string, flag, configured *int) error {
	if flag == nil {
		return nil
	}
	p, _ := t.ByKey(key)
	if err := p.Check(int64(*flag)); err != nil {
		return usageError(fmt.Sprintf("%s: %s %v", name, p.Format(int64(*flag)), err))
	}
	*configured = *flag
	return nil
}
