package server

import (
	"fmt"

	"github.com/exportyard/exportyard/source"
)

// PostgresType returns the type of a column of PostgreSQL that holds every value of a kind.
func PostgresType(k source.Kind) string {
	switch k.Base() {
	case source.Bool:
		return "boolean"
	case source.Int64:
		return "bigint"
	case source.Float64:
		return "double precision"
	case source.AnyDecimal:
		return fmt.Sprintf("numeric(%d,%d)", k.Precision(), k.Scale())
	case source.Bytes:
		return "bytea"
	case source.Timestamp:
		return "timestamptz"
	case source.DateTime:
		return "timestamp"
	case source.Date, source.UUID, source.JSON:
		return k.String()
	default:
		return "text"
	}
}
