package flow

// This file holds the listening sockets: which address and port somebody
// accepts connections on.

// AnyIP as a listener's address stands for every address of ours.
const AnyIP = 0

// A BindResult says how an attempt to listen went.
type BindResult uint8

// The results of Listeners.Add.
const (
	Bound     BindResult = iota
	BindInUse            // the port is taken on that address, or on one that overlaps
	BindFull             // no more listeners fit
)

// Listeners maps (local address or AnyIP, port) to numbers. It has one owner.
type Listeners struct {
	table *Table
	keys  listenKeys
}

// listenKeys are the names of listeners by their numbers, zero without one. A
// listener is a connection without a peer.
type listenKeys []Key4

// Key implements Keys.
func (l *listenKeys) Key(value uint32) Key4 { return (*l)[value] }

// NewListeners returns an empty table for at most max listeners.
func NewListeners(max int, seed [2]uint64) *Listeners {
	l := new(Listeners)
	l.table = NewTable(max, seed, &l.keys)
	return l
}

func listenKey(ip uint32, port uint16) Key4 { return Key4{LocalIP: ip, LocalPort: port} }

// Add lets value listen. The rules are those of bind() without SO_REUSEADDR:
// one listener for an address and port, and AnyIP overlaps every address. The
// value is a small number of its own, and not 0.
func (l *Listeners) Add(ip uint32, port uint16, value uint32) BindResult {
	if l.conflicts(ip, port) {
		return BindInUse
	}
	if !l.table.Insert(listenKey(ip, port), value) {
		return BindFull
	}
	if more := int(value) + 1 - len(l.keys); more > 0 {
		l.keys = append(l.keys, make(listenKeys, more)...)
	}
	l.keys[value] = listenKey(ip, port)
	return Bound
}

// conflicts reports whether a listener on (ip, port) would overlap another. It
// looks at all of them, because listening is rare and packets are not.
func (l *Listeners) conflicts(ip uint32, port uint16) bool {
	for _, k := range l.keys {
		if k.LocalPort == port && (ip == AnyIP || k.LocalIP == AnyIP || k.LocalIP == ip) && k != (Key4{}) {
			return true
		}
	}
	return false
}

// Lookup returns the listener for a packet to (ip, port). By the rules of Add
// there is at most one, so its order of search does not matter.
func (l *Listeners) Lookup(ip uint32, port uint16) (uint32, bool) {
	if v, ok := l.table.Lookup(listenKey(ip, port)); ok {
		return v, true
	}
	return l.table.Lookup(listenKey(AnyIP, port))
}

// Remove ends the listener on exactly (ip, port), and reports whether there
// was one.
func (l *Listeners) Remove(ip uint32, port uint16) bool {
	v, ok := l.table.Lookup(listenKey(ip, port))
	if !ok {
		return false
	}
	l.table.Delete(listenKey(ip, port), v)
	l.keys[v] = Key4{}
	return true
}

// Len returns the number of listeners.
func (l *Listeners) Len() int { return l.table.Len() }
