package sqlsource

import (
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// A TimeStorage says how the values of a Date, Timestamp or DateTime column
// are stored: one of the constants, or a layout of text in the terms of package
// time, such as "2006-01-02 15:04:05".
//
// A layout must sort as time does. It is 2006-01-02, alone or with a T or a
// space and 15:04, 15:04:05, 15:04:05.000 (so many digits always) or
// 15:04:05.999 (any number of digits, none included), and then nothing or UTC
// written as Z, +00:00, +0000, +00 or " +0000 UTC". Without a zone a Timestamp
// is in UTC.
type TimeStorage string

// The storages that are not text.
const (
	// Detected looks at the values on SQLite, and is Native elsewhere.
	Detected TimeStorage = ""
	// Native is the database's own type: date, timestamp, timestamptz, datetime.
	Native TimeStorage = "native"
	// UnixSeconds is an integer of seconds since 1970-01-01T00:00:00Z.
	UnixSeconds TimeStorage = "unix seconds"
	// UnixMillis is the same in milliseconds.
	UnixMillis TimeStorage = "unix milliseconds"
	// UnixMicros is the same in microseconds.
	UnixMicros TimeStorage = "unix microseconds"
)

// A form is a storage taken apart.
type form struct {
	native bool
	unit   int64  // microseconds of an integer's unit, 0 for text
	base   int    // length of a text up to its fraction: 10, 16 or 19
	sep    byte   // between date and time
	digits int    // of the fraction, or shortest or anyDigits
	suffix string // how UTC is written behind it
}

const (
	shortest  = -1 // as many digits as the fraction needs: none that is a zero at the end
	anyDigits = -2
)

// utcNames are the suffixes that mean UTC. Those that are true sort before the
// point of a fraction, so that texts with fractions of any length still sort as time.
var utcNames = map[string]bool{"": true, "+00:00": true, "+0000": true, "+00": true, " +0000 UTC": true, "Z": false}

const (
	layoutText = "2006-01-02 15:04:05"
	dayMicros  = 24 * 60 * 60 * 1e6
)

func (s TimeStorage) form() (form, error) {
	switch s {
	case Native:
		return form{native: true}, nil
	case UnixSeconds:
		return form{unit: 1e6}, nil
	case UnixMillis:
		return form{unit: 1e3}, nil
	case UnixMicros:
		return form{unit: 1}, nil
	}
	f, text := form{}, string(s)
	if len(s) > 10 && s[10] == 'T' {
		text = text[:10] + " " + text[11:]
	}
	for _, n := range []int{19, 16, 10} {
		if rest, ok := strings.CutPrefix(text, layoutText[:n]); ok {
			f.base, text = n, rest
			break
		}
	}
	if f.base > 10 {
		f.sep = s[10]
	}
	if f.base == 19 && strings.HasPrefix(text, ".") {
		rest := strings.TrimLeft(text[1:], text[1:min(2, len(text))])
		f.digits = len(text) - len(rest) - 1
		if text[1:2] == "9" {
			f.digits = shortest
		}
		if f.digits == 0 || f.digits > 9 || strings.Trim(text[1:len(text)-len(rest)], "09") != "" {
			f.base = 0
		}
		text = rest
	}
	f.suffix = text
	if f.base == 0 || !f.sorts() {
		return form{}, fmt.Errorf("%q is not a storage for times: want a constant of this package, or a layout such as %q in UTC", string(s), layoutText)
	}
	return f, nil
}

// sorts reports whether texts of this form sort as the times that they say.
func (f form) sorts() bool {
	_, utc := utcNames[f.suffix]
	return utc && (f.base > 10 || f.suffix == "")
}

func (f form) String() string {
	switch {
	case f.native:
		return string(Native)
	case f.unit == 1e6:
		return string(UnixSeconds)
	case f.unit == 1e3:
		return string(UnixMillis)
	case f.unit == 1:
		return string(UnixMicros)
	}
	layout := layoutText[:f.base]
	if f.sep == 'T' {
		layout = strings.Replace(layout, " ", "T", 1)
	}
	switch {
	case f.digits < 0:
		layout += ".999999999"
	case f.digits > 0:
		layout += "." + strings.Repeat("0", f.digits)
	}
	return layout + f.suffix
}

// holds reports whether the form can hold a kind.
func (f form) holds(k source.Kind) bool {
	switch {
	case f.native || f.unit > 0:
		return true
	case k == source.Date:
		return f.base == 10
	case k == source.DateTime:
		return f.suffix == ""
	default:
		return true
	}
}

// reduced reports whether texts are compared without suffix and without zeros
// at the end of a fraction: a Z sorts behind the point of a fraction, and .5
// and .50 are one time.
func (f form) reduced() bool {
	return f.digits == anyDigits || f.digits == shortest && !utcNames[f.suffix]
}

// reduce is the text in expr as it is compared when it is reduced.
func (f form) reduce(d Dialect, expr string) string {
	text := d.text(expr)
	fraction := fmt.Sprintf("substr(%s, 20, length(%s) - %d)", text, text, 19+len(f.suffix))
	if d == MySQL {
		return "concat(substr(" + text + ", 1, 19), trim(trailing '.' from trim(trailing '0' from " + fraction + ")))"
	}
	return "(substr(" + text + ", 1, 19) || rtrim(rtrim(" + fraction + ", '0'), '.'))"
}

// open returns the form with fractions of any length.
func (f form) open() form {
	f.digits = anyDigits
	return f
}

// step is the distance in microseconds between two times that the form can hold.
func (f form) step(k source.Kind) int64 {
	switch {
	case k == source.Date, f.base == 10:
		return dayMicros
	case f.unit > 0:
		return f.unit
	case f.base == 16:
		return 60e6
	case f.native, f.digits < 0, f.digits > 6:
		return 1
	}
	step := int64(1e6)
	for range f.digits {
		step /= 10
	}
	return step
}

// encode returns the integer or text that stands for the time of so many
// microseconds since 1970-01-01T00:00:00; of a time between two steps, the later.
func (f form) encode(k source.Kind, micros int64) any {
	step := f.step(k)
	if rest := micros % step; rest > 0 {
		micros += step - rest
	} else if rest < 0 {
		micros -= rest
	}
	if f.unit > 0 {
		return micros / f.unit
	}
	if f.native {
		f = nativeText(k)
	}
	text := source.AppendDateTime(nil, micros)
	whole, fraction := text[:f.base], text[min(19, len(text)):]
	if f.base > 10 {
		whole[10] = f.sep
	}
	out := string(whole)
	switch {
	case f.digits < 0:
		out += strings.TrimRight(string(fraction), "0")
	case f.digits > 0:
		out += fixedFraction(string(fraction), f.digits)
	}
	if f.reduced() {
		return out
	}
	return out + f.suffix
}

// nativeText is the form in which times are given to databases that have a type for them.
func nativeText(k source.Kind) form {
	switch k {
	case source.Date:
		return form{base: 10}
	case source.Timestamp:
		return form{base: 19, sep: ' ', digits: 6, suffix: "+00:00"}
	default:
		return form{base: 19, sep: ' ', digits: 6}
	}
}

// fixedFraction makes a fraction (".120000" or nothing) that many digits long.
func fixedFraction(fraction string, digits int) string {
	if fraction == "" {
		fraction = "."
	}
	return (fraction + "000000000")[:1+digits]
}
