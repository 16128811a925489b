package csvfmt

import (
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// A Profile says for whom the file is.
type Profile uint8

// The profiles.
const (
	// Exact is RFC 4180 with nothing changed, for programs.
	Exact Profile = iota
	// Excel is for people with a spreadsheet: byte order mark, chosen
	// delimiter, guard against formulas.
	Excel
)

// String returns the name that requests and manifests use: "exact" or "excel".
func (p Profile) String() string {
	switch p {
	case Exact:
		return "exact"
	case Excel:
		return "excel"
	default:
		return fmt.Sprintf("profile(%d)", uint8(p))
	}
}

// Format makes CSV files. The zero value is the exact profile.
type Format struct {
	// Profile of the files. Default: Exact.
	Profile Profile
	// Delimiter between fields: a comma, a semicolon, a tab or a vertical bar.
	// Default: a semicolon for Excel, as its European settings want. Exact has
	// a comma and no other.
	Delimiter byte
}

var _ format.BlockFormatter = Format{}

// Info describes the files.
func (f Format) Info() format.Info {
	return format.Info{Name: "csv", Profile: f.Profile.String(), Extension: "csv", MediaType: "text/csv; charset=utf-8; header=present"}
}

// NewWriter starts a file of rows of that schema.
func (f Format) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	b, err := f.Blocks(schema)
	if err != nil {
		return nil, err
	}
	return format.NewBlockWriter(w, b), nil
}

// Blocks returns the encoder for rows of that schema.
func (f Format) Blocks(schema source.Schema) (format.Blocks, error) {
	delimiter, err := f.delimiter()
	if err != nil {
		return nil, err
	}
	b := &blocks{text: newText(delimiter, f.Profile == Excel), columns: make([]column, len(schema))}
	for i, field := range schema {
		if !field.Kind.Valid() {
			return nil, fmt.Errorf("csvfmt: field %q: csv cannot hold %v", field.Name, field.Kind)
		}
		b.columns[i] = column{base: field.Kind.Base(), scale: field.Kind.Scale()}
	}
	b.header = b.appendHeader(nil, schema)
	return b, nil
}

func (f Format) delimiter() (byte, error) {
	switch {
	case f.Profile == Exact && (f.Delimiter == 0 || f.Delimiter == ','):
		return ',', nil
	case f.Profile == Exact:
		return 0, fmt.Errorf("csvfmt: the exact profile is RFC 4180, whose delimiter is a comma, not %q", f.Delimiter)
	case f.Profile != Excel:
		return 0, fmt.Errorf("csvfmt: there is no %v", f.Profile)
	}
	switch f.Delimiter {
	case 0:
		return ';', nil
	case ',', ';', '\t', '|':
		return f.Delimiter, nil
	default:
		return 0, fmt.Errorf("csvfmt: the delimiter %q is none of comma, semicolon, tab and vertical bar", f.Delimiter)
	}
}

// blocks implements [format.Blocks].
type blocks struct {
	text
	columns []column
	header  []byte
}

type column struct {
	base  source.Kind
	scale int
}

func (b *blocks) AppendHeader(dst []byte) []byte { return append(dst, b.header...) }

// AppendSeparator appends nothing: every row ends itself.
func (b *blocks) AppendSeparator(dst []byte) []byte { return dst }

func (b *blocks) AppendFooter(dst []byte) []byte { return dst }

func (b *blocks) appendHeader(dst []byte, schema source.Schema) []byte {
	if b.guarded {
		dst = append(dst, bom...)
	}
	for i, field := range schema {
		switch {
		case i > 0:
			dst = append(dst, b.delimiter)
		case !b.guarded && len(field.Name) >= len(bom) && field.Name[:len(bom)] == bom:
			dst = appendQuoted(dst, []byte(field.Name))
			continue
		}
		dst = b.append(dst, []byte(field.Name))
	}
	return append(dst, "\r\n"...)
}

func (b *blocks) AppendRows(dst []byte, batch *source.Batch) ([]byte, error) {
	for i := range batch.Len() {
		for c := range b.columns {
			if c > 0 {
				dst = append(dst, b.delimiter)
			}
			v := batch.Col(c)
			if v.Null(i) {
				continue
			}
			switch col := &b.columns[c]; col.base {
			case source.String, source.JSON:
				dst = b.append(dst, v.Bytes(i))
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
				dst = b.appendFloat(dst, v.Float64s()[i])
			default:
				dst = b.appendBytes(dst, v.Bytes(i))
			}
		}
		dst = append(dst, '\r', '\n')
	}
	return dst, nil
}

func (b *blocks) appendFloat(dst []byte, x float64) []byte {
	if b.guarded && math.IsInf(x, -1) {
		dst = append(dst, mark)
	}
	return source.AppendFloat(dst, x)
}

// appendBytes appends base64, which can begin with a plus sign.
func (b *blocks) appendBytes(dst, x []byte) []byte {
	if len(x) == 0 {
		return append(dst, `""`...)
	}
	if b.guarded && x[0]>>2 == 62 {
		dst = append(dst, mark)
	}
	return base64.StdEncoding.AppendEncode(dst, x)
}
