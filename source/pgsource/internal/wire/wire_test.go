package wire_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/wire"
)

// cell decodes one value and returns its text.
func cell(f source.Field, oid uint32, data []byte) (string, error) {
	f.Name = "x"
	b := source.NewBatch(source.Schema{f}, 1, 0)
	if err := wire.For(f, oid)(b.Col(0), data); err != nil {
		return "", err
	}
	if b.Col(0).Null(0) {
		return "null", nil
	}
	return string(source.AppendText(nil, b.Col(0), 0)), nil
}

// numeric encodes a number in PostgreSQL's format through pgx.
func numeric(t testing.TB, text string) []byte {
	t.Helper()
	var n pgtype.Numeric
	require.NoError(t, n.Scan(text))
	data, err := pgtype.NewMap().Encode(pgtype.NumericOID, pgtype.BinaryFormatCode, n, nil)
	require.NoError(t, err)
	return data
}

func TestNumeric(t *testing.T) {
	t.Parallel()
	wide, round, nulls := source.Field{Kind: source.Decimal(38, 10)}, source.Field{Kind: source.Decimal(6, 2), Round: true}, source.Field{Kind: source.Decimal(6, 2), NullNaN: true}
	narrow := source.Field{Kind: source.Decimal(6, 2)}
	tests := []struct {
		name string
		in   string
		f    source.Field
		want string // empty: refused
	}{
		{"zero", "0", narrow, "0.00"},
		{"one", "1", narrow, "1.00"},
		{"negative", "-12.5", narrow, "-12.50"},
		{"small", "-0.01", narrow, "-0.01"},
		{"largest", "9999.99", narrow, "9999.99"},
		{"too large", "10000", narrow, ""},
		{"much too large", "100000000000000000000000000000000000000000", narrow, ""},
		{"digits behind the scale", "0.001", narrow, ""},
		{"many digits behind the scale", "0.00000000000000000000000000000000000001", narrow, ""},
		{"rounded down", "0.125", round, "0.12"},
		{"rounded up", "0.135", round, "0.14"},
		{"rounded by a late digit", "0.1250000000000000000000000001", round, "0.13"},
		{"rounded to too large", "9999.995", round, ""},
		{"NaN", "NaN", narrow, ""},
		{"NaN as null", "NaN", nulls, "null"},
		{"infinity as null is none", "Infinity", nulls, ""},
		{"infinity", "-Infinity", narrow, ""},
		{"38 digits", "9999999999999999999999999999.9999999999", wide, "9999999999999999999999999999.9999999999"},
		{"38 digits, negative", "-9999999999999999999999999999.9999999999", wide, "-9999999999999999999999999999.9999999999"},
		{"least", "0.0000000001", wide, "0.0000000001"},
		{"a gap", "1000000000000000000000000000.0000000001", wide, "1000000000000000000000000000.0000000001"},
		{"39 digits", "19999999999999999999999999999.9999999999", wide, ""},
		{"any", "123456789012345678901234567890123456789012345678901234567890.123", source.Field{Kind: source.String}, "123456789012345678901234567890123456789012345678901234567890.123"},
		{"shown zeros", "-0.0100", source.Field{Kind: source.String}, "-0.0100"},
		{"very small", "0.00000000000000000000000000000000000000000001", source.Field{Kind: source.String}, "0.00000000000000000000000000000000000000000001"},
		{"text of NaN", "NaN", source.Field{Kind: source.String}, "NaN"},
		{"text of infinity", "-Infinity", source.Field{Kind: source.String}, "-Infinity"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := cell(tt.f, pgtype.NumericOID, numeric(t, tt.in))
			if tt.want == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	days := func(d int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(d)) }
	micros := func(m int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(m)) }
	tests := []struct {
		name string
		kind source.Kind
		oid  uint32
		data []byte
		want string // empty: refused
	}{
		{"day 0", source.Date, pgtype.DateOID, days(0), "2000-01-01"},
		{"first day", source.Date, pgtype.DateOID, days(-730119), "0001-01-01"},
		{"before it", source.Date, pgtype.DateOID, days(-730120), ""},
		{"last day", source.Date, pgtype.DateOID, days(2921939), "9999-12-31"},
		{"after it", source.Date, pgtype.DateOID, days(2921940), ""},
		{"infinite day", source.Date, pgtype.DateOID, days(math.MaxInt32), ""},
		{"infinite day, past", source.Date, pgtype.DateOID, days(math.MinInt32), ""},
		{"epoch", source.Timestamp, pgtype.TimestamptzOID, micros(0), "2000-01-01T00:00:00Z"},
		{"before it by one", source.DateTime, pgtype.TimestampOID, micros(-1), "1999-12-31T23:59:59.999999"},
		{"utc without a zone", source.Timestamp, pgtype.TimestampOID, micros(1), "2000-01-01T00:00:00.000001Z"},
		{"infinite", source.Timestamp, pgtype.TimestamptzOID, micros(math.MaxInt64), ""},
		{"infinite, past", source.DateTime, pgtype.TimestampOID, micros(math.MinInt64), ""},
		{"the server's last", source.Timestamp, pgtype.TimestamptzOID, micros(9223371331200000000 - 1), ""},
		{"the server's first", source.Timestamp, pgtype.TimestamptzOID, micros(-211813488000000000), ""},
		{"short", source.Timestamp, pgtype.TimestamptzOID, days(1), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := cell(source.Field{Kind: tt.kind}, tt.oid, tt.data)
			require.Equal(t, tt.want == "", err != nil)
			require.Equal(t, tt.want, got)
		})
	}
}

