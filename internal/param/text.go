// How values are written and read.

package param

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Format writes a number as a file may have it, without quotes.
func (p *Parameter) Format(v int64) string {
	switch p.Kind {
	case Octets:
		return formatOctets(v)
	case Duration:
		return formatDuration(time.Duration(v))
	default:
		return strconv.FormatInt(v, 10)
	}
}

func formatOctets(v int64) string {
	for _, u := range units {
		if u.size > 1 && v >= u.size && v%u.size == 0 {
			return strconv.FormatInt(v/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(v, 10)
}

// units of sizes, the largest first.
var units = []struct {
	name string
	size int64
}{
	{"TiB", tib}, {"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"B", 1},
}

// formatDuration writes "120s" and not "2m0s".
func formatDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0 && d > 2*time.Minute:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	case d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	default:
		return d.String()
	}
}

// ParseOctets reads "512MiB", "64 KiB" or "4096".
func ParseOctets(s string) (int64, error) {
	number, size := s, int64(1)
	for _, u := range units {
		if before, ok := strings.CutSuffix(s, u.name); ok {
			number, size = strings.TrimRight(before, " "), u.size
			break
		}
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v > 1<<62/size || v < -1<<62/size {
		return 0, errors.New("is no size, such as 65536, 64KiB, 512MiB or 1GiB")
	}
	return v * size, nil
}

// Check says what is wrong with a number, or nothing.
func (p *Parameter) Check(v int64) error {
	if v == 0 && p.Zero != "" {
		return nil
	}
	if v < p.Min || v > p.Max || p.Power && v&(v-1) != 0 {
		return errors.New("is out of range: " + p.Range())
	}
	return nil
}

// CheckChoice says what is wrong with a choice, or nothing.
func (p *Parameter) CheckChoice(s string) error {
	for _, v := range p.Values {
		if s == v {
			return nil
		}
	}
	return errors.New("is not known: use " + p.Range())
}

// Range says what a parameter may be.
func (p *Parameter) Range() string {
	if p.Kind == Choice {
		var all []string
		for _, v := range p.Values {
			if v != "" {
				all = append(all, v)
			}
		}
		return strings.Join(all, " or ")
	}
	if !p.IsNumber() && p.Kind != Ints {
		return ""
	}
	text := p.Format(p.Min) + " to " + p.Format(p.Max)
	if p.Power {
		text = "a power of two from " + text
	}
	if p.Unit != "" {
		text += " " + p.Unit
	}
	return text
}

// DefaultText says what the default is, as a person would.
func (p *Parameter) DefaultText() string {
	switch {
	case p.Zero != "":
		return p.Zero
	case p.Kind == Bool:
		return "false"
	case p.Kind == Choice:
		return p.Values[0]
	case p.Later != "":
		return p.Format(p.Default) + ", or " + p.Later
	case p.IsNumber():
		return p.Format(p.Default)
	default:
		return "none"
	}
}

// Limits is the sentence about default and range that ends an explanation. A
// switch is off and an address not there unless somebody says so: nothing need
// be said of that.
func (p *Parameter) Limits() string {
	if r := p.Range(); r != "" && p.Kind == Ints {
		return fmt.Sprintf("Default: %s; each %s.", p.DefaultText(), r)
	} else if r != "" {
		return fmt.Sprintf("Default: %s; %s.", p.DefaultText(), r)
	}
	return ""
}
