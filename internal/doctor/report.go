package doctor

// Facts, findings, and the lists of what is judged.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtcp-go/mtcp/internal/link/afxdp"
	"github.com/mtcp-go/mtcp/internal/netconf"
)

// Facts are what is judged.
type Facts struct {
	Machine    netconf.Machine
	Tried      bool            // a program was loaded and a socket opened, for a trial
	Refusal    string          // how that failed; "" when it did not
	Executable string          // this command's file
	HasEthtool bool            // it is installed
	Device     *netconf.Device // nil: the machine alone
	Offer      afxdp.Offer     // of the device's driver
}

// Try notes how a trial went. Without the rights it would only tell what is known.
func (f *Facts) Try(try func() error) {
	if len(missing(&f.Machine)) > 0 {
		return
	}
	f.Tried = true
	if err := try(); err != nil {
		f.Refusal = err.Error()
	}
}

// Level says how bad a finding is.
type Level uint8

// The levels.
const (
	OK      Level = iota
	Warning       // it works, though not as well as it could, or not as one may expect
	Failure       // it cannot work before this is mended
)

var levelNames = [...]string{OK: "ok", Warning: "warning", Failure: "failure"}

func (l Level) String() string { return levelNames[l] }

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// A Finding is one thing that was looked at.
type Finding struct {
	ID    string // stable, such as "memlock"
	About string // "machine" or "interface"
	Level Level
	Found string // what was found
	Means string `json:",omitempty"` // what follows from it
	Mend  string `json:",omitempty"` // a command, complete
}

// A Report is all that is to be said.
type Report struct {
	Findings []Finding
	Use      Use
}

// Judge looks at the machine and, if there is one, the device. What there is
// nothing to say about is left out.
func Judge(f *Facts) Report {
	r := Report{}
	r.add("machine",
		kernel(f),
		rights(f),
		load(f),
		memlock(f),
		memory(f),
		hugePages(f),
		jit(f),
		congestion(f),
		netfilter(f),
		tun(f),
	)
	if d := f.Device; d != nil {
		r.add("interface", link(f, d))
		if d.IsEthernet && d.Kind != kindTAP {
			r.add("interface",
				port(f, d),
				addresses(f, d),
				xdp(f, d),
				program(f, d),
				mtu(f, d),
				queues(f, d),
				rss(f, d),
				offloads(f, d),
				peer(f, d),
				rings(f, d),
				coalesce(f, d),
				napi(f, d),
				interrupts(f, d),
				steering(f, d),
				qdisc(f, d),
			)
		}
	}
	r.add("machine", tools(f, &r))
	r.Use = choose(f, &r)
	return r
}

func (r *Report) add(about string, findings ...Finding) {
	for _, f := range findings {
		if f.ID == "" {
			continue
		}
		f.About = about
		i := len(r.Findings)
		for i > 0 && about == "machine" && r.Findings[i-1].About != about {
			i-- // the machine's stand together
		}
		r.Findings = slices.Insert(r.Findings, i, f)
	}
}

// Count returns how many findings have a level.
func (r *Report) Count(l Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

// failed reports whether a finding of that name is a failure.
func (r *Report) failed(ids ...string) bool {
	for _, f := range r.Findings {
		for _, id := range ids {
			if f.ID == id && f.Level == Failure {
				return true
			}
		}
	}
	return false
}

// asRoot is a command as whoever runs this would have to type it.
func (f *Facts) asRoot(format string, values ...any) string {
	command := fmt.Sprintf(format, values...)
	switch {
	case f.Machine.Root:
		return command
	case strings.Contains(command, " > "):
		return "sudo sh -c '" + command + "'"
	default:
		return "sudo " + command
	}
}

// several puts a noun into the plural.
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// octets writes a size in the largest unit that fits.
func octets(n uint64) string {
	for _, u := range [...]struct {
		size uint64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d octets", n)
}