// A UUID is read from texts as PostgreSQL's own cast reads them.
func TestUUID(t *testing.T) {
	t.Parallel()
	const want = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
	tests := []struct {
		name, text string
		good       bool
	}{
		{"as it is written", want, true},
		{"capitals", "6F9619FF-8B86-D011-B42D-00C04FC964FF", true},
		{"digits alone", "6f9619ff8b86d011b42d00c04fc964ff", true},
		{"in braces", "{6f9619ff-8b86-d011-b42d-00c04fc964ff}", true},
		{"a hyphen behind each four", "6f96-19ff-8b86-d011-b42d-00c0-4fc9-64ff", true},
		{"padded", want + "    ", true},
		{"empty", "", false},
		{"braces", "{}", false},
		{"one brace", "{" + want, false},
		{"short", want[:35], false},
		{"long", want + "0", false},
		{"a hyphen behind three", "6f9-619ff8b86d011b42d00c04fc964ff", false},
		{"two hyphens", "6f96--19ff8b86d011b42d00c04fc964ff", false},
		{"a hyphen in front", "-6f9619ff8b86d011b42d00c04fc964ff", false},
		{"a hyphen at the end", "6f9619ff8b86d011b42d00c04fc964ff-", false},
		{"no digit", "6g9619ff-8b86-d011-b42d-00c04fc964ff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, oid := range []uint32{pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID} {
				got, err := cell(source.Field{Kind: source.UUID}, oid, []byte(tt.text))
				if !tt.good {
					require.EqualError(t, err, "a text that is no uuid")
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
	_, err := cell(source.Field{Kind: source.UUID}, pgtype.ByteaOID, []byte("short"))
	require.Error(t, err)
}

// What a kind does not take has no decoder.
func TestFor_Refuses(t *testing.T) {
	t.Parallel()
	for kind, oid := range map[source.Kind]uint32{
		source.Bool: pgtype.TextOID, source.Int64: pgtype.NumericOID, source.Float64: pgtype.NumericOID, source.Decimal(5, 2): pgtype.Float8OID,
		source.Date: pgtype.TimestampOID, source.DateTime: pgtype.TimestamptzOID, source.Timestamp: pgtype.DateOID,
		source.UUID: pgtype.Int8OID, source.Bytes: pgtype.TextOID, source.JSON: pgtype.UUIDOID, source.String: pgtype.Int4OID,
	} {
		require.Nil(t, wire.For(source.Field{Kind: kind}, oid), kind)
	}
}

// accepted are all pairs of a field and a type that are decoded.
func accepted() (fields []source.Field, oids []uint32) {
	kinds := []source.Kind{
		source.Bool, source.Int64, source.Float64, source.Decimal(12, 4), source.Decimal(38, 10), source.Decimal(38, 38), source.String,
		source.Bytes, source.Date, source.Timestamp, source.DateTime, source.UUID, source.JSON,
	}
	for oid := range uint32(4000) {
		for _, k := range kinds {
			f := source.Field{Name: "x", Kind: k, Round: oid%2 == 0}
			if wire.For(f, oid) != nil {
				fields, oids = append(fields, f), append(oids, oid)
			}
		}
	}
	return fields, oids
}

// No bytes that a server could send make a decoder panic or write outside of its
// cell.
func FuzzDecode(f *testing.F) {
	fields, oids := accepted()
	for i := range fields {
		for _, n := range []int{0, 1, 2, 4, 8, 12, 16} {
			f.Add(uint16(i), make([]byte, n))
		}
	}
	f.Add(uint16(3), numeric(f, "-12345.6789"))
	f.Fuzz(func(t *testing.T, which uint16, data []byte) {
		i := int(which) % len(fields)
		b := source.NewBatch(source.Schema{fields[i]}, 0, 0)
		if err := wire.For(fields[i], oids[i])(b.Col(0), data); err == nil {
			require.NoError(t, b.SetLen(1))
			source.AppendText(nil, b.Col(0), 0)
		}
	})
}

// A numeric decodes to the number that pgx decodes.
func FuzzNumeric(f *testing.F) {
	for _, text := range []string{
		"0", "1", "-1", "0.5", "12.3400", "-0.0001", "99999999.9999", "100000000", "10000", "0.00010000", "0.000000000000000000000000000001", "123456789012345678901234567890.12345678",
		"NaN", "Infinity", "-Infinity", "9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999",
	} {
		f.Add(numeric(f, text))
	}
	f.Add([]byte{0, 1, 0xff, 0xfe, 0, 0, 0, 3, 0, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 8 {
			return
		}
		weight, count := int(int16(binary.BigEndian.Uint16(data[2:]))), int(binary.BigEndian.Uint16(data))
		if weight > 100 || weight < -100 { // pgx takes memory for any weight
			return
		}
		// The server shows every digit that it sends; pgx drops what is not shown.
		data = slices.Clone(data)
		if all := 4 * (count - weight - 1); int(binary.BigEndian.Uint16(data[6:])) < all {
			binary.BigEndian.PutUint16(data[6:], uint16(all))
		}
		var want pgtype.Numeric
		pgxErr := pgtype.NewMap().Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, data, &want)
		text, err := cell(source.Field{Kind: source.String}, pgtype.NumericOID, data)
		if err != nil || pgxErr != nil {
			return // pgx takes digits over 9999 and lengths that do not fit
		}
		if want.NaN || want.InfinityModifier != pgtype.Finite {
			require.Contains(t, []string{"NaN", "Infinity", "-Infinity"}, text)
			return
		}
		exact := rational(t, want)
		for _, kind := range []source.Kind{source.Decimal(12, 4), source.Decimal(38, 10), source.Decimal(38, 0), source.Decimal(38, 38)} {
			got, err := cell(source.Field{Kind: kind}, pgtype.NumericOID, data)
			fits := fits(exact, kind)
			if err != nil {
				require.ErrorIs(t, err, source.ErrDigits)
				require.False(t, fits, "%s is refused by %v", exact, kind)
				continue
			}
			require.True(t, fits, "%s is taken by %v as %s", exact, kind, got)
			decimal, ok := new(big.Rat).SetString(got)
			require.True(t, ok)
			require.Zero(t, exact.Cmp(decimal), "%s, want %s", got, exact)
		}
	})
}

func rational(t *testing.T, n pgtype.Numeric) *big.Rat {
	t.Helper()
	require.Less(t, math.Abs(float64(n.Exp)), 1e5)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n.Exp, -n.Exp))), nil)
	r := new(big.Rat).SetInt(n.Int)
	if n.Exp < 0 {
		return r.Quo(r, new(big.Rat).SetInt(scale))
	}
	return r.Mul(r, new(big.Rat).SetInt(scale))
}

