package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/exportyard/exportyard/source"
)

// A Decoder appends one cell, given in PostgreSQL's binary format, to a vector.
// An error names the rule that the value breaks, without the value.
type Decoder func(v *source.Vector, data []byte) error

var (
	errShort    = errors.New("the server sent a value of another length than its type has")
	errInfinite = errors.New("an infinite time")
	errYear     = errors.New("a year outside of 1 to 9999")
	errNaN      = errors.New("a numeric that is not a number: declare NullNaN to read it as null")
	errInf      = errors.New("an infinite numeric")
	errBool     = errors.New("an integer other than 0 and 1 in a bool")
	errUUID     = errors.New("other than sixteen bytes for a uuid")
	errUUIDText = errors.New("a text that is no uuid")
	errJSONB    = errors.New("the server sent jsonb of a version that is not known")
	errFloat    = errors.New("an integer that a float64 cannot hold exactly")
)

// PostgreSQL counts from 2000-01-01.
const (
	epochDays   = 10957
	epochMicros = epochDays * 24 * 60 * 60 * 1_000_000
)

// For returns the decoder of a field's cells when the server sends values of
// that type; nil when there is none, and the value has to be asked for as text.
func For(f source.Field, oid uint32) Decoder {
	switch f.Kind.Base() {
	case source.Bool:
		return boolean(oid)
	case source.Int64:
		return integer(oid)
	case source.Float64:
		return float(oid)
	case source.AnyDecimal:
		return decimal(f, oid)
	case source.Date, source.Timestamp, source.DateTime:
		return temporal(f.Kind, oid)
	case source.UUID:
		return identifier(oid)
	case source.Bytes:
		if oid == pgtype.ByteaOID {
			return (*source.Vector).AppendBytes
		}
	case source.JSON, source.String:
		return text(f.Kind, oid)
	}
	return nil
}

// integerOf reads a signed integer of that type.
func integerOf(oid uint32) func([]byte) (int64, error) {
	switch oid {
	case pgtype.Int2OID:
		return func(data []byte) (int64, error) {
			if len(data) != 2 {
				return 0, errShort
			}
			return int64(int16(binary.BigEndian.Uint16(data))), nil
		}
	case pgtype.Int4OID:
		return func(data []byte) (int64, error) {
			if len(data) != 4 {
				return 0, errShort
			}
			return int64(int32(binary.BigEndian.Uint32(data))), nil
		}
	case pgtype.OIDOID:
		return func(data []byte) (int64, error) {
			if len(data) != 4 {
				return 0, errShort
			}
			return int64(binary.BigEndian.Uint32(data)), nil
		}
	case pgtype.Int8OID:
		return int8Of
	}
	return nil
}

func int8Of(data []byte) (int64, error) {
	if len(data) != 8 {
		return 0, errShort
	}
	return int64(binary.BigEndian.Uint64(data)), nil
}

func boolean(oid uint32) Decoder {
	if oid == pgtype.BoolOID {
		return func(v *source.Vector, data []byte) error {
			if len(data) != 1 {
				return errShort
			}
			v.AppendBool(data[0] != 0)
			return nil
		}
	}
	whole := integerOf(oid)
	if whole == nil {
		return nil
	}
	return func(v *source.Vector, data []byte) error {
		x, err := whole(data)
		switch {
		case err != nil:
			return err
		case x != 0 && x != 1:
			return errBool
		}
		v.AppendBool(x == 1)
		return nil
	}
}

func integer(oid uint32) Decoder {
	if oid == pgtype.Int8OID { // the common one, without a second call
		return func(v *source.Vector, data []byte) error {
			if len(data) != 8 {
				return errShort
			}
			v.AppendInt64(int64(binary.BigEndian.Uint64(data)))
			return nil
		}
	}
	whole := integerOf(oid)
	if whole == nil {
		return nil
	}
	return func(v *source.Vector, data []byte) error {
		x, err := whole(data)
		if err == nil {
			v.AppendInt64(x)
		}
		return err
	}
}

func float(oid uint32) Decoder {
	switch oid {
	case pgtype.Float8OID:
		return func(v *source.Vector, data []byte) error {
			if len(data) != 8 {
				return errShort
			}
			v.AppendFloat64(math.Float64frombits(binary.BigEndian.Uint64(data)))
			return nil
		}
	case pgtype.Float4OID:
		return func(v *source.Vector, data []byte) error {
			if len(data) != 4 {
				return errShort
			}
			v.AppendFloat64(float64(math.Float32frombits(binary.BigEndian.Uint32(data))))
			return nil
		}
	}
	whole := integerOf(oid)
	if whole == nil {
		return nil
	}
	return func(v *source.Vector, data []byte) error {
		x, err := whole(data)
		switch {
		case err != nil:
			return err
		case x > 1<<53 || x < -1<<53:
			return errFloat
		}
		v.AppendFloat64(float64(x))
		return nil
	}
}

