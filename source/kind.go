package source

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the type of a column. It is comparable: two columns have the same
// kind exactly when ==. Decimals carry their precision and scale, see [Decimal].
type Kind uint32

// The kinds. What a [Vector] of each holds is said beside it.
const (
	// Bool holds one bool a row.
	Bool Kind = iota + 1
	// Int64 holds a signed 64-bit integer.
	Int64
	// Float64 holds an IEEE 754 double, NaN and infinities included.
	Float64
	// AnyDecimal is the base of every [Decimal]; it is not itself the kind of a column.
	AnyDecimal
	// String holds valid UTF-8 of at most [MaxCell] bytes.
	String
	// Bytes holds at most [MaxCell] arbitrary bytes.
	Bytes
	// Date holds a calendar day as days since 1970-01-01, years 1 to 9999.
	Date
	// Timestamp holds an instant as microseconds since 1970-01-01T00:00:00Z, years 1 to 9999.
	Timestamp
	// DateTime holds a wall-clock time without a zone, as the microseconds
	// since 1970-01-01T00:00:00 that the same reading would have in UTC.
	DateTime
	// UUID holds sixteen bytes.
	UUID
	// JSON holds one valid JSON value as its text, verbatim.
	JSON
)

// MaxPrecision is the largest number of digits of a [Decimal].
const MaxPrecision = 38

// MaxCell is the largest length in bytes of one String, Bytes or JSON cell.
const MaxCell = 64 << 20

// Decimal returns the kind of a decimal number of at most precision digits
// (1 to 38), scale of them (0 to precision) behind the point. Out of range it
// returns the zero Kind, which no schema accepts.
func Decimal(precision, scale int) Kind {
	if precision < 1 || precision > MaxPrecision || scale < 0 || scale > precision {
		return 0
	}
	return AnyDecimal | Kind(precision)<<8 | Kind(scale)<<16
}

// Base returns the kind without its parameters: [AnyDecimal] for every
// decimal, the kind itself for all others. It is what one switches on.
func (k Kind) Base() Kind { return k & 0xff }

// Precision returns the number of digits of a decimal, 0 for other kinds.
func (k Kind) Precision() int { return int(k >> 8 & 0xff) }

// Scale returns the number of digits behind the point of a decimal, 0 for other kinds.
func (k Kind) Scale() int { return int(k >> 16 & 0xff) }

// Valid reports whether k can be the kind of a column.
func (k Kind) Valid() bool {
	if k.Base() == AnyDecimal {
		return k == Decimal(k.Precision(), k.Scale())
	}
	return k >= Bool && k <= JSON
}

// Variable reports whether cells of this kind have a length of their own:
// String, Bytes and JSON.
func (k Kind) Variable() bool { return k == String || k == Bytes || k == JSON }

// Temporal reports whether the kind can be a dataset's time column: Date,
// Timestamp and DateTime.
func (k Kind) Temporal() bool { return k == Date || k == Timestamp || k == DateTime }

var kindNames = [...]string{
	Bool: "bool", Int64: "int64", Float64: "float64", AnyDecimal: "decimal", String: "string",
	Bytes: "bytes", Date: "date", Timestamp: "timestamp", DateTime: "datetime", UUID: "uuid", JSON: "json",
}

// String returns the name that manifests use: "int64", "decimal(12,4)".
func (k Kind) String() string {
	if !k.Valid() {
		return fmt.Sprintf("kind(%#x)", uint32(k))
	}
	if k.Base() == AnyDecimal {
		return "decimal(" + strconv.Itoa(k.Precision()) + "," + strconv.Itoa(k.Scale()) + ")"
	}
	return kindNames[k]
}

// ParseKind is the inverse of [Kind.String].
func ParseKind(s string) (Kind, error) {
	if args, ok := strings.CutPrefix(s, "decimal("); ok {
		args, closed := strings.CutSuffix(args, ")")
		p, sc, both := strings.Cut(args, ",")
		precision, errP := strconv.Atoi(p)
		scale, errS := strconv.Atoi(sc)
		if k := Decimal(precision, scale); closed && both && errP == nil && errS == nil && k.Valid() && k.String() == s {
			return k, nil
		}
		return 0, fmt.Errorf("source: %q is not a decimal kind: want decimal(p,s) with 1 ≤ p ≤ 38 and 0 ≤ s ≤ p", s)
	}
	for k := Bool; k <= JSON; k++ {
		if k != AnyDecimal && kindNames[k] == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("source: unknown kind %q", s)
}

// MarshalText writes the kind as [Kind.String] does.
func (k Kind) MarshalText() ([]byte, error) {
	if !k.Valid() {
		return nil, fmt.Errorf("source: %v is no kind of a column", k)
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (k *Kind) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKind(string(text))
	return err
}
