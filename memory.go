package mtcp

// Memory is what a stack has of memory, in octets.
type Memory struct {
	Budget   int // Config.Memory, or what the parts come to
	Reserved int // by all parts: never more than Budget
	InUse    int
	Parts    []MemoryPart
}

// A MemoryPart is the memory of one purpose in all shards. What is reserved
// costs nothing before it is used.
type MemoryPart struct {
	Name            string // "connections", "rings", ...
	Reserved, InUse int
}

// Memory returns a snapshot. Once the stack is closed nothing is in use.
func (s *Stack) Memory() Memory {
	m := Memory{Budget: s.core.Budget()}
	for _, p := range s.core.Memory() {
		m.Parts = append(m.Parts, MemoryPart{p.Name, p.Reserved, p.InUse})
		m.Reserved += p.Reserved
		m.InUse += p.InUse
	}
	return m
}
