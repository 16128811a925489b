package sqlsource_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// one is a dataset of one column.
func one(kind source.Kind) sqlsource.Dataset {
	return sqlsource.Dataset{Name: "one", Table: "one", Unguarded: true, Fields: []source.Field{{Name: "x", Kind: kind}}}
}

func newSource(t testing.TB, f *fake, d sqlsource.Dialect, opts *sqlsource.Options, datasets ...sqlsource.Dataset) *sqlsource.Source {
	t.Helper()
	db := f.db()
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	src, err := sqlsource.New(db, d, datasets, opts)
	require.NoError(t, err)
	return src
}

var queryX = source.Query{Dataset: "one", Columns: []string{"x"}}

// TestD1_EarlyStopIsCounted has a driver that drops rows without an error: what
// was read and what the database counted in the same snapshot differ.
func TestD1_EarlyStopIsCounted(t *testing.T) {
	t.Parallel()
	f := &fake{columns: []string{"x"}, rows: [][]driver.Value{{int64(1)}, {int64(2)}, {int64(3)}}, give: 2}
	src := newSource(t, f, sqlsource.PostgreSQL, nil, one(source.Int64))
	r, err := src.Open(t.Context(), queryX)
	require.NoError(t, err)
	b := source.NewBatch(source.Schema{{Name: "x", Kind: source.Int64}}, 0, 0)
	require.NoError(t, r.Read(t.Context(), b))
	require.Equal(t, []int64{1, 2}, b.Col(0).Int64s())
	b.Reset()
	require.ErrorIs(t, r.Read(t.Context(), b), io.EOF)
	counted, known := r.(source.CountedReader).Count()
	require.True(t, known)
	require.EqualValues(t, 3, counted)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	require.Contains(t, f.said[0], "repeatable read, read only")
	require.Equal(t, "rollback", f.said[len(f.said)-1])
}

func TestOptions_OmitCount(t *testing.T) {
	t.Parallel()
	f := &fake{columns: []string{"x"}, rows: [][]driver.Value{{int64(1)}}}
	src := newSource(t, f, sqlsource.SQLite, &sqlsource.Options{OmitCount: true}, one(source.Int64))
	r, err := src.Open(t.Context(), queryX)
	require.NoError(t, err)
	_, known := r.(source.CountedReader).Count()
	require.False(t, known)
	require.NoError(t, r.Close())
	require.NotContains(t, strings.Join(f.said, "\n"), "count(*)")
}

func TestReader_DriverFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the wire is cut")
	f := &fake{columns: []string{"x"}, rows: [][]driver.Value{{int64(1)}}, fail: broken}
	src := newSource(t, f, sqlsource.SQLite, nil, one(source.Int64))
	r, err := src.Open(t.Context(), queryX)
	require.NoError(t, err)
	b := source.NewBatch(source.Schema{{Name: "x", Kind: source.Int64}}, 0, 0)
	require.ErrorIs(t, r.Read(t.Context(), b), broken)
	b.Reset()
	require.ErrorIs(t, r.Read(t.Context(), b), broken, "it stays so")
	require.NoError(t, r.Close())
}

