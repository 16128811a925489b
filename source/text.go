package source

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The text of a cell, by kind: the one form in which keys, filters and the
// text formats write values. Every digit is kept.
//
//	Bool       true, false
//	Int64      -9223372036854775808
//	Float64    the shortest digits that read back equal; NaN, Infinity, -Infinity
//	Decimal    exactly the scale's digits behind the point: 12.5000
//	String     itself
//	Bytes      base64, standard alphabet, padded
//	Date       2006-01-02
//	Timestamp  2006-01-02T15:04:05Z, with .000000 only when there is a fraction
//	DateTime   the same without the Z
//	UUID       lower case with hyphens
//	JSON       itself

// AppendText appends the text of cell i; nothing for a null.
func AppendText(dst []byte, v *Vector, i int) []byte {
	if v.Null(i) {
		return dst
	}
	switch v.kind.Base() {
	case Bool:
		return strconv.AppendBool(dst, v.bools[i])
	case Int64:
		return strconv.AppendInt(dst, v.int64s[i], 10)
	case Float64:
		return AppendFloat(dst, v.float64s[i])
	case AnyDecimal:
		return AppendDecimal(dst, v.Decimal(i), v.kind.Scale())
	case Date:
		return AppendDate(dst, v.int64s[i])
	case Timestamp:
		return AppendTimestamp(dst, v.int64s[i])
	case DateTime:
		return AppendDateTime(dst, v.int64s[i])
	case UUID:
		return AppendUUID(dst, v.uuids[i])
	case Bytes:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
	default:
		return append(dst, v.Bytes(i)...)
	}
}

// AppendFloat appends the text of a Float64.
func AppendFloat(dst []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, "NaN"...)
	case math.IsInf(x, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(x, -1):
		return append(dst, "-Infinity"...)
	}
	format := byte('f')
	if abs := math.Abs(x); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, x, format, -1, 64)
}

// AppendUUID appends the text of a UUID.
func AppendUUID(dst []byte, u [16]byte) []byte {
	dst = extend(dst, 36)
	buf := (*[36]byte)(dst[len(dst)-36:])
	put := func(at int, x byte) { *(*[2]byte)(buf[at:]) = hexPairs[x] }
	put(0, u[0])
	put(2, u[1])
	put(4, u[2])
	put(6, u[3])
	buf[8] = '-'
	put(9, u[4])
	put(11, u[5])
	buf[13] = '-'
	put(14, u[6])
	put(16, u[7])
	buf[18] = '-'
	put(19, u[8])
	put(21, u[9])
	buf[23] = '-'
	put(24, u[10])
	put(26, u[11])
	put(28, u[12])
	put(30, u[13])
	put(32, u[14])
	put(34, u[15])
	return dst
}

// hexPairs holds the two digits of every byte.
var hexPairs = func() (table [256][2]byte) {
	const digits = "0123456789abcdef"
	for i := range table {
		table[i] = [2]byte{digits[i>>4], digits[i&15]}
	}
	return table
}()

// extend makes dst n bytes longer, for texts that are written in their place
// instead of copied there.
func extend(dst []byte, n int) []byte {
	return slices.Grow(dst, n)[:len(dst)+n]
}

// ParseUUID reads a UUID: 32 hexadecimal digits, with hyphens in the usual
// four places or without any.
func ParseUUID[T string | []byte](text T) (u [16]byte, err error) {
	var digits [32]byte
	switch {
	case len(text) == 32:
		copy(digits[:], text)
	case len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-':
		copy(digits[0:], text[0:8])
		copy(digits[8:], text[9:13])
		copy(digits[12:], text[14:18])
		copy(digits[16:], text[19:23])
		copy(digits[20:], text[24:36])
	default:
		return u, errors.New("not a UUID")
	}
	if _, err := hex.Decode(u[:], digits[:]); err != nil {
		return u, errors.New("not a UUID")
	}
	return u, nil
}

