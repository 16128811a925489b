package statement

import (
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/wire"
)

// A Column is how one field is read, compared and sorted, given its type in the
// database.
type Column struct {
	Field source.Field
	// Read is the expression to select, and Decode reads what it gives.
	Read   string
	Decode wire.Decoder
	// Vouched says that the database lets nothing into the column that the field may not hold.
	Vouched bool
	// Expr is what conditions and orderings by a key see, and Type that of its values.
	Expr string
	Type string
	// sort orders rows without a key. Unlike Expr it takes every value.
	sort string
	// Like, when not empty, also equals a value when Expr does, and perhaps
	// oftener; an index of the column serves it.
	Like string
	// own is the column in its own collation, where it has one.
	own string
}

// Resolve returns the column of a field whose values have that type in the
// database, which is called typeName. The error names the column.
func (t *Table) Resolve(i int, oid uint32, typeName string) (Column, error) {
	f := t.Schema[i]
	ref := "q." + Quote(f.Name)
	c := Column{Field: f, Read: ref, Expr: ref, Type: typeOf(f.Kind, oid)}
	c.Decode = wire.For(f, oid)
	asText := "cast(" + ref + ` as text) collate "C"`
	switch f.Kind {
	case source.String, source.JSON:
		c.Expr = asText
		if oid == pgtype.TextOID || oid == pgtype.VarcharOID {
			c.Like, c.own = ref, ref
		}
		c.Vouched = f.Kind == source.String || oid == pgtype.JSONOID || oid == pgtype.JSONBOID
		if c.Decode == nil && f.Kind == source.String {
			c.Read, c.Decode = "cast("+ref+" as text)", wire.For(f, pgtype.TextOID)
		}
	case source.UUID:
		switch oid {
		case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID:
			c.Expr, c.sort = "cast("+ref+" as uuid)", asText
		case pgtype.ByteaOID:
			c.Expr, c.sort = "cast(encode("+ref+", 'hex') as uuid)", ref
		}
	default:
		if oid == moneyOID && f.Kind.Base() == source.AnyDecimal {
			c.Read = "cast(" + ref + " as numeric)"
			c.Expr, c.Decode = c.Read, wire.For(f, pgtype.NumericOID)
		}
	}
	if c.sort == "" {
		c.sort = c.Expr
	}
	if c.Decode == nil {
		return c, &source.DataError{
			Dataset: t.Name, Column: f.Name,
			Rule: fmt.Sprintf("the database has %s here, which is not read as %v: declare a kind that fits, or a string", typeName, f.Kind),
		}
	}
	return c, nil
}

// moneyOID is the type whose digits behind the point are those of the server's
// locale.
const moneyOID = 790

// typeOf returns the SQL type of a kind's values where they are compared.
func typeOf(k source.Kind, oid uint32) string {
	switch k.Base() {
	case source.Bool:
		if oid != pgtype.BoolOID {
			return "bigint"
		}
		return "boolean"
	case source.Int64:
		return "bigint"
	case source.Float64:
		return "double precision"
	case source.AnyDecimal:
		return "numeric"
	case source.Bytes:
		return "bytea"
	case source.Date:
		return "date"
	case source.Timestamp:
		if oid == pgtype.TimestampOID {
			return "timestamp"
		}
		return "timestamptz"
	case source.DateTime:
		return "timestamp"
	case source.UUID:
		return "uuid"
	default:
		return "text"
	}
}

// Value returns the text of an argument for the column's only cell in v.
func (c *Column) Value(v *source.Vector) string {
	switch {
	case c.Field.Kind == source.Bytes:
		return `\x` + hex.EncodeToString(v.Bytes(0))
	case c.Type == "bigint" && c.Field.Kind == source.Bool && v.Bools()[0]:
		return "1"
	case c.Type == "bigint" && c.Field.Kind == source.Bool:
		return "0"
	}
	return string(source.AppendText(nil, v, 0))
}

// KindOf proposes the kind of a column of that type, such that every digit is kept.
func KindOf(oid uint32, modifier int32) source.Kind {
	switch oid {
	case pgtype.BoolOID:
		return source.Bool
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		return source.Int64
	case pgtype.Float4OID, pgtype.Float8OID:
		return source.Float64
	case pgtype.ByteaOID:
		return source.Bytes
	case pgtype.DateOID:
		return source.Date
	case pgtype.TimestamptzOID:
		return source.Timestamp
	case pgtype.TimestampOID:
		return source.DateTime
	case pgtype.UUIDOID:
		return source.UUID
	case pgtype.JSONOID, pgtype.JSONBOID:
		return source.JSON
	case pgtype.NumericOID:
		// Behind a header of four: sixteen bits of precision, eleven of scale with a sign.
		if packed := modifier - 4; packed >= 0 {
			scale := int(packed&0x7ff^1024) - 1024
			if k := source.Decimal(int(packed>>16&0xffff), scale); k.Valid() {
				return k
			}
		}
	}
	return source.String
}
