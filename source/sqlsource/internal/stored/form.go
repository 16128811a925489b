// Package stored knows how values that a database has no type for are stored:
// times as texts or integers, UUIDs as texts or bytes, SQLite's decimals. It
// reads them, writes them, and says in SQL how to tell one way from another.
package stored

import (
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
)

// What is no layout of text.
const (
	Native      = "native"
	UnixSeconds = "unix seconds"
	UnixMillis  = "unix milliseconds"
	UnixMicros  = "unix microseconds"
)

// A Form is how the times of a column are stored.
type Form struct {
	Native bool
	Unit   int64  // microseconds of an integer's unit, 0 for text
	Base   int    // length of a text up to its fraction: 10, 16 or 19
	sep    byte   // between date and time
	Digits int    // of the fraction, or Shortest or AnyDigits
	Suffix string // how UTC is written behind it
}

// Digits that are not a number of them.
const (
	Shortest  = -1 // as many digits as the fraction needs: none that is a zero at the end
	AnyDigits = -2
)

// utcNames are the suffixes that mean UTC. Those that are true sort before the
// point of a fraction, so that texts with fractions of any length still sort as time.
var utcNames = map[string]bool{"": true, "+00:00": true, "+0000": true, "+00": true, " +0000 UTC": true, "Z": false}

// DayMicros are the microseconds of a day.
const DayMicros = 24 * 60 * 60 * 1e6

const layoutText = "2006-01-02 15:04:05"

// Parse reads a constant of this package or a layout.
func Parse(s string) (Form, error) {
	switch s {
	case Native:
		return Form{Native: true}, nil
	case UnixSeconds:
		return Form{Unit: 1e6}, nil
	case UnixMillis:
		return Form{Unit: 1e3}, nil
	case UnixMicros:
		return Form{Unit: 1}, nil
	}
	f, text := Form{}, s
	if len(s) > 10 && s[10] == 'T' {
		text = text[:10] + " " + text[11:]
	}
	for _, n := range []int{19, 16, 10} {
		if rest, ok := strings.CutPrefix(text, layoutText[:n]); ok {
			f.Base, text = n, rest
			break
		}
	}
	if f.Base > 10 {
		f.sep = s[10]
	}
	if fraction, ok := strings.CutPrefix(text, "."); ok && f.Base == 19 {
		text = strings.TrimLeft(fraction, fraction[:min(1, len(fraction))])
		f.Digits = len(fraction) - len(text)
		switch {
		case strings.HasPrefix(fraction, "9"):
			f.Digits = Shortest
		case f.Digits > 9 || !strings.HasPrefix(fraction, "0"):
			f.Base = 0
		}
	}
	f.Suffix = text
	if f.Base == 0 || !f.Sorts() {
		return Form{}, fmt.Errorf("%q is not a storage for times: want one of the constants, or a layout such as %q in UTC", s, layoutText)
	}
	return f, nil
}

// Sorts reports whether texts of this form sort as the times that they say.
func (f Form) Sorts() bool {
	_, utc := utcNames[f.Suffix]
	return utc && (f.Base > 10 || f.Suffix == "")
}

func (f Form) String() string {
	switch {
	case f.Native:
		return Native
	case f.Unit == 1e6:
		return UnixSeconds
	case f.Unit == 1e3:
		return UnixMillis
	case f.Unit == 1:
		return UnixMicros
	}
	layout := layoutText[:f.Base]
	if f.sep == 'T' {
		layout = strings.Replace(layout, " ", "T", 1)
	}
	switch {
	case f.Digits < 0:
		layout += ".999999999"
	case f.Digits > 0:
		layout += "." + strings.Repeat("0", f.Digits)
	}
	return layout + f.Suffix
}

// Holds reports whether the form can hold a kind.
func (f Form) Holds(k source.Kind) bool {
	switch {
	case f.Native || f.Unit > 0:
		return true
	case k == source.Date:
		return f.Base == 10
	case k == source.DateTime:
		return f.Suffix == ""
	default:
		return true
	}
}