// The range of years 1 to 9999, which every text format writes with four digits.
const (
	minDay   = -719162
	maxDay   = 2932896
	dayMicro = 24 * 60 * 60 * 1_000_000
	// MinMicro and MaxMicro bound Timestamp and DateTime cells.
	MinMicro int64 = minDay * dayMicro
	MaxMicro int64 = (maxDay+1)*dayMicro - 1
)

// Day returns t's calendar day as a Date cell holds it.
func Day(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

// Instant returns a Date (its midnight), Timestamp or DateTime cell as a time
// in UTC; for Date and DateTime it is the wall clock's reading.
func Instant(k Kind, cell int64) time.Time {
	if k == Date {
		return time.Unix(cell*24*60*60, 0).UTC()
	}
	return time.UnixMicro(cell).UTC()
}

// InRange reports whether a Date, Timestamp or DateTime cell lies within the
// years 1 to 9999.
func InRange(k Kind, cell int64) bool {
	if k == Date {
		return cell >= minDay && cell <= maxDay
	}
	return cell >= MinMicro && cell <= MaxMicro
}

// ParseText appends to v the cell whose text is text, the inverse of
// [AppendText]. It accepts timestamps with any numeric zone. The error says
// what the kind wants and does not repeat the text.
func ParseText(v *Vector, text string) error {
	k := v.kind
	wrong := func(err error) error { return fmt.Errorf("source: not a %v: %w", k, err) }
	switch k.Base() {
	case Bool:
		switch text {
		case "true", "false":
			v.AppendBool(text == "true")
		default:
			return wrong(errors.New("want true or false"))
		}
	case Int64:
		x, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wrong(errors.New("want a whole number of 64 bits"))
		}
		v.AppendInt64(x)
	case Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return wrong(errors.New("want a floating-point number"))
		}
		v.AppendFloat64(x)
	case AnyDecimal:
		x, err := ParseDecimal(text, k.Precision(), k.Scale(), false)
		if err != nil {
			return wrong(err)
		}
		v.AppendDecimal(x)
	case Date, Timestamp, DateTime:
		x, err := parseTemporal(k, text)
		if err != nil {
			return wrong(err)
		}
		v.AppendInt64(x)
	case UUID:
		u, err := ParseUUID(text)
		if err != nil {
			return wrong(err)
		}
		v.AppendUUID(u)
	default:
		return parseVariable(v, text, wrong)
	}
	return nil
}

func parseVariable(v *Vector, text string, wrong func(error) error) error {
	switch v.kind {
	case Bytes:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return wrong(errors.New("want base64"))
		}
		return v.AppendBytes(b)
	case JSON:
		if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
			return wrong(errors.New("want one JSON value"))
		}
	case String:
		if !utf8.ValidString(text) {
			return wrong(errors.New("want UTF-8"))
		}
	}
	return v.AppendString(text)
}

func parseTemporal(k Kind, text string) (int64, error) {
	layout := time.RFC3339Nano
	switch k {
	case Date:
		layout = time.DateOnly
	case DateTime:
		layout = "2006-01-02T15:04:05.999999999"
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, fmt.Errorf("want the form %s", layout)
	}
	if k != Date && belowMicro(text) {
		return 0, ErrDigits
	}
	x := t.UnixMicro()
	if k == Date {
		x = Day(t)
	}
	if !InRange(k, x) {
		return 0, errors.New("want a year from 1 to 9999")
	}
	return x, nil
}

// belowMicro reports whether a time's text has digits other than zero below a
// microsecond. It looks at the text, since time.Parse drops what is below a
// nanosecond.
func belowMicro(text string) bool {
	_, fraction, _ := strings.Cut(strings.Replace(text, ",", ".", 1), ".")
	for i := range len(fraction) {
		switch c := fraction[i]; {
		case c < '0' || c > '9':
			return false
		case i >= 6 && c != '0':
			return true
		}
	}
	return false
}
