package jsonfmt

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/exportyard/exportyard/source"
)

// rows implements [format.Blocks] for both layouts. Rows stand between before
// and after, and between them stands between.
type rows struct {
	columns                []column
	header, footer         string
	before, between, after string
	oneLine                bool // no line break within a row
}

type column struct {
	name  string
	key   string // what comes before a null: {"id": or ,"name":
	open  string // what comes before any other value: the same, and the quote if quoted
	base  source.Kind
	scale int
	// quoted says that values stand between quotes. Texts bring their own.
	quoted bool
}

func newRows(schema source.Schema, wideAsStrings bool) (*rows, error) {
	r := &rows{columns: make([]column, len(schema))}
	for i, field := range schema {
		if !field.Kind.Valid() {
			return nil, fmt.Errorf("jsonfmt: field %q: json cannot hold %v", field.Name, field.Kind)
		}
		key, _ := appendString([]byte{','}, []byte(field.Name))
		if i == 0 {
			key[0] = '{'
		}
		col := column{name: field.Name, key: string(append(key, ':')), base: field.Kind.Base(), scale: field.Kind.Scale()}
		switch col.base {
		case source.UUID, source.Timestamp, source.DateTime, source.Date, source.Bytes:
			col.quoted = true
		case source.Int64, source.AnyDecimal:
			col.quoted = wideAsStrings
		}
		if col.open = col.key; col.quoted {
			col.open += `"`
		}
		r.columns[i] = col
	}
	return r, nil
}

func (r *rows) AppendHeader(dst []byte) []byte { return append(dst, r.header...) }

func (r *rows) AppendSeparator(dst []byte) []byte { return append(dst, r.between...) }

func (r *rows) AppendFooter(dst []byte) []byte { return append(dst, r.footer...) }

func (r *rows) AppendRows(dst []byte, batch *source.Batch) (_ []byte, err error) {
	for i := range batch.Len() {
		if i > 0 {
			dst = append(dst, r.between...)
		}
		dst = append(dst, r.before...)
		for c := range r.columns {
			col, v := &r.columns[c], batch.Col(c)
			if v.Null(i) {
				dst = append(append(dst, col.key...), "null"...)
				continue
			}
			dst = append(dst, col.open...)
			switch col.base {
			case source.String:
				if dst, err = appendText(dst, v.Bytes(i), v.Vouched(), col.name); err != nil {
					return dst, err
				}
			case source.JSON:
				dst = r.appendJSON(dst, v.Bytes(i))
			case source.UUID:
				dst = source.AppendUUID(dst, v.UUIDs()[i])
			case source.Int64:
				dst = strconv.AppendInt(dst, v.Int64s()[i], 10)
			case source.Timestamp:
				dst = source.AppendTimestamp(dst, v.Int64s()[i])
			case source.AnyDecimal:
				dst = source.AppendDecimal(dst, v.Decimal(i), col.scale)
			case source.Bool:
				dst = strconv.AppendBool(dst, v.Bools()[i])
			case source.Date:
				dst = source.AppendDate(dst, v.Int64s()[i])
			case source.DateTime:
				dst = source.AppendDateTime(dst, v.Int64s()[i])
			case source.Float64:
				dst = appendFloat(dst, v.Float64s()[i])
			default:
				dst = base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
			}
			if col.quoted {
				dst = append(dst, '"')
			}
		}
		dst = append(dst, '}')
		dst = append(dst, r.after...)
	}
	return dst, nil
}

// appendFloat writes minus zero with a point, since readers that make an integer
// of a number without one lose its sign.
func appendFloat(dst []byte, x float64) []byte {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return append(source.AppendFloat(append(dst, '"'), x), '"')
	case x == 0 && math.Signbit(x):
		return append(dst, "-0.0"...)
	}
	return source.AppendFloat(dst, x)
}

// appendJSON appends a JSON value. Within it a line break can only stand
// between tokens, where a space means the same.
func (r *rows) appendJSON(dst, value []byte) []byte {
	from := len(dst)
	dst = append(dst, value...)
	if r.oneLine && (bytes.IndexByte(value, '\n') >= 0 || bytes.IndexByte(value, '\r') >= 0) {
		for i, c := range dst[from:] {
			if c == '\n' || c == '\r' {
				dst[from+i] = ' '
			}
		}
	}
	return dst
}

// appendText appends a String cell. Only what is not ASCII, and nobody has vouched
// for, needs a look at its UTF-8.
func appendText(dst, cell []byte, vouched bool, name string) ([]byte, error) {
	dst, ascii := appendString(dst, cell)
	if !ascii && !vouched && !utf8.Valid(cell) {
		return dst, &source.DataError{Column: name, Rule: "not valid UTF-8"}
	}
	return dst, nil
}