// TestD9_DriverValues has what drivers hand out for each kind, and what must
// not become data.
func TestD9_DriverValues(t *testing.T) {
	t.Parallel()
	const lite, server = sqlsource.SQLite, sqlsource.MySQL
	id := [16]byte{0x01, 0x89, 0xf7, 0xe2, 15: 1}
	berlin := time.FixedZone("", 3600)
	tests := []struct {
		name    string
		kind    source.Kind
		dialect sqlsource.Dialect
		value   driver.Value
		want    string
		rule    string // of the error when there is no text
	}{
		{"bool", source.Bool, server, true, "true", ""},
		{"bool of 1", source.Bool, lite, int64(1), "true", ""},
		{"bool of a bit", source.Bool, server, []byte{0}, "false", ""},
		{"bool of a digit", source.Bool, server, []byte("1"), "true", ""},
		{"bool of 2", source.Bool, lite, int64(2), "", "an integer that is no bool"},
		{"bool of text", source.Bool, lite, "true", "", "a text that is no bool"},
		{"integer", source.Int64, lite, int64(math.MinInt64), "-9223372036854775808", ""},
		{"integer of digits", source.Int64, server, []byte("42"), "42", ""},
		{"integer too large", source.Int64, server, uint64(math.MaxUint64), "", "an integer that is no int64"},
		{"integer of a real", source.Int64, lite, 5.0, "", "a floating-point number that is no int64"},
		{"integer of a text", source.Int64, lite, "5", "", "a text that is no int64"},
		{"integer of words", source.Int64, server, []byte("5 apples"), "", "a text that is no int64"},
		{"float", source.Float64, lite, math.Inf(-1), "-Infinity", ""},
		{"float of an integer", source.Float64, lite, int64(1 << 53), "9007199254740992", ""},
		{"float of too large an integer", source.Float64, lite, int64(1<<53 + 1), "", "an integer that is no float64"},
		{"float of the largest integer", source.Float64, lite, int64(math.MaxInt64), "", "an integer that is no float64"},
		{"float of single precision", source.Float64, server, float32(0.1), "0.10000000149011612", ""},
		{"float of text", source.Float64, lite, "0.5", "", "a text that is no float64"},
		{"decimal of text", source.Decimal(38, 2), server, "-123456789012345678901234567890123456.78", "-123456789012345678901234567890123456.78", ""},
		{"decimal of bytes", source.Decimal(5, 2), server, []byte("1.50"), "1.50", ""},
		{"decimal of a real", source.Decimal(10, 2), lite, 0.99, "0.99", ""},
		{"decimal of a small real", source.Decimal(38, 20), lite, 1e-7, "0.00000010000000000000", ""},
		{"decimal of an integer", source.Decimal(19, 0), lite, int64(math.MaxInt64), "9223372036854775807", ""},
		{"decimal of unsigned", source.Decimal(20, 0), server, uint64(math.MaxUint64), "18446744073709551615", ""},
		{"decimal too exact", source.Decimal(10, 2), lite, 0.995, "", "not a decimal(10,2)"},
		{"decimal too large", source.Decimal(4, 2), server, "100", "", "not a decimal(4,2)"},
		{"decimal NaN", source.Decimal(4, 2), server, "NaN", "", "NaN in a decimal column"},
		{"decimal infinity", source.Decimal(4, 2), lite, math.Inf(1), "", "not a decimal(4,2)"},
		{"string", source.String, lite, "é", "é", ""},
		{"string of bytes", source.String, server, []byte("é"), "é", ""},
		{"string of a number", source.String, lite, 0.1, "0.1", ""},
		{"string of a blob", source.String, lite, []byte("é"), "", "bytes that is no string"},
		{"string of a number elsewhere", source.String, server, int64(1), "", "a number that is no string"},
		{"bytes", source.Bytes, lite, []byte{0xff}, "/w==", ""},
		{"bytes of a text", source.Bytes, lite, "text", "dGV4dA==", ""},
		{"date of a time", source.Date, server, time.Date(2026, 2, 28, 0, 0, 0, 0, berlin), "2026-02-28", ""},
		{"date of text", source.Date, lite, "2024-02-29", "2024-02-29", ""},
		{"date with a time", source.Date, lite, "2024-02-29 12:00:00", "", "a time of day in a date column"},
		{"date that is none", source.Date, lite, "2026-02-29", "", "a text that is no date"},
		{"date zero", source.Date, server, []byte("0000-00-00"), "", "a text that is no date"},
		{"timestamp of a time", source.Timestamp, server, time.Date(2026, 2, 28, 1, 0, 0, 1000, berlin), "2026-02-28T00:00:00.000001Z", ""},
		{"timestamp of nanoseconds", source.Timestamp, server, time.Date(2026, 2, 28, 1, 0, 0, 1, berlin), "", "digits below a microsecond"},
		{"timestamp of text with a zone", source.Timestamp, lite, "2026-02-28T01:00:00.5+01:00", "2026-02-28T00:00:00.500000Z", ""},
		{"timestamp of what Go writes", source.Timestamp, lite, "2026-02-28 01:00:00.25 +0100 CET m=+0.1", "2026-02-28T00:00:00.250000Z", ""},
		{"timestamp of text without", source.Timestamp, server, []byte("2026-02-28 01:00:00"), "2026-02-28T01:00:00Z", ""},
		{"timestamp infinite", source.Timestamp, server, []byte("infinity"), "", "a text that is no timestamp"},
		{"timestamp of an integer", source.Timestamp, server, int64(1), "", "declare its unit"},
		{"timestamp too early", source.Timestamp, server, time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "", "outside the years"},
		{"datetime", source.DateTime, server, time.Date(2026, 2, 28, 1, 0, 0, 0, berlin), "2026-02-28T01:00:00", ""},
		{"datetime with a zone", source.DateTime, lite, "2026-02-28T01:00:00Z", "", "a zone in a datetime column"},
		{"uuid of text", source.UUID, lite, "0189F7E2-0000-0000-0000-000000000001", "0189f7e2-0000-0000-0000-000000000001", ""},
		{"uuid of bytes", source.UUID, server, id[:], "0189f7e2-0000-0000-0000-000000000001", ""},
		{"uuid too short", source.UUID, server, []byte{1}, "", "bytes that is no uuid"},
		{"json", source.JSON, server, []byte(`{"a": 1.0}`), `{"a": 1.0}`, ""},
		{"a type of the driver's own", source.String, server, struct{}{}, "", "a value of another type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{columns: []string{"x"}, rows: [][]driver.Value{{nil}, {tt.value}}}
			src := newSource(t, f, tt.dialect, nil, one(tt.kind))
			var texts []string
			err := source.Each(t.Context(), src, queryX, func(b *source.Batch) error {
				require.True(t, b.Col(0).Null(0))
				texts = append(texts, string(source.AppendText(nil, b.Col(0), 1)))
				return nil
			})
			if tt.rule == "" {
				require.NoError(t, err)
				require.Equal(t, []string{tt.want}, texts)
				return
			}
			var bad *source.DataError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "one", bad.Dataset)
			require.Equal(t, "x", bad.Column)
			require.Contains(t, bad.Rule, tt.rule)
			require.Empty(t, texts)
		})
	}
}