// decimal reads a numeric, or an integer as the decimal that it is.
func decimal(f source.Field, oid uint32) Decoder {
	precision, scale := f.Kind.Precision(), f.Kind.Scale()
	if oid == pgtype.NumericOID {
		return numericDecoder(precision, scale, f.Round, f.NullNaN)
	}
	whole := integerOf(oid)
	if whole == nil {
		return nil
	}
	return func(v *source.Vector, data []byte) error {
		x, err := whole(data)
		if err != nil {
			return err
		}
		var buf [20]byte
		d, err := source.ParseDecimal(strconv.AppendInt(buf[:0], x, 10), precision, scale, false)
		if err != nil {
			return tooMany(precision, scale)
		}
		v.AppendDecimal(d)
		return nil
	}
}

func tooMany(precision, scale int) error {
	return fmt.Errorf("a number does not fit decimal(%d,%d): %w", precision, scale, source.ErrDigits)
}

func temporal(k source.Kind, oid uint32) Decoder {
	switch {
	case k == source.Date && oid == pgtype.DateOID:
		return date
	case k == source.Timestamp && (oid == pgtype.TimestamptzOID || oid == pgtype.TimestampOID),
		k == source.DateTime && oid == pgtype.TimestampOID:
		return timestamp
	}
	return nil
}

func date(v *source.Vector, data []byte) error {
	if len(data) != 4 {
		return errShort
	}
	days := int32(binary.BigEndian.Uint32(data))
	if days == math.MaxInt32 || days == math.MinInt32 {
		return errInfinite
	}
	x := int64(days) + epochDays
	if !source.InRange(source.Date, x) {
		return errYear
	}
	v.AppendInt64(x)
	return nil
}

func timestamp(v *source.Vector, data []byte) error {
	if len(data) != 8 {
		return errShort
	}
	x := int64(binary.BigEndian.Uint64(data))
	switch {
	case x == math.MaxInt64 || x == math.MinInt64:
		return errInfinite
	case x < source.MinMicro-epochMicros || x > source.MaxMicro-epochMicros:
		return errYear
	}
	v.AppendInt64(x + epochMicros)
	return nil
}

func identifier(oid uint32) Decoder {
	switch oid {
	case pgtype.UUIDOID, pgtype.ByteaOID:
		return uuid
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID:
		return uuidText
	}
	return nil
}

func uuid(v *source.Vector, data []byte) error {
	if len(data) != 16 {
		return errUUID
	}
	v.AppendUUID([16]byte(data))
	return nil
}

// uuidText reads what PostgreSQL takes for a UUID: 32 digits, with a hyphen behind
// any four of them or none, in braces or without. It reads texts here, and not by
// a cast in the database, whose error would not name the column.
func uuidText(v *source.Vector, data []byte) error {
	data = bytes.TrimRight(data, " ") // what char(n) is padded with
	if n := len(data); n > 1 && data[0] == '{' && data[n-1] == '}' {
		data = data[1 : n-1]
	}
	var digits [32]byte
	n := 0
	for i, c := range data {
		switch {
		case c == '-' && n > 0 && n < 32 && n%4 == 0 && data[i-1] != '-':
		case c == '-' || n == 32:
			return errUUIDText
		default:
			digits[n] = c
			n++
		}
	}
	var u [16]byte
	if _, err := hex.Decode(u[:], digits[:]); err != nil {
		return errUUIDText
	}
	v.AppendUUID(u)
	return nil
}

// text reads what is text on the wire, and for a String what it can write
// itself as the server would.
func text(k source.Kind, oid uint32) Decoder {
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.JSONOID:
		return (*source.Vector).AppendBytes
	case pgtype.JSONBOID:
		return jsonb
	}
	if k == source.JSON {
		return nil
	}
	switch oid {
	case pgtype.NameOID:
		return (*source.Vector).AppendBytes
	case pgtype.UUIDOID:
		return func(v *source.Vector, data []byte) error {
			if len(data) != 16 {
				return errUUID
			}
			var buf [36]byte
			return v.AppendBytes(source.AppendUUID(buf[:0], [16]byte(data)))
		}
	case pgtype.NumericOID:
		return numericText
	}
	return nil
}

func jsonb(v *source.Vector, data []byte) error {
	if len(data) < 1 || data[0] != 1 {
		return errJSONB
	}
	return v.AppendBytes(data[1:])
}
