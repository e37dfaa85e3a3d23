// mtcp doctor: whether this machine and an interface suit the stack. It looks,
// tries what leaves nothing behind, and changes nothing.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/mtcp-go/mtcp/internal/doctor"
	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

type doctorCmd struct {
	Iface   string `placeholder:"DEV" help:"Interface to look at, such as eth0; without, the machine and a list of its interfaces."`
	Verbose bool   `short:"v" help:"Say of everything what it means, not only of what is wrong."`
	JSON    bool   `help:"Print one JSON object (docs/DEPLOY.md describes it)."`
}

// Help shows examples.
func (*doctorCmd) Help() string {
	return `Looks at the kernel, the rights of whoever runs it, and the interface; says of each
thing whether it is ok, what a warning or a failure means, and which command mends it.
It changes nothing, and needs no rights itself. The exit code is 1 if there is a failure.

Examples:

    mtcp doctor
    sudo mtcp doctor --iface eth0`
}

// Run looks and tells.
func (c *doctorCmd) Run(t *terminal) error {
	f := doctor.Facts{Machine: netconf.ReadMachine(), Executable: executable()}
	_, missing := exec.LookPath("ethtool")
	f.HasEthtool = missing == nil
	f.Try(afxdp.Try)
	var v verdict
	var err error
	if c.Iface != "" {
		v, err = lookAt(f, c.Iface)
	} else {
		v, err = lookAround(f)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(t.out)
		e.SetEscapeHTML(false) // commands are for people
		e.SetIndent("", "  ")
		err = e.Encode(v)
	} else {
		_, err = fmt.Fprint(t.out, v.text(c.Verbose, newPaint(t.out)))
	}
	return errors.Join(err, v.failure())
}

// verdictVersion changes when a key of the JSON goes away or changes its meaning.
const verdictVersion = 1

// A verdict is what doctor prints; its fields are the JSON.
type verdict struct {
	Version   int
	Interface string `json:",omitempty"`
	doctor.Report
	Interfaces  []doctor.Candidate `json:",omitempty"`
	Recommended string             `json:",omitempty"`
	Note        string
}

// note is true of every machine.
const note = "The kernel does not see the stack's packets: firewall rules (netfilter) do not hold for them, and ss and tcpdump do not show them. The stack's own capture: mtcp serve --pcap FILE."

// lookAt judges one interface.
func lookAt(f doctor.Facts, name string) (verdict, error) {
	d, err := netconf.Examine(name)
	if err != nil {
		return verdict{}, err
	}
	f.Device, f.Offer = &d, afxdp.Offers(d.Index)
	return verdict{Version: verdictVersion, Interface: name, Report: doctor.Judge(&f), Note: note}, nil
}

// lookAround judges the machine, and lists its interfaces.
func lookAround(f doctor.Facts) (verdict, error) {
	v := verdict{Version: verdictVersion, Report: doctor.Judge(&f), Note: note}
	names, err := netconf.Names()
	if err != nil {
		return v, err
	}
	for _, name := range names {
		d, err := netconf.Examine(name)
		if errors.Is(err, netconf.ErrNoInterface) {
			continue // it went away meanwhile
		}
		if err != nil {
			return v, err
		}
		f.Device, f.Offer = &d, afxdp.Offers(d.Index)
		v.Interfaces = append(v.Interfaces, doctor.Consider(&f))
	}
	v.Recommended = doctor.Recommend(v.Interfaces)
	v.Use = doctor.Look(v.Recommended)
	return v, nil
}

// failure is the error of the command.
func (v *verdict) failure() error {
	n := v.Count(doctor.Failure)
	switch {
	case n == 0:
		return nil
	case v.Interface == "":
		return fmt.Errorf("this machine is not ready for AF_XDP: %s", failures(n))
	default:
		return fmt.Errorf("%s is not ready for AF_XDP: %s", v.Interface, failures(n))
	}
}

func failures(n int) string {
	if n == 1 {
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}
