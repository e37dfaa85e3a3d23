package afxdp

// Which capabilities a step needs, and which of them this process lacks.

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A capability is one of Linux's, with its name.
type capability struct {
	bit  uint
	name string
}

var (
	capNetAdmin = capability{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}
	capNetRaw   = capability{unix.CAP_NET_RAW, "CAP_NET_RAW"}
	capBPF      = capability{unix.CAP_BPF, "CAP_BPF"}
	capSysAdmin = capability{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}
)

// neededAt are the capabilities of each step that needs any.
var neededAt = map[step][]capability{
	stepLoad:   {capBPF, capNetAdmin},
	stepAttach: {capBPF, capNetAdmin},
	stepSocket: {capNetRaw},
	stepBind:   {capNetRaw},
}

// rightsAt says what the process lacks for a step that was not permitted.
func rightsAt(at step) string {
	var sets [2]unix.CapUserData
	if unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &sets[0]) != nil {
		sets = [2]unix.CapUserData{}
	}
	return describeRights(neededAt[at], uint64(sets[1].Effective)<<32|uint64(sets[0].Effective))
}

// describeRights compares what is needed with a set of capabilities. Someone
// who has them all and is refused has them in a namespace of his own.
func describeRights(needed []capability, effective uint64) string {
	var names, lacking []string
	for _, c := range needed {
		names = append(names, c.name)
		has := effective&(1<<c.bit) != 0 || c == capBPF && effective&(1<<capSysAdmin.bit) != 0
		if !has {
			lacking = append(lacking, c.name)
		}
	}
	all := strings.Join(names, " and ")
	switch {
	case len(lacking) == 0:
		return "needs " + all + " outside of any user namespace, and nothing that forbids their use"
	case slices.Equal(lacking, names):
		return "lacks " + all
	default:
		return "lacks " + strings.Join(lacking, " and ") + ": needs " + all
	}
}
