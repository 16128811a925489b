package slicesource_test

import (
	"database/sql"
	"encoding/json"
	"math"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

// loadOne returns the text of the only field of the only row.
func loadOne[T any](t *testing.T, row T) (text string, isNull bool, err error) {
	t.Helper()
	src, err := slicesource.New("rows", []T{row}, &slicesource.Options{Unguarded: true})
	require.NoError(t, err)
	datasets, err := src.Datasets(t.Context(), "acme")
	require.NoError(t, err)
	q := source.Query{Dataset: "rows", Columns: datasets[0].Schema.Names()}
	err = source.Each(t.Context(), src, q, func(b *source.Batch) error {
		text, isNull = string(source.AppendText(nil, b.Col(0), 0)), b.Col(0).Null(0)
		return nil
	})
	return text, isNull, err
}

type one[T any] struct{ V T }

// Each Go type gives its cell, every digit of it.
func TestD9_LoadTypes(t *testing.T) {
	t.Parallel()
	check := func(want string, load func(t *testing.T) (string, bool, error)) {
		t.Helper()
		got, isNull, err := load(t)
		require.NoError(t, err)
		require.False(t, isNull)
		require.Equal(t, want, got)
	}
	check("true", value(true))
	check("-128", value(int8(-128)))
	check("-32768", value(int16(math.MinInt16)))
	check("-2147483648", value(int32(math.MinInt32)))
	check("-9223372036854775808", value(int64(math.MinInt64)))
	check("9223372036854775807", value(math.MaxInt))
	check("255", value(uint8(255)))
	check("65535", value(uint16(65535)))
	check("4294967295", value(uint32(math.MaxUint32)))
	check("9223372036854775807", value(uint64(math.MaxInt64)))
	check("7", value(uint(7)))
	check("8", value(uintptr(8)))
	check("0.10000000149011612", value(float32(0.1)))
	check("NaN", value(math.NaN()))
	check("a\x00é", value("a\x00é"))
	check("new", value(Status("new")))
	check("AP8=", value([]byte{0, 255}))
	check("", value([]byte{}))
	check(`{"a": 1}`, value(json.RawMessage(`{"a": 1}`)))
	check("00000000-0000-0000-0000-0000000000ff", value([16]byte{15: 255}))
	check("1", value(Level(1)))
	seven := new(int)
	*seven = 7
	check("7", value(sql.Null[**int]{V: &seven, Valid: true}))
	check("2026-03-29T01:30:00.000001Z", value(time.Date(2026, 3, 29, 3, 30, 0, 1000, time.FixedZone("", 7200))))
	check("0001-01-01T00:00:00Z", value(time.Time{}))
	check("9999-12-31T23:59:59.999999Z", value(time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)))
}

type loading func(t *testing.T) (string, bool, error)

func value[T any](v T) loading {
	return func(t *testing.T) (string, bool, error) { return loadOne(t, one[T]{v}) }
}

func TestD9_LoadDeclared(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("", 7200)
	half := new(big.Int).Neg(new(big.Int).Exp(big.NewInt(10), big.NewInt(37), nil))
	type row struct {
		Cents    int64              `export:",decimal(12,2)" want:"-0.05"`
		Huge     uint64             `export:",decimal(20,0)" want:"18446744073709551615"`
		Text     string             `export:",decimal(6,3)" want:"1.500"`
		Rounded  string             `export:",decimal(6,1),round" want:"0.2"`
		Big      *big.Int           `export:",decimal(38,1)" want:"-1000000000000000000000000000000000000.0"`
		BigValue big.Int            `export:",decimal(38,0)" want:"18446744073709551616"`
		Wide     source.Int128      `export:",decimal(38,38)" want:"0.00000000000000000000000000000000000001"`
		Date     time.Time          `export:",date" want:"2026-03-29"`
		Wall     time.Time          `export:",datetime" want:"2026-03-29T01:30:00"`
		Even     time.Time          `export:",round" want:"2026-01-01T00:00:00.000002Z"`
		Up       time.Time          `export:",round" want:"2026-01-01T00:00:00.000002Z"`
		ID       string             `export:",uuid" want:"0123abcd-0000-0000-0000-00000000000f"`
		Doc      string             `export:",json" want:"[1]"`
		DocBytes []byte             `export:",json" want:"[2]"`
		Blob     string             `export:",bytes" want:"AA=="`
		Note     json.RawMessage    `export:",string" want:"note"`
		Level    Level              `export:",string" want:"high"`
		Addr     netip.Addr         `export:",string" want:"::1"`
		AddrPtr  *netip.Addr        `export:",string" want:"::1"`
		Fraction *big.Float         `export:",decimal(10,4)" want:"0.2500"`
		Null     sql.Null[Level]    `export:",string" want:"low"`
		Empty    netip.Addr         `export:",string" want:""`
		Uint     sql.Null[[16]byte] `want:"00000000-0000-0000-0000-000000000000"`
	}
	addr := netip.MustParseAddr("::1")
	r := row{
		Cents: -5, Huge: math.MaxUint64, Text: "15e-1", Rounded: "0.25", Big: half, Wide: source.Int128From(1),
		Date: time.Date(2026, 3, 29, 0, 0, 0, 0, east), Wall: time.Date(2026, 3, 29, 1, 30, 0, 0, east),
		Even: time.Date(2026, 1, 1, 0, 0, 0, 2500, time.UTC), Up: time.Date(2026, 1, 1, 0, 0, 0, 1500, time.UTC),
		ID: "0123ABCD00000000000000000000000F", Doc: "[1]", DocBytes: []byte("[2]"), Blob: "\x00", Note: []byte("note"), Level: 1,
		Addr: addr, AddrPtr: &addr, Fraction: big.NewFloat(0.25), Null: sql.Null[Level]{Valid: true}, Uint: sql.Null[[16]byte]{Valid: true},
	}
	r.BigValue.SetString("18446744073709551616", 10)
	requireWanted(t, r)
}

