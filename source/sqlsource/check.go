package sqlsource

import (
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// matches returns a condition that is true exactly when the value of expr,
// which is not null, has the form. It must say so of any value: SQLite's
// columns hold whatever was put into them.
func (f form) matches(d Dialect, expr string) string {
	switch {
	case f.native:
		return "1 = 1"
	case f.unit > 0 && d == SQLite:
		return "typeof(" + expr + ") = 'integer'"
	case f.unit > 0:
		return "1 = 1"
	case d == PostgreSQL:
		return "cast(" + expr + " as text) ~ '" + f.regexp() + "'"
	case d == MySQL:
		return "cast(" + expr + " as char) regexp '" + f.regexp() + "'"
	}
	return f.globs(expr)
}

const (
	dateGlob   = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]"
	minuteGlob = "[0-2][0-9]:[0-5][0-9]"
)

func (f form) prefixGlob() string {
	switch f.base {
	case 10:
		return dateGlob
	case 16:
		return dateGlob + string(f.sep) + minuteGlob
	default:
		return dateGlob + string(f.sep) + minuteGlob + ":[0-5][0-9]"
	}
}

// regexp is the form as a regular expression that PostgreSQL and MySQL read alike.
func (f form) regexp() string {
	fraction := ""
	switch {
	case f.digits == shortest:
		fraction = "([.][0-9]*[1-9])?"
	case f.digits == anyDigits:
		fraction = "([.][0-9]+)?"
	case f.digits > 0:
		fraction = fmt.Sprintf("[.][0-9]{%d}", f.digits)
	}
	return "^" + f.prefixGlob() + fraction + strings.ReplaceAll(f.suffix, "+", "[+]") + "$"
}

// globs is the form in SQLite's terms.
func (f form) globs(expr string) string {
	text := "typeof(" + expr + ") = 'text' and "
	if f.digits >= 0 {
		glob := f.prefixGlob()
		if f.digits > 0 {
			glob += "." + strings.Repeat("[0-9]", f.digits)
		}
		return text + expr + " glob '" + glob + f.suffix + "'"
	}
	// The fraction is what is left between the prefix and the suffix.
	middle := fmt.Sprintf("substr(%s, 20, length(%s) - %d)", expr, expr, 19+len(f.suffix))
	end := ""
	if f.digits == shortest {
		end = " and " + middle + " glob '*[1-9]'"
	}
	return text + expr + " glob '" + f.prefixGlob() + "*" + f.suffix + "' and (" +
		middle + " = '' or " + middle + " glob '.[0-9]*' and substr(" + middle + ", 2) not glob '*[^0-9]*'" + end + ")"
}

// A spelling is how a column stores UUIDs: so many characters, or sixteen bytes.
type spelling struct {
	length int // 36 with hyphens, 32 without, 16 for bytes
	upper  bool
}

var spellings = []spelling{{length: 36}, {length: 36, upper: true}, {length: 32}, {length: 32, upper: true}, {length: 16}}

func (s spelling) matches(d Dialect, expr string) string {
	fold := "lower("
	if s.upper {
		fold = "upper("
	}
	long := fmt.Sprintf("length(%s) = %d", expr, s.length)
	switch {
	case s.length == 16 && d == SQLite:
		return "typeof(" + expr + ") = 'blob' and " + long
	case s.length == 16:
		return "1 = 0" // a type of its own there
	case d == SQLite:
		long = "typeof(" + expr + ") = 'text' and " + long
	}
	return long + " and " + d.bytewise(expr) + " = " + d.bytewise(fold+d.text(expr)+")")
}

// value returns the argument that stands for u.
func (s spelling) value(d Dialect, u [16]byte) value {
	text := string(source.AppendUUID(nil, u))
	if s.length == 32 {
		text = strings.ReplaceAll(text, "-", "")
	}
	if s.upper {
		text = strings.ToUpper(text)
	}
	if s.length == 16 {
		return d.bytesValue(u[:])
	}
	return d.bytewiseValue(text)
}

// decimalNumber and decimalText are the two ways in which SQLite may hold
// decimals such that they can be compared exactly.
func decimalNumber(expr string) string { return "typeof(" + expr + ") in ('integer', 'real')" }

// decimalText demands the canonical text: as source.AppendDecimal writes it.
func decimalText(expr string, scale int) string {
	digits := "[0-9]"
	if scale > 0 {
		digits += "." + strings.Repeat("[0-9]", scale)
	}
	plain := "ltrim(" + expr + ", '-')"
	return "typeof(" + expr + ") = 'text' and " + expr + " glob '*" + digits + "'" +
		" and substr(" + expr + fmt.Sprintf(", 1, length(%s) - %d)", expr, min(scale, 1)+scale) + " not glob '?*[^0-9]*'" +
		" and " + plain + " not glob '0[0-9]*' and (" + expr + " glob '[0-9]*' or " + expr + " glob '-[0-9]*' and " + plain + " glob '*[1-9]*')"
}
