package stored

import (
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
)

// Matches returns a condition that is true exactly when the value of expr,
// which is not null, has the form. It must say so of any value: SQLite's
// columns hold whatever was put into them.
func (f Form) Matches(d dialect.Dialect, expr string) string {
	switch {
	case f.Native:
		return "1 = 1"
	case f.Unit > 0 && d == dialect.SQLite:
		return "typeof(" + expr + ") = 'integer'"
	case f.Unit > 0:
		return "1 = 1"
	case d == dialect.PostgreSQL:
		return "cast(" + expr + " as text) ~ '" + f.regexp() + "'"
	case d == dialect.MySQL:
		return "cast(" + expr + " as char) regexp '" + f.regexp() + "'"
	}
	return f.globs(expr)
}

const (
	dateGlob   = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]"
	minuteGlob = "[0-2][0-9]:[0-5][0-9]"
)

func (f Form) prefixGlob() string {
	switch f.Base {
	case 10:
		return dateGlob
	case 16:
		return dateGlob + string(f.sep) + minuteGlob
	default:
		return dateGlob + string(f.sep) + minuteGlob + ":[0-5][0-9]"
	}
}

// regexp is the form as a regular expression that PostgreSQL and MySQL read alike.
func (f Form) regexp() string {
	fraction := ""
	switch {
	case f.Digits == Shortest:
		fraction = "([.][0-9]*[1-9])?"
	case f.Digits == AnyDigits:
		fraction = "([.][0-9]+)?"
	case f.Digits > 0:
		fraction = fmt.Sprintf("[.][0-9]{%d}", f.Digits)
	}
	return "^" + f.prefixGlob() + fraction + strings.ReplaceAll(f.Suffix, "+", "[+]") + "$"
}

// globs is the form in SQLite's terms.
func (f Form) globs(expr string) string {
	text := "typeof(" + expr + ") = 'text' and "
	if f.Digits >= 0 {
		glob := f.prefixGlob()
		if f.Digits > 0 {
			glob += "." + strings.Repeat("[0-9]", f.Digits)
		}
		return text + expr + " glob '" + glob + f.Suffix + "'"
	}
	// The fraction is what is left between the prefix and the suffix.
	middle := fmt.Sprintf("substr(%s, 20, length(%s) - %d)", expr, expr, 19+len(f.Suffix))
	end := ""
	if f.Digits == Shortest {
		end = " and " + middle + " glob '*[1-9]'"
	}
	return text + expr + " glob '" + f.prefixGlob() + "*" + f.Suffix + "' and (" +
		middle + " = '' or " + middle + " glob '.[0-9]*' and substr(" + middle + ", 2) not glob '*[^0-9]*'" + end + ")"
}

// A Spelling is how a column stores UUIDs: so many characters, or sixteen bytes.
type Spelling struct {
	Length int // 36 with hyphens, 32 without, 16 for bytes
	upper  bool
}

// Spellings are all that are known.
var Spellings = []Spelling{{Length: 36}, {Length: 36, upper: true}, {Length: 32}, {Length: 32, upper: true}, {Length: 16}}

// Matches returns the condition that a value is spelled so.
func (s Spelling) Matches(d dialect.Dialect, expr string) string {
	fold := "lower("
	if s.upper {
		fold = "upper("
	}
	long := fmt.Sprintf("length(%s) = %d", expr, s.Length)
	switch {
	case s.Length == 16 && d == dialect.SQLite:
		return "typeof(" + expr + ") = 'blob' and " + long
	case s.Length == 16:
		return "1 = 0" // a type of its own there
	case d == dialect.SQLite:
		long = "typeof(" + expr + ") = 'text' and " + long
	}
	return long + " and " + d.Bytewise(expr) + " = " + d.Bytewise(fold+d.Text(expr)+")")
}

// Value returns the argument that stands for u.
func (s Spelling) Value(d dialect.Dialect, u [16]byte) dialect.Value {
	text := string(source.AppendUUID(nil, u))
	if s.Length == 32 {
		text = strings.ReplaceAll(text, "-", "")
	}
	if s.upper {
		text = strings.ToUpper(text)
	}
	if s.Length == 16 {
		return d.BytesValue(u[:])
	}
	return d.BytewiseValue(text)
}

// DecimalNumber and DecimalText are the two ways in which SQLite may hold
// decimals such that they can be compared exactly.
func DecimalNumber(expr string) string { return "typeof(" + expr + ") in ('integer', 'real')" }

// DecimalText demands the canonical text: as source.AppendDecimal writes it.
func DecimalText(expr string, scale int) string {
	digits := "[0-9]"
	if scale > 0 {
		digits += "." + strings.Repeat("[0-9]", scale)
	}
	plain := "ltrim(" + expr + ", '-')"
	return "typeof(" + expr + ") = 'text' and " + expr + " glob '*" + digits + "'" +
		" and substr(" + expr + fmt.Sprintf(", 1, length(%s) - %d)", expr, min(scale, 1)+scale) + " not glob '?*[^0-9]*'" +
		" and " + plain + " not glob '0[0-9]*' and (" + expr + " glob '[0-9]*' or " + expr + " glob '-[0-9]*' and " + plain + " glob '*[1-9]*')"
}