func fits(x *big.Rat, k source.Kind) bool {
	scaled := new(big.Rat).Mul(x, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k.Scale())), nil)))
	if !scaled.IsInt() {
		return false
	}
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(k.Precision())), nil)
	return new(big.Int).Abs(scaled.Num()).Cmp(limit) < 0
}

func TestRows(t *testing.T) {
	t.Parallel()
	fields := source.Schema{{Name: "a", Kind: source.Int64}, {Name: "b", Kind: source.String}}
	decoders := []wire.Decoder{wire.For(fields[0], pgtype.Int4OID), wire.For(fields[1], pgtype.TextOID)}
	var data []byte
	for _, row := range [][][]byte{{{0, 0, 0, 7}, []byte("x")}, {nil, {}}, {{0xff, 0xff, 0xff, 0xff}, nil}} {
		var tooLong int
		data, tooLong = wire.AppendRow(data, row)
		require.Equal(t, -1, tooLong)
	}
	b := source.NewBatch(fields, 0, 0)
	_, err := wire.DecodeRows(b, decoders, data, 3)
	require.NoError(t, err)
	require.NoError(t, b.SetLen(3))
	require.Equal(t, []int64{7, 0, -1}, b.Col(0).Int64s())
	require.True(t, b.Col(0).Null(1))
	require.False(t, b.Col(1).Null(1))
	require.True(t, b.Col(1).Null(2))

	for cut := range len(data) {
		b := source.NewBatch(fields, 0, 0)
		_, err := wire.DecodeRows(b, decoders, data[:cut], 3)
		require.Error(t, err, "cut at %d", cut)
	}
	_, tooLong := wire.AppendRow(nil, [][]byte{nil, make([]byte, source.MaxCell+1)})
	require.Equal(t, 1, tooLong)
}