func TestReader_FieldRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		field source.Field
		value driver.Value
		want  string
		fails bool
	}{
		{"null in a required column", source.Field{Kind: source.Int64, Required: true}, nil, "", true},
		{"NaN as null", source.Field{Kind: source.Decimal(4, 2), NullNaN: true}, "NaN", "", false},
		{"NaN as null in a required column", source.Field{Kind: source.Decimal(4, 2), NullNaN: true, Required: true}, "NaN", "", true},
		{"a scale rounded", source.Field{Kind: source.Decimal(4, 2), Round: true}, "1.125", "1.12", false},
		{"nanoseconds rounded to even", source.Field{Kind: source.Timestamp, Round: true}, "2026-01-01T00:00:00.0000005Z", "2026-01-01T00:00:00Z", false},
		{"nanoseconds rounded up", source.Field{Kind: source.Timestamp, Round: true}, "2026-01-01T00:00:00.0000015Z", "2026-01-01T00:00:00.000002Z", false},
		{"a cell too long", source.Field{Kind: source.String}, strings.Repeat("a", source.MaxCell+1), "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.field.Name = "x"
			d := one(source.Int64)
			d.Fields = []source.Field{tt.field}
			src := newSource(t, &fake{columns: []string{"x"}, rows: [][]driver.Value{{tt.value}}}, sqlsource.PostgreSQL, nil, d)
			err := source.Each(t.Context(), src, queryX, func(b *source.Batch) error {
				require.Equal(t, tt.want, string(source.AppendText(nil, b.Col(0), 0)))
				return nil
			})
			var bad *source.DataError
			require.Equal(t, tt.fails, errors.As(err, &bad), "%v", err)
		})
	}
}

