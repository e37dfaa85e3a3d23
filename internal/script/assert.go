// Assertions: a little of Python, enough for assert, = and arithmetic on the
// numbers of TCP_INFO.

package script

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// A value is a number of the little language.
type value = float64

// constants are the names that assertions find set.
func constants() map[string]value {
	return map[string]value{
		"TCP_ESTABLISHED": 1, "TCP_SYN_SENT": 2, "TCP_SYN_RECV": 3, "TCP_FIN_WAIT1": 4, "TCP_FIN_WAIT2": 5,
		"TCP_TIME_WAIT": 6, "TCP_CLOSE": 7, "TCP_CLOSE_WAIT": 8, "TCP_LAST_ACK": 9, "TCP_LISTEN": 10, "TCP_CLOSING": 11,
		"TCP_CA_Open": 0, "TCP_CA_Disorder": 1, "TCP_CA_CWR": 2, "TCP_CA_Recovery": 3, "TCP_CA_Loss": 4,
		"TCPI_OPT_TIMESTAMPS": 1, "TCPI_OPT_SACK": 2, "TCPI_OPT_WSCALE": 4, "TCPI_OPT_ECN": 8, "TCPI_OPT_ECN_SEEN": 16,
		"True": 1, "False": 0,
	}
}

// infoFields says where the numbers stand in struct tcp_info: octet and width.
var infoFields = map[string][2]int{
	"tcpi_state": {0, 1}, "tcpi_ca_state": {1, 1}, "tcpi_retransmits": {2, 1}, "tcpi_probes": {3, 1},
	"tcpi_backoff": {4, 1}, "tcpi_options": {5, 1}, "tcpi_rto": {8, 4}, "tcpi_ato": {12, 4},
	"tcpi_snd_mss": {16, 4}, "tcpi_rcv_mss": {20, 4}, "tcpi_unacked": {24, 4}, "tcpi_sacked": {28, 4},
	"tcpi_lost": {32, 4}, "tcpi_retrans": {36, 4}, "tcpi_last_data_sent": {44, 4}, "tcpi_last_data_recv": {52, 4},
	"tcpi_last_ack_recv": {56, 4}, "tcpi_pmtu": {60, 4}, "tcpi_rtt": {68, 4}, "tcpi_rttvar": {72, 4},
	"tcpi_snd_ssthresh": {76, 4}, "tcpi_snd_cwnd": {80, 4}, "tcpi_advmss": {84, 4}, "tcpi_reordering": {88, 4},
	"tcpi_rcv_space": {96, 4}, "tcpi_total_retrans": {100, 4}, "tcpi_notsent_bytes": {144, 4}, "tcpi_min_rtt": {148, 4},
	"tcpi_busy_time": {168, 8}, "tcpi_rwnd_limited": {176, 8}, "tcpi_snd_wnd": {228, 4}, "tcpi_rcv_wnd": {232, 4},
}

