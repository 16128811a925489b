// Package cell appends the cells of a sheet.
package cell

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"

	"github.com/exportyard/exportyard/source"
)

// MaxText is how many characters a cell holds, counted in UTF-16.
const MaxText = 1<<15 - 1

// A Column appends the cells of one field.
type Column struct {
	base       source.Kind
	scale      int
	open       string // before a number
	openMillis string // before a time with a fraction of a second
}

const (
	closeNumber = `</v></c>`
	null        = `<c/>`
)

// NewColumn returns the column of a kind that is valid.
func NewColumn(k source.Kind) Column {
	col := Column{base: k.Base(), scale: k.Scale(), open: openNumber(numberStyle(k))}
	switch col.base {
	case source.Timestamp:
		col.openMillis = openNumber(styleTimestampMillis)
	case source.DateTime:
		col.openMillis = openNumber(styleDateTimeMillis)
	}
	return col
}

func openNumber(style int) string {
	if style == styleGeneral {
		return `<c><v>`
	}
	return fmt.Sprintf(`<c s="%d"><v>`, style)
}

// Append appends cell i of v and reports whether a sheet can hold it.
func (col *Column) Append(dst []byte, v *source.Vector, i int) ([]byte, bool) {
	if v.Null(i) {
		return append(dst, null...), true
	}
	switch col.base {
	case source.String, source.JSON:
		text := v.Bytes(i)
		if TooLong(text) {
			return dst, false
		}
		return AppendText(dst, text), true
	case source.UUID:
		dst = append(dst, openText...)
		dst = source.AppendUUID(dst, v.UUIDs()[i])
		return append(dst, closeText...), true
	case source.Int64:
		return col.appendInt(dst, v.Int64s()[i]), true
	case source.Timestamp, source.DateTime:
		return col.appendTime(dst, v.Int64s()[i]), true
	case source.AnyDecimal:
		return col.appendDecimal(dst, v.Decimal(i)), true
	case source.Bool:
		if v.Bools()[i] {
			return append(dst, `<c t="b"><v>1</v></c>`...), true
		}
		return append(dst, `<c t="b"><v>0</v></c>`...), true
	case source.Date:
		return col.appendDate(dst, v.Int64s()[i]), true
	case source.Float64:
		return col.appendFloat(dst, v.Float64s()[i]), true
	default:
		return appendBytes(dst, v.Bytes(i))
	}
}

// maxWhole is the largest integer up to which a number of a cell, a float64,
// holds every one.
const maxWhole = 1 << 53

func (col *Column) appendInt(dst []byte, x int64) []byte {
	if x < -maxWhole || x > maxWhole {
		dst = append(dst, openGuarded...)
		dst = strconv.AppendInt(dst, x, 10)
		return append(dst, closeText...)
	}
	dst = append(dst, col.open...)
	dst = strconv.AppendInt(dst, x, 10)
	return append(dst, closeNumber...)
}

// maxDigits is how many significant digits of a decimal a float64 keeps.
const maxDigits = 15

func (col *Column) appendDecimal(dst []byte, x source.Int128) []byte {
	from := len(dst)
	dst = append(dst, col.open...)
	digits := len(dst)
	dst = source.AppendDecimal(dst, x, col.scale)
	if col.scale > 0 {
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
		if dst[len(dst)-1] == '.' {
			dst = dst[:len(dst)-1]
		}
	}
	if len(dst)-digits <= maxDigits || significant(dst[digits:]) <= maxDigits {
		return append(dst, closeNumber...)
	}
	dst = append(dst[:from], openGuarded...)
	dst = source.AppendDecimal(dst, x, col.scale)
	return append(dst, closeText...)
}

// significant counts the digits of a decimal from the first that is not zero.
func significant(text []byte) int {
	n := 0
	for _, c := range text {
		if c >= '1' && c <= '9' || c == '0' && n > 0 {
			n++
		}
	}
	return n
}

// minNormal is the smallest number with all of a float64's digits. What is
// closer to zero a spreadsheet takes for zero.
const minNormal = 0x1p-1022

func (col *Column) appendFloat(dst []byte, x float64) []byte {
	if abs := math.Abs(x); math.IsNaN(x) || math.IsInf(x, 0) || abs != 0 && abs < minNormal {
		dst = append(dst, openGuarded...)
		dst = source.AppendFloat(dst, x)
		return append(dst, closeText...)
	}
	dst = append(dst, col.open...)
	dst = source.AppendFloat(dst, x)
	return append(dst, closeNumber...)
}

func appendBytes(dst, x []byte) ([]byte, bool) {
	if base64.StdEncoding.EncodedLen(len(x)) > MaxText {
		return dst, false
	}
	if len(x) > 0 && x[0]>>2 >= 52 && x[0]>>2 <= 62 { // begins with a digit or a plus sign
		dst = append(dst, openGuarded...)
	} else {
		dst = append(dst, openText...)
	}
	dst = base64.StdEncoding.AppendEncode(dst, x)
	return append(dst, closeText...), true
}