// Decoding allocates nothing for a cell.
func TestDecode_Allocations(t *testing.T) {
	fields := source.Schema{
		{Name: "n", Kind: source.Decimal(12, 4)},
		{Name: "w", Kind: source.Decimal(38, 10)},
		{Name: "s", Kind: source.String},
		{Name: "t", Kind: source.Timestamp},
		{Name: "u", Kind: source.UUID},
		{Name: "i", Kind: source.Int64},
		{Name: "x", Kind: source.String},
	}
	oids := []uint32{pgtype.NumericOID, pgtype.NumericOID, pgtype.NumericOID, pgtype.TimestamptzOID, pgtype.UUIDOID, pgtype.Int4OID, pgtype.UUIDOID}
	wide := numeric(t, "-1234567890123456789012345678.0123456789")
	row, _ := wire.AppendRow(nil, [][]byte{numeric(t, "12.5"), wide, wide, make([]byte, 8), make([]byte, 16), make([]byte, 4), make([]byte, 16)})
	decoders := make([]wire.Decoder, len(fields))
	for i := range fields {
		decoders[i] = wire.For(fields[i], oids[i])
	}
	b := source.NewBatch(fields, 0, 0)
	allocs := testing.AllocsPerRun(100, func() {
		b.Reset()
		if _, err := wire.DecodeRows(b, decoders, row, 1); err != nil {
			panic(err)
		}
	})
	require.Zero(t, allocs)
}

// A value that does not fit is told from a server that errs.
func TestErrors(t *testing.T) {
	t.Parallel()
	_, err := cell(source.Field{Kind: source.Decimal(3, 1)}, pgtype.Int4OID, []byte{0, 0, 1, 0})
	require.ErrorIs(t, err, source.ErrDigits)
	_, err = cell(source.Field{Kind: source.Bool}, pgtype.Int2OID, []byte{0, 2})
	require.Error(t, err)
	require.False(t, errors.Is(err, source.ErrDigits))
	got, err := cell(source.Field{Kind: source.Decimal(38, 4)}, pgtype.Int8OID, binary.BigEndian.AppendUint64(nil, 1<<63))
	require.NoError(t, err)
	require.Equal(t, "-9223372036854775808.0000", got)
	_, err = cell(source.Field{Kind: source.Float64}, pgtype.Int8OID, binary.BigEndian.AppendUint64(nil, 1<<53+1))
	require.Error(t, err)
}
