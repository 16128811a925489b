package chunk

import (
	parquet "github.com/parquet-go/parquet-go/format"

	"github.com/exportyard/exportyard/source"
)

// The largest precisions of a decimal in 32 and 64 bits.
const (
	maxPrecision32 = 9
	maxPrecision64 = 18
)

// Storage returns the physical type that holds cells of kind k, and their
// width in bytes: 0 for cells with a length of their own, 1 for bits.
func Storage(k source.Kind) (parquet.Type, int) {
	switch k.Base() {
	case source.Bool:
		return parquet.Boolean, 1
	case source.Int64, source.Timestamp, source.DateTime:
		return parquet.Int64, 8
	case source.Float64:
		return parquet.Double, 8
	case source.Date:
		return parquet.Int32, 4
	case source.UUID:
		return parquet.FixedLenByteArray, 16
	case source.AnyDecimal:
		switch p := k.Precision(); {
		case p <= maxPrecision32:
			return parquet.Int32, 4
		case p <= maxPrecision64:
			return parquet.Int64, 8
		default:
			return parquet.FixedLenByteArray, 16
		}
	default:
		return parquet.ByteArray, 0
	}
}
