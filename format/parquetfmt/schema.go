package parquetfmt

import (
	"github.com/parquet-go/parquet-go/deprecated"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/parquet-go/parquet-go/encoding/thrift"

	"github.com/exportyard/exportyard/source"
)

// The largest precisions of a decimal in 32 and 64 bits.
const (
	maxPrecision32 = 9
	maxPrecision64 = 18
)

// A leaf says how the cells of a kind are stored.
type leaf struct {
	physical  parquet.Type
	width     int // bytes of a cell, 0 when it has a length of its own
	logical   parquet.LogicalType
	converted thrift.Null[deprecated.ConvertedType] // the same for older readers, where it exists
}

func newLeaf(k source.Kind) leaf {
	switch k.Base() {
	case source.Bool:
		return leaf{physical: parquet.Boolean, width: 1}
	case source.Int64:
		return leaf{parquet.Int64, 8, logical(&parquet.IntType{BitWidth: 64, IsSigned: true}), thrift.New(deprecated.Int64)}
	case source.Float64:
		return leaf{physical: parquet.Double, width: 8}
	case source.AnyDecimal:
		return newDecimalLeaf(k)
	case source.String:
		return leaf{parquet.ByteArray, 0, logical(&parquet.StringType{}), thrift.New(deprecated.UTF8)}
	case source.JSON:
		return leaf{parquet.ByteArray, 0, logical(&parquet.JsonType{}), thrift.New(deprecated.Json)}
	case source.Date:
		return leaf{parquet.Int32, 4, logical(&parquet.DateType{}), thrift.New(deprecated.Date)}
	case source.Timestamp:
		return leaf{parquet.Int64, 8, timestamp(true), thrift.New(deprecated.TimestampMicros)}
	case source.DateTime:
		// The older annotation means an instant, so a wall-clock time has none.
		return leaf{physical: parquet.Int64, width: 8, logical: timestamp(false)}
	case source.UUID:
		return leaf{physical: parquet.FixedLenByteArray, width: 16, logical: logical(&parquet.UUIDType{})}
	default:
		return leaf{physical: parquet.ByteArray}
	}
}

func newDecimalLeaf(k source.Kind) leaf {
	l := leaf{parquet.FixedLenByteArray, 16, logical(&parquet.DecimalType{
		Scale: int32(k.Scale()), Precision: int32(k.Precision()),
	}), thrift.New(deprecated.Decimal)}
	switch {
	case k.Precision() <= maxPrecision32:
		l.physical, l.width = parquet.Int32, 4
	case k.Precision() <= maxPrecision64:
		l.physical, l.width = parquet.Int64, 8
	}
	return l
}

func logical(v parquet.LogicalTypeValue) parquet.LogicalType { return parquet.LogicalType{Value: v} }

func timestamp(utc bool) parquet.LogicalType {
	return logical(&parquet.TimestampType{IsAdjustedToUTC: utc, Unit: parquet.TimeUnit{Value: &parquet.MicroSeconds{}}})
}

// schemaElements returns the root and one leaf per field, in the fields' order
// and with their names as they are.
func schemaElements(schema source.Schema) []parquet.SchemaElement {
	elems := make([]parquet.SchemaElement, 1, len(schema)+1)
	elems[0] = parquet.SchemaElement{Name: "schema", NumChildren: thrift.New(int32(len(schema)))}
	for _, f := range schema {
		l := newLeaf(f.Kind)
		elem := parquet.SchemaElement{
			Name:           f.Name,
			Type:           thrift.New(l.physical),
			RepetitionType: thrift.New(parquet.Optional),
			ConvertedType:  l.converted,
			LogicalType:    l.logical,
		}
		if f.Required {
			elem.RepetitionType = thrift.New(parquet.Required)
		}
		if l.physical == parquet.FixedLenByteArray {
			elem.TypeLength = thrift.New(int32(l.width))
		}
		if f.Kind.Base() == source.AnyDecimal {
			elem.Scale = thrift.New(int32(f.Kind.Scale()))
			elem.Precision = thrift.New(int32(f.Kind.Precision()))
		}
		elems = append(elems, elem)
	}
	return elems
}