// code runs assertions about the connection.
func (r *run) code(text string) error {
	if err := r.loadInfo(); err != nil {
		return err
	}
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == ';' }) {
		if n := strings.IndexByte(line, '#'); n >= 0 {
			line = line[:n]
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := r.statement(line); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

// loadInfo takes TCP_INFO of the socket that packets are about: the one that was
// made or accepted last.
func (r *run) loadInfo() error {
	last := int64(-1)
	for fd := range r.files {
		last = max(last, fd)
	}
	for fd := last; fd >= 0; fd-- {
		live, ok := r.files[fd]
		if !ok {
			continue
		}
		var b []byte
		if c := r.host.Option(live, syscall.IPPROTO_TCP, syscall.TCP_INFO, &b); c.Errno != 0 {
			continue
		}
		for name, f := range infoFields {
			var wide [8]byte
			copy(wide[:], b[f[0]:f[0]+f[1]])
			r.vars[name] = value(binary.NativeEndian.Uint64(wide[:]))
		}
		r.vars["tcpi_snd_wscale"], r.vars["tcpi_rcv_wscale"] = value(b[6]&15), value(b[6]>>4)
		return nil
	}
	return fmt.Errorf("no socket to ask")
}

var assignRE = regexp.MustCompile(`^([A-Za-z_]\w*)\s*=([^=].*)$`)

func (r *run) statement(line string) error {
	if rest, ok := strings.CutPrefix(line, "assert"); ok {
		p := &python{text: rest, vars: r.vars}
		v := p.either() // what follows a comma is for people
		if p.err == nil && p.peek() != "" && p.peek() != "," {
			p.fail()
		}
		if p.err == nil && v == 0 {
			return fmt.Errorf("not so (%s)", p.seen)
		}
		return p.err
	}
	if m := assignRE.FindStringSubmatch(line); m != nil {
		p := &python{text: m[2], vars: r.vars}
		r.vars[m[1]] = p.either()
		return p.err
	}
	return fmt.Errorf("only assert and = are known")
}

// python evaluates an expression.
type python struct {
	text string
	vars map[string]value
	err  error
	seen string // names with their values, for people
}

var pythonRE = regexp.MustCompile(`^\s*(0[xX][0-9a-fA-F]+|\d+(\.\d+)?|[A-Za-z_]\w*|<=|>=|==|!=|<<|>>|//|.)`)

func (p *python) peek() string {
	if m := pythonRE.FindStringSubmatch(p.text); m != nil {
		return strings.TrimSpace(m[1])
	}
	return ""
}

func (p *python) has(tokens ...string) string {
	next := p.peek()
	for _, t := range tokens {
		if next == t {
			p.text = p.text[len(pythonRE.FindString(p.text)):]
			return t
		}
	}
	return ""
}

func (p *python) fail() {
	if p.err == nil {
		p.err = fmt.Errorf("cannot be understood at %q", p.text)
	}
}

func truth(b bool) value {
	if b {
		return 1
	}
	return 0
}

func (p *python) either() value {
	v := p.both()
	for p.has("or") != "" {
		w := p.both()
		v = truth(v != 0 || w != 0)
	}
	return v
}

func (p *python) both() value {
	v := p.compare()
	for p.has("and") != "" {
		w := p.compare()
		v = truth(v != 0 && w != 0)
	}
	return v
}

// compare knows chains: 1 <= x <= 2.
func (p *python) compare() value {
	if p.has("not") != "" {
		return truth(p.compare() == 0)
	}
	v := p.bits()
	op := p.has("==", "!=", "<=", ">=", "<", ">")
	if op == "" {
		return v
	}
	all := true
	for ; op != ""; op = p.has("==", "!=", "<=", ">=", "<", ">") {
		w := p.bits()
		all = all && map[string]bool{"==": v == w, "!=": v != w, "<=": v <= w, ">=": v >= w, "<": v < w, ">": v > w}[op]
		v = w
	}
	return truth(all)
}

func (p *python) bits() value {
	v := p.sum()
	for op := p.has("&", "|"); op != ""; op = p.has("&", "|") {
		w := p.sum()
		if op == "&" {
			v = value(int64(v) & int64(w))
		} else {
			v = value(int64(v) | int64(w))
		}
	}
	return v
}

func (p *python) sum() value {
	v := p.product()
	for op := p.has("+", "-"); op != ""; op = p.has("+", "-") {
		w := p.product()
		if op == "-" {
			w = -w
		}
		v += w
	}
	return v
}

func (p *python) product() value {
	v := p.unit()
	for op := p.has("*", "/", "//"); op != ""; op = p.has("*", "/", "//") {
		w := p.unit()
		switch {
		case op == "*":
			v *= w
		case w == 0:
			p.fail()
		case op == "//":
			v = value(int64(v / w))
		default:
			v /= w
		}
	}
	return v
}

func (p *python) unit() value {
	switch {
	case p.has("(") != "":
		v := p.either()
		if p.has(")") == "" {
			p.fail()
		}
		return v
	case p.has("-") != "":
		return -p.unit()
	}
	t := p.peek()
	p.has(t)
	if v, ok := p.vars[t]; ok {
		if strings.HasPrefix(t, "tcpi_") {
			p.seen += fmt.Sprintf(" %s=%g", t, v)
		}
		return v
	}
	if n, err := strconv.ParseInt(t, 0, 64); err == nil {
		return value(n)
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil {
		p.fail()
	}
	return f
}
