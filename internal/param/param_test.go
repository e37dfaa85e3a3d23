package param

import (
	"strings"
	"testing"
	"time"
)

func TestSnake_IsTheConvention(t *testing.T) {
	for name, want := range map[string]string{
		"Addresses": "addresses", "KeepAliveIdle": "keep_alive_idle", "RTOMin": "rto_min", "TTL": "ttl", "NoSACK": "no_sack",
		"MinPathMTU": "min_path_mtu", "FinWait2": "fin_wait2", "SynAckRetries": "syn_ack_retries", "NoTxChecksum": "no_tx_checksum", "MAC": "mac",
	} {
		if got := Snake(name); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
}

// The table is data; this is what must hold of it.
func TestTables_AreSound(t *testing.T) {
	keys := map[string]bool{}
	for _, table := range Tables() {
		if table.Text == "" {
			t.Errorf("[%s] has no text", table.Path)
		}
		for i := range table.Parameters {
			p := &table.Parameters[i]
			name := table.Path + "." + p.Key()
			if keys[name] {
				t.Errorf("%s is there twice", name)
			}
			keys[name] = true
			if !strings.HasSuffix(p.Text, ".") || strings.ToLower(p.Text[:1]) != p.Text[:1] {
				t.Errorf("%s: %q is no sentence that goes on from the name", name, p.Text)
			}
			switch {
			case p.IsNumber():
				checkNumber(t, name, p)
			case p.Kind == Choice:
				if len(p.Values) < 2 || (p.Values[0] == "") != (p.Zero != "") {
					t.Errorf("%s: choices %q, and %q at first", name, p.Values, p.Zero)
				}
			case p.Kind != Bool && p.Example == "":
				t.Errorf("%s has neither default nor example", name)
			}
		}
		for _, r := range table.Relations {
			low, high := table.find(r.Low), table.find(r.High)
			if r.Times*low.Default > high.Default {
				t.Errorf("the defaults of %s and %s do not fit", r.Low, r.High)
			}
		}
	}
	if len(keys) < 60 {
		t.Errorf("only %d parameters", len(keys))
	}
}

func checkNumber(t *testing.T, name string, p *Parameter) {
	if p.Min < 1 || p.Min >= p.Max { // or Complete could not tell zero from a value
		t.Errorf("%s: range %d to %d", name, p.Min, p.Max)
	}
	if (p.Default == 0) != (p.Zero != "") {
		t.Errorf("%s: default %d, and zero means %q", name, p.Default, p.Zero)
	}
	for _, v := range []int64{p.Default, p.Min, p.Max} {
		if err := p.Check(v); err != nil {
			t.Errorf("%s: %s %v", name, p.Format(v), err)
		}
	}
	for _, v := range []int64{-1, p.Min - 1, p.Max + 1} {
		if p.Check(v) == nil && (v != 0 || p.Zero == "") {
			t.Errorf("%s: %d is let in", name, v)
		}
	}
	if p.Power && p.Check(p.Min+1) == nil {
		t.Errorf("%s: %d is let in, which is no power of two", name, p.Min+1)
	}
}

func TestFormat_IsReadBack(t *testing.T) {
	for _, table := range Tables() {
		for i := range table.Parameters {
			p := &table.Parameters[i]
			for _, v := range []int64{p.Default, p.Min, p.Max, p.Min + 1, 3 * p.Min} {
				var back int64
				var err error
				switch p.Kind {
				case Octets:
					back, err = ParseOctets(p.Format(v))
				case Duration:
					var d time.Duration
					d, err = time.ParseDuration(p.Format(v))
					back = int64(d)
				default:
					continue
				}
				if err != nil || back != v {
					t.Errorf("%s: %d is written %s and read as %d, %v", p.Name, v, p.Format(v), back, err)
				}
			}
		}
	}
}

func TestParseOctets_ReadsSizesAndNothingElse(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "4096B": 4096, "64KiB": 65536, "64 KiB": 65536, "512MiB": 512 << 20, "1GiB": 1 << 30, "1TiB": 1 << 40, "-1KiB": -1024,
	} {
		if got, err := ParseOctets(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "64KB", "64kib", "1.5MiB", "64KiBB", "0x10", "99999999999999999999", "9999999999TiB", "-9999999999TiB"} {
		if got, err := ParseOctets(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestFormat_IsWhatPeopleWrite(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 40 * time.Millisecond: "40ms", time.Second: "1s", 90 * time.Second: "90s", 2 * time.Minute: "120s", 10 * time.Minute: "10m",
		time.Hour: "1h", 18 * time.Hour: "18h", 1500 * time.Millisecond: "1.5s",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
	for v, want := range map[int64]string{0: "0", 552: "552", 4096: "4KiB", 5000: "5000", 512 << 20: "512MiB", 1 << 40: "1TiB"} {
		if got := formatOctets(v); got != want {
			t.Errorf("%d is written %s, want %s", v, got, want)
		}
	}
}
