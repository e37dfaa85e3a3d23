package doctor

// What to type in the end, and which interface to look at.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/netconf"
)

// Use is what the findings come to.
type Use struct {
	Link    string // "afxdp", "tap", or "none"
	Mode    string `json:",omitempty"` // that is to be expected: "native, zero-copy", "native, copy", "generic, copy"
	Command string // complete but for an address and a directory
	Why     string // what to know about it
}

const anywhere = " --root DIR"

// choose picks the link.
func choose(f *Facts, r *Report) Use {
	d := f.Device
	switch {
	case d == nil:
		return Look("")
	case !d.IsEthernet:
		return tapInstead(f, "This interface carries no Ethernet")
	case d.Kind == kindTAP:
		return tapItself(f, d)
	case r.failed("kernel"):
		return tapInstead(f, "This kernel is too old for AF_XDP")
	case r.failed("load"):
		return tapInstead(f, "The kernel refuses AF_XDP")
	case r.failed("rights") && f.Machine.IsUserNamespace:
		return tapInstead(f, "In a user namespace there is no AF_XDP")
	}
	e := expect(f, d)
	u := Use{Link: "afxdp", Mode: mode(e), Command: "mtcp serve --iface " + d.Name + " --addr " + example(d)}
	if d.Gateway.IsValid() {
		u.Command += " --gateway " + d.Gateway.String()
	}
	if e.isSure && !e.native {
		u.Command += " --generic"
	}
	u.Command += anywhere
	u.Why = "Ready: put in " + blanks(d) + "."
	if r.Count(Failure) > 0 {
		u.Why = "When what failed above is mended, put in " + blanks(d) + "."
	}
	return u
}

// blanks says what the pieces of a command are that nobody can know.
func blanks(d *netconf.Device) string {
	what := "ADDRESS"
	if strings.Contains(example(d), ".X/") {
		what = "X"
	}
	return "a free address for " + what + ", and a directory to serve for DIR"
}

// mode is empty when nobody can know.
func mode(e expectation) string {
	switch {
	case !e.isSure:
		return ""
	case e.zeroCopy:
		return "native, zero-copy"
	case e.native:
		return "native, copy"
	default:
		return "generic, copy"
	}
}

// tapInstead is for what AF_XDP cannot do.
func tapInstead(f *Facts, why string) Use {
	if !f.Machine.HasTAP {
		return Use{Link: "none", Command: "mtcp demo --link mem", Why: why + ", and there is no /dev/net/tun for a TAP interface: only the in-process link is left."}
	}
	u := Use{Link: "tap", Command: "mtcp serve --link tap --addr 10.77.0.2/24" + anywhere, Why: why + ". The stack can make a TAP interface of its own, where the kernel is its neighbour."}
	if !f.Machine.Has(netconf.CapNetAdmin) {
		u.Command = f.asRoot("%s", u.Command)
	}
	return u
}

// tapItself is for a TAP interface that is there.
func tapItself(f *Facts, d *netconf.Device) Use {
	return Use{Link: "tap", Command: "mtcp serve --link tap --iface " + d.Name + " --addr " + example(d) + anywhere,
		Why: "Put in " + blanks(d) + "; the stack takes the other end."}
}

// example is the network of the kernel's first address, with an X for what has
// to be chosen.
func example(d *netconf.Device) string {
	for _, p := range d.Addresses {
		if p.Addr().Is4() && p.Bits() <= 24 {
			s := p.Addr().String()
			return fmt.Sprintf("%s.X/%d", s[:strings.LastIndexByte(s, '.')], p.Bits())
		}
		if p.Addr().Is4() {
			return fmt.Sprintf("ADDRESS/%d", p.Bits())
		}
	}
	return "ADDRESS/24"
}

// A Candidate is an interface in a list of them.
type Candidate struct {
	Name     string
	Driver   string `json:",omitempty"`
	State    string // "up", "no carrier", "down", or "not Ethernet"
	Queues   int
	Mode     string `json:",omitempty"` // as in Use
	Failures int    // of its own, not of the machine's
	Warnings int
	Address  string `json:",omitempty"` // the kernel's first
	rank     int
}

// Consider judges the interface of f as one of several.
func Consider(f *Facts) Candidate {
	d, r := f.Device, Judge(f)
	c := Candidate{Name: d.Name, Driver: d.Driver, State: state(d), Queues: d.RxQueues}
	for _, x := range r.Findings {
		switch {
		case x.About != "interface":
		case x.Level == Failure:
			c.Failures++
		case x.Level == Warning:
			c.Warnings++
		}
	}
	if d.IsEthernet && d.Kind != kindTAP {
		c.Mode = mode(expect(f, d))
	}
	for _, p := range d.Addresses {
		if p.Addr().Is4() && c.Address == "" {
			c.Address = p.String()
		}
	}
	c.rank = rank(&c, d)
	return c
}

func state(d *netconf.Device) string {
	switch {
	case !d.IsEthernet:
		return "not Ethernet"
	case !d.Up:
		return "down"
	case !d.HasCarrier:
		return "no carrier"
	default:
		return "up"
	}
}

// rank is higher for what somebody more probably means: an interface that works,
// that packets come in by, that the kernel uses.
func rank(c *Candidate, d *netconf.Device) int {
	n := 0
	for _, q := range [...]struct {
		worth int
		is    bool
	}{
		{64, d.IsEthernet},
		{32, c.State == "up"},
		{16, d.Gateway.IsValid()},
		{8, c.Address != ""},
		{4, d.Kind == ""}, // hardware
		{2, strings.HasPrefix(c.Mode, "native")},
		{1, strings.HasSuffix(c.Mode, "zero-copy")},
	} {
		if q.is {
			n += q.worth
		}
	}
	return n
}

// Recommend puts the candidates in order and returns the name of the one to look
// at, "" if none would do.
func Recommend(all []Candidate) string {
	slices.SortStableFunc(all, func(a, b Candidate) int {
		return cmp.Or(b.rank-a.rank, strings.Compare(a.Name, b.Name))
	})
	if len(all) == 0 || all[0].State != "up" {
		return ""
	}
	return all[0].Name
}

// Look is what to do after a list of interfaces.
func Look(recommended string) Use {
	if recommended == "" {
		return Use{Link: "none", Command: "mtcp demo", Why: "No interface here would do as it is, so see the stack at work on a network made for it."}
	}
	return Use{Link: "none", Command: "mtcp doctor --iface " + recommended, Why: "Look at the interface that clients come in by, probably " + recommended + "."}
}