func TestNulls(t *testing.T) {
	t.Parallel()
	requireWanted(t, struct {
		Pointer *int               `want:"null"`
		Null    sql.Null[string]   `want:"null"`
		String  sql.NullString     `want:"null"`
		Int     sql.NullInt16      `want:"null"`
		Byte    sql.NullByte       `want:"null"`
		Time    sql.NullTime       `want:"null"`
		Big     *big.Int           `export:",decimal(9,0)" want:"null"`
		Bytes   []byte             `want:"null"`
		JSON    json.RawMessage    `want:"null"`
		Zero    int                `export:",zeronull" want:"null"`
		Empty   string             `export:",zeronull" want:"null"`
		Unset   time.Time          `export:",zeronull" want:"null"`
		Local   time.Time          `export:",zeronull" want:"null"`
		Set     int                `export:",zeronull" want:"3"`
		Slice   []byte             `want:""`
		Inner   *sql.Null[*string] `want:"null"`
	}{Set: 3, Slice: []byte{}, Local: time.Time{}.In(time.FixedZone("", 60)), Inner: new(sql.Null[*string])})
}

func TestDataErrors(t *testing.T) {
	t.Parallel()
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		name   string
		load   loading
		want   string
		digits bool
	}{
		{"uint64 above int64", value(uint64(math.MaxInt64 + 1)), "over the range of int64", false},
		{"nanoseconds", value(time.Unix(0, 1)), "below a microsecond", true},
		{"year 0", value(year(0)), "outside 1 to 9999", false},
		{"year 10000", value(year(10000)), "outside 1 to 9999", false},
		{"year 300000", value(year(300_000)), "outside 1 to 9999", false},
		{"date with a time", declared(struct {
			V time.Time `export:",date"`
		}{time.Unix(1, 0)}), "time of day", false},
		{"date of year 10000", declared(struct {
			V time.Time `export:",date"`
		}{year(10000)}), "outside 1 to 9999", false},
		{"datetime of year 10000 by its clock", declared(struct {
			V time.Time `export:",datetime"`
		}{time.Date(10000, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))}), "outside 1 to 9999", false},
		{"rounded over the end", declared(struct {
			V time.Time `export:",round"`
		}{time.Date(9999, 12, 31, 23, 59, 59, 999_999_900, time.UTC)}), "outside 1 to 9999", false},
		{"digits behind the scale", declared(struct {
			V string `export:",decimal(9,1)"`
		}{"0.25"}), "not a decimal(9,1)", true},
		{"not a number", declared(struct {
			V string `export:",decimal(9,1)"`
		}{"twelve"}), "not a decimal(9,1)", false},
		{"integer with too many digits", declared(struct {
			V int64 `export:",decimal(3,1)"`
		}{1000}), "not a decimal(3,1)", true},
		{"unsigned with too many digits", declared(struct {
			V uint8 `export:",decimal(2,1)"`
		}{100}), "not a decimal(2,1)", true},
		{"int128 with too many digits", declared(struct {
			V source.Int128 `export:",decimal(38,1)"`
		}{source.Int128{Hi: math.MinInt64}}), "not a decimal(38,1)", true},
		{"big.Int with too many bits", declared(struct {
			V *big.Int `export:",decimal(38,1)"`
		}{new(big.Int).Lsh(big.NewInt(1), 128)}), "not a decimal(38,1)", true},
		{"not a UUID", declared(struct {
			V string `export:",uuid"`
		}{"x"}), "not a UUID", false},
		{"a null that is required", declared(struct {
			V *int `export:",required"`
		}{}), "null in a required field", false},
		{"a zero that is null and required", declared(struct {
			V int `export:",zeronull,required"`
		}{}), "null in a required field", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := tt.load(t)
			var data *source.DataError
			require.ErrorAs(t, err, &data)
			require.Equal(t, "rows", data.Dataset)
			require.Equal(t, "v", data.Column)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, tt.digits, isDigits(err))
		})
	}
}

func declared[T any](row T) loading {
	return func(t *testing.T) (string, bool, error) { return loadOne(t, row) }
}
