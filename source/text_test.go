package source_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/source"
)

var kinds = []source.Kind{
	source.Bool, source.Int64, source.Float64, source.Decimal(38, 10), source.Decimal(38, 38), source.Decimal(1, 0), source.String,
	source.Bytes, source.Date, source.Timestamp, source.DateTime, source.UUID, source.JSON,
}

func vector(k source.Kind) *source.Vector {
	return source.NewBatch(source.Schema{{Name: "v", Kind: k}}, 0, 0).Col(0)
}

func TestD9_Text(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind source.Kind
		text string
		want string // empty: the same
	}{
		{source.Bool, "true", ""},
		{source.Bool, "false", ""},
		{source.Int64, "9223372036854775807", ""},
		{source.Int64, "-9223372036854775808", ""},
		{source.Float64, "0.1", ""},
		{source.Float64, "-0", ""},
		{source.Float64, "1e+21", ""},
		{source.Float64, "1e-07", ""},
		{source.Float64, "123456789012345680000", ""},
		{source.Float64, "5e-324", ""},
		{source.Float64, "1.7976931348623157e+308", ""},
		{source.Float64, "NaN", ""},
		{source.Float64, "Infinity", ""},
		{source.Float64, "-Infinity", ""},
		{source.Decimal(38, 0), strings.Repeat("9", 38), ""},
		{source.Decimal(38, 38), "-0." + strings.Repeat("9", 38), ""},
		{source.Decimal(12, 4), "12.5", "12.5000"},
		{source.String, "", ""},
		{source.String, "\x00\ufeffé\r\n", ""},
		{source.Bytes, "AP8=", ""},
		{source.Bytes, "", ""},
		{source.Date, "0001-01-01", ""},
		{source.Date, "9999-12-31", ""},
		{source.Date, "2024-02-29", ""},
		{source.Timestamp, "0001-01-01T00:00:00Z", ""},
		{source.Timestamp, "9999-12-31T23:59:59.999999Z", ""},
		{source.Timestamp, "1969-12-31T23:59:59.999999Z", ""},
		{source.Timestamp, "2026-03-29T03:30:00.5+02:00", "2026-03-29T01:30:00.500000Z"},
		{source.Timestamp, "2026-03-29T03:30:00.000001000Z", "2026-03-29T03:30:00.000001Z"},
		{source.DateTime, "2026-03-29T02:30:00", ""},
		{source.DateTime, "2026-03-29T02:30:00.000001", ""},
		{source.UUID, "0123abcd-0000-0000-0000-00000000000f", ""},
		{source.UUID, "0123ABCD00000000000000000000000F", "0123abcd-0000-0000-0000-00000000000f"},
		{source.JSON, `{"b": 1, "a": 12345678901234567890.10}`, ""},
		{source.JSON, "null", ""},
	}
	for _, tt := range tests {
		t.Run(tt.kind.String()+" "+tt.text, func(t *testing.T) {
			t.Parallel()
			v := vector(tt.kind)
			require.NoError(t, source.ParseText(v, tt.text))
			if tt.want == "" {
				tt.want = tt.text
			}
			require.Equal(t, "x"+tt.want, string(source.AppendText([]byte("x"), v, 0)))
		})
	}
}

func TestParseTextRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind  source.Kind
		texts []string
	}{
		{source.Bool, []string{"", "TRUE", "1", "t"}},
		{source.Int64, []string{"", "1.0", "9223372036854775808", "-9223372036854775809", "0x1", "1_000"}},
		{source.Float64, []string{"", "one", "1e999", "1,5"}},
		{source.Decimal(4, 2), []string{"", "100", "0.001", "NaN"}},
		{source.String, []string{"\xff", "a\xc3"}},
		{source.Bytes, []string{"A", "AP8", "AP8=\x00", "a-_="}},
		{source.Date, []string{"", "0000-12-31", "10000-01-01", "2026-02-29", "2026-1-1", "2026-01-01T00:00:00"}},
		{source.Timestamp, []string{
			"", "2026-01-01T00:00:00", "2026-01-01", "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00",
			"9999-12-31T23:59:59-01:00", "2026-01-01T00:00:00.0000001Z", "2026-01-01T00:00:00.0000000000001Z",
			"2026-01-01T00:00:00,0000001Z", "2026-01-01T24:00:00Z",
		}},
		{source.DateTime, []string{"", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0000001", "2026-01-01T00:00:00.00000000001"}},
		{source.UUID, []string{"", "0123abcd", "0123abcd-0000-0000-0000-00000000000g", "0123abcd+0000-0000-0000-00000000000f"}},
		{source.JSON, []string{"", "{", "1 2", "NaN", "\"\xff\""}},
	}
	for _, tt := range tests {
		for _, text := range tt.texts {
			v := vector(tt.kind)
			err := source.ParseText(v, text)
			require.Error(t, err, "%v %q", tt.kind, text)
			require.Zero(t, v.Len())
			if len(text) > 4 {
				require.NotContains(t, err.Error(), text, "no row's data in an error")
			}
		}
	}
}

// fill appends a cell that a kind can hold.
func fill(t *rapid.T, v *source.Vector) {
	switch k := v.Kind(); k.Base() {
	case source.Bool:
		v.AppendBool(rapid.Bool().Draw(t, "bool"))
	case source.Int64:
		v.AppendInt64(rapid.Int64().Draw(t, "int64"))
	case source.Float64:
		v.AppendFloat64(math.Float64frombits(rapid.Uint64().Draw(t, "float64")))
	case source.AnyDecimal:
		x := anyInt128().Draw(t, "decimal")
		for !x.Fits(k.Precision()) {
			x = source.Int128{Hi: x.Hi / 10, Lo: x.Lo / 10}
		}
		v.AppendDecimal(x)
	case source.Date:
		v.AppendInt64(rapid.Int64Range(source.MinMicro/86400e6, source.MaxMicro/86400e6).Draw(t, "date"))
	case source.Timestamp, source.DateTime:
		v.AppendInt64(rapid.Int64Range(source.MinMicro, source.MaxMicro).Draw(t, "time"))
	case source.UUID:
		v.AppendUUID([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid")))
	case source.Bytes:
		_ = v.AppendBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case source.JSON:
		text, _ := json.Marshal(rapid.String().Draw(t, "json"))
		_ = v.AppendBytes(text)
	default:
		_ = v.AppendString(rapid.String().Draw(t, "string"))
	}
}

// What AppendText writes, ParseText reads back as the same cell.
func TestD9_TextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(kinds).Draw(t, "kind")
		v, back := vector(k), vector(k)
		fill(t, v)
		text := string(source.AppendText(nil, v, 0))
		require.NoError(t, source.ParseText(back, text), text)
		requireSameCell(t, v, back)
		require.Equal(t, text, string(source.AppendText(nil, back, 0)))
	})
}

func requireSameCell(t require.TestingT, a, b *source.Vector) {
	switch a.Kind().Base() {
	case source.Bool:
		require.Equal(t, a.Bools(), b.Bools())
	case source.Float64:
		x, y := a.Float64s()[0], b.Float64s()[0]
		require.True(t, math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y))
	case source.AnyDecimal:
		require.Equal(t, a.Decimal(0), b.Decimal(0))
	case source.UUID:
		require.Equal(t, a.UUIDs(), b.UUIDs())
	case source.String, source.Bytes, source.JSON:
		require.Equal(t, string(a.Bytes(0)), string(b.Bytes(0)))
	default:
		require.Equal(t, a.Int64s(), b.Int64s())
	}
}

// Whatever ParseText accepts has a text that reads back as the same cell.
func FuzzParseText(f *testing.F) {
	for _, text := range []string{
		"true", "-1", "1e9", "NaN", "inf", "0x1p-2", "12.50", "AP8=", "2026-02-28", "2026-02-28T01:02:03.000004Z",
		"2026-02-28T01:02:03,5+05:30", "2026-02-28T01:02:03", "0123abcd-0000-0000-0000-00000000000f", `{"a":[1]}`, "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range kinds {
			v, back := vector(k), vector(k)
			if source.ParseText(v, text) != nil {
				continue
			}
			again := string(source.AppendText(nil, v, 0))
			require.NoError(t, source.ParseText(back, again), "%v %q", k, again)
			requireSameCell(t, v, back)
			if k.Temporal() {
				require.True(t, source.InRange(k, v.Int64s()[0]))
			}
		}
	})
}

func TestTextOfNull(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		v := vector(k)
		v.AppendNull()
		require.Equal(t, "x", string(source.AppendText([]byte("x"), v, 0)), k)
	}
}

func TestInstantAndDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.Int64Range(source.MinMicro, source.MaxMicro).Draw(t, "micros")
		at := source.Instant(source.Timestamp, micros)
		require.Equal(t, micros, at.UnixMicro())
		require.Equal(t, time.UTC, at.Location())
		day := source.Day(at)
		midnight := source.Instant(source.Date, day)
		require.False(t, midnight.After(at))
		require.Less(t, at.Sub(midnight), 24*time.Hour)
		require.True(t, source.InRange(source.Date, day))
	})
	require.False(t, source.InRange(source.Timestamp, source.MaxMicro+1))
	require.False(t, source.InRange(source.DateTime, source.MinMicro-1))
	require.False(t, source.InRange(source.Date, source.Day(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))))
	require.False(t, source.InRange(source.Date, source.Day(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC))))
	require.Equal(t, source.Day(time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)), source.Day(time.Date(2026, 3, 29, 23, 0, 0, 0, time.FixedZone("", -36000))))
}
