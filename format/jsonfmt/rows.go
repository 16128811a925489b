package jsonfmt

import (
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
	key   string // what comes before the value: {"id": or ,"name":
	base  source.Kind
	scale int
	// quoted says that numbers stand between quotes.
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
		base := field.Kind.Base()
		r.columns[i] = column{
			name:   field.Name,
			key:    string(append(key, ':')),
			base:   base,
			scale:  field.Kind.Scale(),
			quoted: wideAsStrings && (base == source.Int64 || base == source.AnyDecimal),
		}
	}
	return r, nil
}

func (r *rows) AppendHeader(dst []byte) []byte { return append(dst, r.header...) }

func (r *rows) AppendSeparator(dst []byte) []byte { return append(dst, r.between...) }

func (r *rows) AppendFooter(dst []byte) []byte { return append(dst, r.footer...) }

func (r *rows) AppendRows(dst []byte, batch *source.Batch) ([]byte, error) {
	for i := range batch.Len() {
		if i > 0 {
			dst = append(dst, r.between...)
		}
		dst = append(dst, r.before...)
		for c := range r.columns {
			col := &r.columns[c]
			dst = append(dst, col.key...)
			v := batch.Col(c)
			if v.Null(i) {
				dst = append(dst, "null"...)
				continue
			}
			var err error
			if dst, err = r.appendCell(dst, col, v, i); err != nil {
				return dst, err
			}
		}
		dst = append(dst, '}')
		dst = append(dst, r.after...)
	}
	return dst, nil
}

func (r *rows) appendCell(dst []byte, col *column, v *source.Vector, i int) ([]byte, error) {
	switch col.base {
	case source.String:
		return appendText(dst, v.Bytes(i), col.name)
	case source.JSON:
		return r.appendJSON(dst, v.Bytes(i)), nil
	case source.Bool:
		return strconv.AppendBool(dst, v.Bools()[i]), nil
	case source.Float64:
		return appendFloat(dst, v.Float64s()[i]), nil
	case source.Int64, source.AnyDecimal:
		return appendNumber(dst, col, v, i), nil
	}
	dst = append(dst, '"')
	switch col.base {
	case source.UUID:
		dst = source.AppendUUID(dst, v.UUIDs()[i])
	case source.Timestamp:
		dst = source.AppendTimestamp(dst, v.Int64s()[i])
	case source.DateTime:
		dst = source.AppendDateTime(dst, v.Int64s()[i])
	case source.Date:
		dst = source.AppendDate(dst, v.Int64s()[i])
	default:
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
	}
	return append(dst, '"'), nil
}

func appendNumber(dst []byte, col *column, v *source.Vector, i int) []byte {
	if col.quoted {
		dst = append(dst, '"')
	}
	if col.base == source.Int64 {
		dst = strconv.AppendInt(dst, v.Int64s()[i], 10)
	} else {
		dst = source.AppendDecimal(dst, v.Decimal(i), col.scale)
	}
	if col.quoted {
		dst = append(dst, '"')
	}
	return dst
}

func appendFloat(dst []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(source.AppendFloat(append(dst, '"'), x), '"')
	}
	return source.AppendFloat(dst, x)
}

// appendJSON appends a JSON value. Within it a line break can only stand
// between tokens, where a space means the same.
func (r *rows) appendJSON(dst, value []byte) []byte {
	from := len(dst)
	dst = append(dst, value...)
	if r.oneLine {
		for i, c := range dst[from:] {
			if c == '\n' || c == '\r' {
				dst[from+i] = ' '
			}
		}
	}
	return dst
}

// appendText appends a String cell. Only what is not ASCII needs a look at its
// UTF-8.
func appendText(dst, cell []byte, name string) ([]byte, error) {
	dst, ascii := appendString(dst, cell)
	if !ascii && !utf8.Valid(cell) {
		return dst, &source.DataError{Column: name, Rule: "not valid UTF-8"}
	}
	return dst, nil
}