func TestNew_NamesEveryProblem(t *testing.T) {
	t.Parallel()
	fields := []source.Field{{Name: "id", Kind: source.Int64}, {Name: "at", Kind: source.Timestamp}, {Name: "x", Kind: source.Float64}}
	tests := []struct {
		name    string
		dialect sqlsource.Dialect
		dataset sqlsource.Dataset
		want    []string
	}{
		{"nothing", sqlsource.SQLite, sqlsource.Dataset{}, []string{"no name", "exactly one of Tenant and Unguarded", "at least one field", "exactly one of Query and Table"}},
		{
			"roles", sqlsource.SQLite,
			sqlsource.Dataset{Name: "d", Table: "t", Tenant: "org", Key: []string{"x", "id", "id"}, Time: "id", Subject: "who", Fields: fields},
			[]string{`Tenant names the column "org"`, `"x" has the kind float64, which is no key`, `the column "id" twice`, `"id" has the kind int64: want date`, `Subject names the column "who"`},
		},
		{"storage", sqlsource.SQLite, sqlsource.Dataset{
			Name: "d", Table: "t", Unguarded: true, Fields: fields, Time: "at", TimeStorage: "02.01.2006",
			Storage: map[string]sqlsource.TimeStorage{"id": sqlsource.UnixMicros},
		}, []string{`"02.01.2006" is not a storage`, `declared for "id", which is no temporal column`}},
		{"native", sqlsource.SQLite, sqlsource.Dataset{Name: "d", Table: "t", Unguarded: true, Fields: fields, Time: "at", TimeStorage: sqlsource.Native}, []string{"SQLite has no native type"}},
		{"storage without time", sqlsource.MySQL, sqlsource.Dataset{Name: "d", Table: "t", Unguarded: true, Fields: fields, TimeStorage: sqlsource.Native}, []string{"TimeStorage is set and Time is not"}},
		{"parameters", sqlsource.SQLite, sqlsource.Dataset{Name: "d", Query: "select :who", Unguarded: true, Fields: fields}, []string{"the parameter :who"}},
		{"a bound undeclared", sqlsource.SQLite, sqlsource.Dataset{Name: "d", Query: "select 1 where at >= :from", Unguarded: true, Fields: fields, Time: "at"}, []string{"on SQLite TimeStorage"}},
		{"a bound that does not sort", sqlsource.SQLite, sqlsource.Dataset{
			Name: "d", Query: "select 1 where at >= :from", Unguarded: true, Fields: fields, Time: "at",
			TimeStorage: "2006-01-02T15:04:05.999Z",
		}, []string{"whose texts sort"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := (&fake{}).db()
			defer func() { require.NoError(t, db.Close()) }()
			_, err := sqlsource.New(db, tt.dialect, []sqlsource.Dataset{tt.dataset}, nil)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
	_, err := sqlsource.New(nil, 0, nil, nil)
	require.ErrorContains(t, err, "no database")
	require.ErrorContains(t, err, "no dialect")
	db := (&fake{}).db()
	defer func() { require.NoError(t, db.Close()) }()
	_, err = sqlsource.New(db, sqlsource.SQLite, []sqlsource.Dataset{one(source.Int64), one(source.Int64)}, nil)
	require.ErrorContains(t, err, `"one" is declared twice`)
}

func TestB2_OffWithReason(t *testing.T) {
	t.Parallel()
	d := one(source.Int64)
	d.Off = func(_ context.Context, tenant string) (string, error) {
		return map[string]string{"acme": "the plan does not include it", "broken": "?"}[tenant], map[string]error{"broken": io.ErrUnexpectedEOF}[tenant]
	}
	src := newSource(t, &fake{}, sqlsource.SQLite, nil, d)
	for tenant, want := range map[string]string{"acme": "the plan does not include it", "globex": ""} {
		datasets, err := src.Datasets(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, want, datasets[0].Off)
	}
	_, err := src.Datasets(t.Context(), "broken")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
