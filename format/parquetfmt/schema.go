package parquetfmt

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/chunk"
	"github.com/exportyard/exportyard/source"
)

// meaning returns the logical type of a kind, and the same as older readers
// know it where that exists.
func meaning(k source.Kind) (parquet.LogicalType, thrift.Null[deprecated.ConvertedType]) {
	var none thrift.Null[deprecated.ConvertedType]
	switch k.Base() {
	case source.Int64:
		return logical(&parquet.IntType{BitWidth: 64, IsSigned: true}), thrift.New(deprecated.Int64)
	case source.AnyDecimal:
		decimal := &parquet.DecimalType{Scale: int32(k.Scale()), Precision: int32(k.Precision())}
		return logical(decimal), thrift.New(deprecated.Decimal)
	case source.String:
		return logical(&parquet.StringType{}), thrift.New(deprecated.UTF8)
	case source.JSON:
		return logical(&parquet.JsonType{}), thrift.New(deprecated.Json)
	case source.Date:
		return logical(&parquet.DateType{}), thrift.New(deprecated.Date)
	case source.Timestamp:
		return timestamp(true), thrift.New(deprecated.TimestampMicros)
	case source.DateTime: // the older type means an instant
		return timestamp(false), none
	case source.UUID:
		return logical(&parquet.UUIDType{}), none
	default:
		return parquet.LogicalType{}, none
	}
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
		physical, width := chunk.Storage(f.Kind)
		elem := parquet.SchemaElement{Name: f.Name, Type: thrift.New(physical), RepetitionType: thrift.New(parquet.Optional)}
		elem.LogicalType, elem.ConvertedType = meaning(f.Kind)
		if f.Required {
			elem.RepetitionType = thrift.New(parquet.Required)
		}
		if physical == parquet.FixedLenByteArray {
			elem.TypeLength = thrift.New(int32(width))
		}
		if f.Kind.Base() == source.AnyDecimal {
			elem.Scale = thrift.New(int32(f.Kind.Scale()))
			elem.Precision = thrift.New(int32(f.Kind.Precision()))
		}
		elems = append(elems, elem)
	}
	return elems
}