// Reduced reports whether texts are compared without suffix and without zeros
// at the end of a fraction: a Z sorts behind the point of a fraction, and .5
// and .50 are one time.
func (f Form) Reduced() bool {
	return f.Digits == AnyDigits || f.Digits == Shortest && !utcNames[f.Suffix]
}

// Reduce is the text in expr as it is compared when it is reduced.
func (f Form) Reduce(d dialect.Dialect, expr string) string {
	text := d.Text(expr)
	fraction := fmt.Sprintf("substr(%s, 20, length(%s) - %d)", text, text, 19+len(f.Suffix))
	if d == dialect.MySQL {
		return "concat(substr(" + text + ", 1, 19), trim(trailing '.' from trim(trailing '0' from " + fraction + ")))"
	}
	return "(substr(" + text + ", 1, 19) || rtrim(rtrim(" + fraction + ", '0'), '.'))"
}

// AnyForm stands for the form of a column without values, where any will do.
var AnyForm = Form{Unit: 1, Base: 19}

// Spelled returns the form and, when fractions have as many digits as they
// need, the form in which they may have more.
func (f Form) Spelled() []Form {
	if f.Digits != Shortest {
		return []Form{f}
	}
	open := f
	open.Digits = AnyDigits
	return []Form{f, open}
}

// Like returns the forms that a column may have of which one value has f, the
// strictest first.
func (f Form) Like() []Form {
	if f.Base < 19 {
		return []Form{f}
	}
	short := f
	short.Digits = Shortest
	return append([]Form{f}, short.Spelled()...)
}

// UnitOf returns the unit of integers between least and greatest, as far as
// one alone makes dates from 1973 to 2286 of them.
func UnitOf(least, greatest int64) (Form, bool) {
	for _, unit := range []int64{1e6, 1e3, 1} {
		low, high := int64(1e8)*(1e6/unit), int64(1e10)*(1e6/unit)
		if least >= low && greatest < high {
			return Form{Unit: unit}, true
		}
	}
	return Form{}, false
}

// step is the distance in microseconds between two times that the form can hold.
func (f Form) step(k source.Kind) int64 {
	switch {
	case k == source.Date, f.Base == 10:
		return DayMicros
	case f.Unit > 0:
		return f.Unit
	case f.Base == 16:
		return 60e6
	case f.Native, f.Digits < 0, f.Digits > 6:
		return 1
	}
	step := int64(1e6)
	for range f.Digits {
		step /= 10
	}
	return step
}

// Exact reports whether the form can hold the time.
func (f Form) Exact(k source.Kind, micros int64) bool { return micros%f.step(k) == 0 }

// Encode returns the integer or text that stands for the time of so many
// microseconds since 1970-01-01T00:00:00; of a time between two steps, the later.
func (f Form) Encode(k source.Kind, micros int64) any {
	step := f.step(k)
	if rest := micros % step; rest > 0 {
		micros += step - rest
	} else if rest < 0 {
		micros -= rest
	}
	if f.Unit > 0 {
		return micros / f.Unit
	}
	if f.Native {
		f = nativeText(k)
	}
	text := source.AppendDateTime(nil, micros)
	whole, fraction := text[:f.Base], text[min(19, len(text)):]
	if f.Base > 10 {
		whole[10] = f.sep
	}
	out := string(whole)
	switch {
	case f.Digits < 0:
		out += strings.TrimRight(string(fraction), "0")
	case f.Digits > 0:
		out += fixedFraction(string(fraction), f.Digits)
	}
	if f.Reduced() {
		return out
	}
	return out + f.Suffix
}

// nativeText is the form in which times are given to databases that have a type for them.
func nativeText(k source.Kind) Form {
	switch k {
	case source.Date:
		return Form{Base: 10}
	case source.Timestamp:
		return Form{Base: 19, sep: ' ', Digits: 6, Suffix: "+00:00"}
	default:
		return Form{Base: 19, sep: ' ', Digits: 6}
	}
}

// fixedFraction makes a fraction (".120000" or nothing) that many digits long.
func fixedFraction(fraction string, digits int) string {
	if fraction == "" {
		fraction = "."
	}
	return (fraction + "000000000")[:1+digits]
}
