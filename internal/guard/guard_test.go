package guard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/guard"
	"github.com/exportyard/exportyard/source"
)

// secret stands in the cells of every row that is refused, so that no error can
// hold a cell without it showing.
const secret = "5ECRET"

// column makes a batch of one column from texts, "NULL" being null.
func column(t require.TestingT, f source.Field, cells ...string) *source.Batch {
	b := source.NewBatch(source.Schema{f}, 0, 0)
	for _, cell := range cells {
		if cell == "NULL" {
			b.Col(0).AppendNull()
		} else {
			require.NoError(t, source.ParseText(b.Col(0), cell))
		}
		b.EndRow()
	}
	return b
}

// raw makes a batch of one String or JSON column from bytes that nobody has checked.
func raw(t require.TestingT, kind source.Kind, cells ...string) *source.Batch {
	b := source.NewBatch(source.Schema{{Name: "c", Kind: kind}}, 0, 0)
	for _, cell := range cells {
		require.NoError(t, b.Col(0).AppendString(cell))
		b.EndRow()
	}
	return b
}

func check(t require.TestingT, r guard.Rule, b *source.Batch) error {
	r.Dataset, r.Schema = "runs", b.Schema()
	g, err := guard.New(r)
	require.NoError(t, err)
	return g.Check(b)
}

// refused holds an error of the guard to what every one of them says, and does not.
func refused(t require.TestingT, err error, rule string) {
	var data *source.DataError
	require.ErrorAs(t, err, &data)
	require.Equal(t, source.DataError{Dataset: "runs", Column: "c", Rule: rule}, *data)
	require.NotContains(t, err.Error(), secret)
}

func TestD5_EveryRowIsOfTheTenant(t *testing.T) {
	t.Parallel()
	const foreign = "a row of another tenant"
	for _, tt := range []struct {
		kind        source.Kind
		own, others string
	}{
		{source.String, "acme", "acme" + secret},
		{source.String, "acme", ""},
		{source.String, "acme", "Acme"},
		{source.Int64, "42", "43"},
		{source.Int64, "-9223372036854775808", "9223372036854775807"},
		{source.UUID, "5a1de3a6-5f0e-4f53-8f4b-2b1c7a6f3e11", "5a1de3a6-5f0e-4f53-8f4b-2b1c7a6f3e12"},
		{source.Decimal(5, 0), "42", "43"},
		{source.Decimal(38, 2), "42.00", "42.01"},
		{source.Bool, "true", "false"},
		{source.Float64, "1.5", "1.25"},
		{source.Bytes, "AAEC", "AAED"},
		{source.Date, "2026-10-01", "2026-10-02"},
		{source.Timestamp, "2026-10-01T00:00:00Z", "2026-10-01T00:00:00.000001Z"},
		{source.DateTime, "2026-10-01T00:00:00", "2026-10-01T00:00:01"},
		{source.JSON, `"acme"`, `"globex"`},
	} {
		t.Run(fmt.Sprintf("%v %s", tt.kind, tt.others), func(t *testing.T) {
			t.Parallel()
			field := source.Field{Name: "c", Kind: tt.kind}
			rule := guard.Rule{TenantColumn: "c", Tenant: tt.own}
			require.NoError(t, check(t, rule, column(t, field, tt.own, tt.own, tt.own)))
			for _, cells := range [][]string{
				{tt.others}, {tt.others, tt.own, tt.own}, {tt.own, tt.others, tt.own}, {tt.own, tt.own, tt.others},
			} {
				refused(t, check(t, rule, column(t, field, cells...)), foreign)
			}
			for _, cells := range [][]string{{"NULL"}, {"NULL", tt.own}, {tt.own, tt.own, "NULL"}} {
				refused(t, check(t, rule, column(t, field, cells...)), foreign)
			}
		})
	}
}

// The empty text, zero and all zeros are what a null cell holds.
func TestD5_NullIsNotTheTenantThatLooksLikeIt(t *testing.T) {
	t.Parallel()
	for kind, tenant := range map[source.Kind]string{
		source.String: "", source.Int64: "0", source.UUID: "00000000-0000-0000-0000-000000000000", source.Decimal(3, 0): "0", source.Bool: "false",
	} {
		field := source.Field{Name: "c", Kind: kind}
		rule := guard.Rule{TenantColumn: "c", Tenant: tenant}
		require.NoError(t, check(t, rule, column(t, field, tenant)), kind)
		refused(t, check(t, rule, column(t, field, tenant, "NULL")), "a row of another tenant")
	}
}

func TestD5_RulesThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		rule guard.Rule
		want string
	}{
		{"no such tenant column", guard.Rule{TenantColumn: "tenant", Tenant: "acme"}, `dataset "runs", column "tenant": the tenant's column is not read`},
		{"not a tenant", guard.Rule{TenantColumn: "id", Tenant: secret}, `dataset "runs", column "id": the tenant's id is not a value of this column's kind`},
		{"no such time column", guard.Rule{TimeColumn: "updated"}, `dataset "runs", column "updated": the time's column is not read, or not a time`},
		{"not a time", guard.Rule{TimeColumn: "id"}, `dataset "runs", column "id": the time's column is not read, or not a time`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.rule.Dataset, tt.rule.Schema = "runs", source.Schema{{Name: "id", Kind: source.Int64}, {Name: "org", Kind: source.String}}
			_, err := guard.New(tt.rule)
			var data *source.DataError
			require.ErrorAs(t, err, &data)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestR20_EveryRowIsInTheRange(t *testing.T) {
	t.Parallel()
	const outside = "a row outside of the part's time range"
	at := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		t0, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return t0
	}
	for _, tt := range []struct {
		name     string
		kind     source.Kind
		from, to string
		in, out  []string
	}{
		{
			"instants", source.Timestamp, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z",
			[]string{"2026-10-01T00:00:00Z", "2026-10-31T23:59:59.999999Z"},
			[]string{"2026-09-30T23:59:59.999999Z", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00.000001Z"},
		},
		{
			"bounds in a zone", source.Timestamp, "2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00",
			[]string{"2026-09-30T22:00:00Z", "2026-10-31T22:59:59.999999Z"},
			[]string{"2026-09-30T21:59:59.999999Z", "2026-10-31T23:00:00Z"},
		},
		{
			"wall readings", source.DateTime, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z",
			[]string{"2026-10-01T00:00:00", "2026-10-31T23:59:59.999999"},
			[]string{"2026-09-30T23:59:59.999999", "2026-11-01T00:00:00"},
		},
		{
			"days", source.Date, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z",
			[]string{"2026-10-01", "2026-10-31"},
			[]string{"2026-09-30", "2026-11-01"},
		},
		{
			"days, and bounds within them", source.Date, "2026-10-01T12:00:00Z", "2026-10-03T12:00:00Z",
			[]string{"2026-10-02", "2026-10-03"},
			[]string{"2026-10-01", "2026-10-04"},
		},
		{
			"bounds between microseconds", source.Timestamp, "2026-10-01T00:00:00.0000001Z", "2026-10-01T00:00:01.0000009Z",
			[]string{"2026-10-01T00:00:00.000001Z", "2026-10-01T00:00:01Z"},
			[]string{"2026-10-01T00:00:00Z", "2026-10-01T00:00:01.000001Z"},
		},
		{
			"before 1970", source.Timestamp, "1969-12-31T23:59:59.9999995Z", "1970-01-01T00:00:00.0000005Z",
			[]string{"1970-01-01T00:00:00Z"},
			[]string{"1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000001Z"},
		},
		{
			"from the beginning", source.Timestamp, "", "2026-11-01T00:00:00Z",
			[]string{"0001-01-01T00:00:00Z", "2026-10-31T23:59:59.999999Z"},
			[]string{"2026-11-01T00:00:00Z"},
		},
		{
			"to the end", source.Date, "2026-10-01T00:00:00Z", "",
			[]string{"2026-10-01", "9999-12-31"},
			[]string{"2026-09-30", "0001-01-01"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			field := source.Field{Name: "c", Kind: tt.kind}
			rule := guard.Rule{TimeColumn: "c", From: at(tt.from), To: at(tt.to)}
			require.NoError(t, check(t, rule, column(t, field, tt.in...)))
			for _, cell := range tt.out {
				refused(t, check(t, rule, column(t, field, cell)), outside)
				refused(t, check(t, rule, column(t, field, tt.in[0], cell, tt.in[1%len(tt.in)])), outside)
			}
			refused(t, check(t, rule, column(t, field, tt.in[0], "NULL")), "a row without a time in a part that is restricted by it")
		})
	}
}

func TestR16_TextIsUTF8(t *testing.T) {
	t.Parallel()
	const invalid = "not valid UTF-8"
	for _, tt := range []struct {
		name  string
		cells []string
		bad   bool
	}{
		{"nothing", nil, false},
		{"empty cells", []string{"", "", ""}, false},
		{"plain", []string{"a", "b"}, false},
		{"of every length", []string{"a\x00", "é", "你", "👋", "\U0010ffff", "\ufeff", "\ufffd"}, false},
		{"a lone byte", []string{secret, "\xff"}, true},
		{"cut short at the end", []string{secret, "\xe4\xbd"}, true},
		{"a character cut across two cells", []string{secret + "\xe4", "\xbd\xa0"}, true},
		{"cut across cells with an empty one between", []string{secret + "\xf0\x9f", "", "\x91\x8b"}, true},
		{"a cell that begins in the middle", []string{"\xbd\xa0" + secret}, true},
		{"a surrogate", []string{"\xed\xa0\x80"}, true},
		{"a form that is too long", []string{"\xc0\xaf"}, true},
		{"above Unicode", []string{"\xf4\x90\x80\x80"}, true},
	} {
		for _, kind := range []source.Kind{source.String, source.JSON} {
			t.Run(fmt.Sprintf("%v %s", kind, tt.name), func(t *testing.T) {
				t.Parallel()
				cells := append([]string(nil), tt.cells...)
				if kind == source.JSON && !tt.bad {
					for i := range cells {
						cells[i] = `"` + strings.ReplaceAll(cells[i], "\x00", "") + `"`
					}
				}
				err := check(t, guard.Rule{}, raw(t, kind, cells...))
				if tt.bad {
					refused(t, err, invalid)
				} else {
					require.NoError(t, err)
				}
			})
		}
	}
	require.NoError(t, check(t, guard.Rule{}, raw(t, source.Bytes, "\xff\xe4")), "bytes may be anything")
}

// What a reader vouches for is not looked at, and what was looked at is vouched for.
func TestR16_TextIsCheckedOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []source.Kind{source.String, source.JSON} {
		b := raw(t, kind, `"x"`)
		require.NoError(t, check(t, guard.Rule{}, b))
		require.True(t, b.Col(0).Vouched(), kind)
		b = raw(t, kind, "\xff")
		refused(t, check(t, guard.Rule{}, b), "not valid UTF-8")
		require.False(t, b.Col(0).Vouched(), kind)
		b.Col(0).Vouch()
		require.NoError(t, check(t, guard.Rule{}, b), kind)
	}
}

func TestR16_TextIsCheckedCellByCell(t *testing.T) {
	t.Parallel()
	pieces := []string{"", "a", "é", "你", "👋", "\xe4", "\xbd\xa0", "\xf0\x9f", "\x91\x8b", "\xc3", "\xa9", "\xff"}
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 3).Draw(t, "pieces"), "")
		}), 0, 6).Draw(t, "cells")
		valid := true
		for _, cell := range cells {
			valid = valid && utf8.ValidString(cell)
		}
		err := check(t, guard.Rule{}, raw(t, source.String, cells...))
		require.Equal(t, valid, err == nil, "%q: %v", cells, err)
	})
}

func TestR16_JSONIsOneValue(t *testing.T) {
	t.Parallel()
	for _, good := range []string{`{}`, `[1, 2]`, `"x"`, `null`, ` {"a" : 1.50} `, `123456789012345678901234567890`, `-0.0e-5`} {
		require.NoError(t, check(t, guard.Rule{}, raw(t, source.JSON, "1", good, "2")), good)
	}
	for _, bad := range []string{``, ` `, `{`, `{} {}`, `[1,]`, `NaN`, `'a'`, `{"a": 5ECRET}`, "\"\x00\"", `01`, "\ufeff{}"} {
		refused(t, check(t, guard.Rule{}, raw(t, source.JSON, "1", bad, "2")), "not one valid JSON value")
	}
	require.NoError(t, check(t, guard.Rule{}, column(t, source.Field{Name: "c", Kind: source.JSON}, "NULL", `{}`, "NULL")), "a null is no text")
}

func TestR16_YearsFrom1To9999(t *testing.T) {
	t.Parallel()
	for _, kind := range []source.Kind{source.Date, source.Timestamp, source.DateTime} {
		first, last := int64(source.MinMicro), int64(source.MaxMicro)
		if kind == source.Date {
			first, last = source.Day(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), source.Day(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
		}
		for cell, ok := range map[int64]bool{first: true, last: true, first - 1: false, last + 1: false, -1 << 63: false, 1<<63 - 1: false} {
			b := source.NewBatch(source.Schema{{Name: "c", Kind: kind}}, 0, 0)
			for _, x := range []int64{0, cell, 0} {
				b.Col(0).AppendInt64(x)
				b.EndRow()
			}
			err := check(t, guard.Rule{}, b)
			if ok {
				require.NoError(t, err, "%v %d", kind, cell)
			} else {
				refused(t, err, "a year outside of 1 to 9999")
			}
		}
		require.NoError(t, check(t, guard.Rule{}, column(t, source.Field{Name: "c", Kind: kind}, "NULL")))
	}
}

func TestD9_DecimalsHaveTheDigitsOfTheirKind(t *testing.T) {
	t.Parallel()
	minus := func(x uint64) source.Int128 { return source.Int128{Hi: -1, Lo: -x} }
	for _, tt := range []struct {
		name string
		kind source.Kind
		cell source.Int128
		ok   bool
	}{
		{"the largest", source.Decimal(4, 2), source.Int128{Lo: 9999}, true},
		{"one more", source.Decimal(4, 2), source.Int128{Lo: 10000}, false},
		{"the least", source.Decimal(4, 2), minus(9999), true},
		{"one less", source.Decimal(4, 2), minus(10000), false},
		{"38 digits", source.Decimal(38, 0), source.Int128{Hi: 5421010862427522170, Lo: 687399551400673279}, true},
		{"39 digits", source.Decimal(38, 0), source.Int128{Hi: 5421010862427522170, Lo: 687399551400673280}, false},
		{"the least of all", source.Decimal(38, 0), source.Int128{Hi: -1 << 63}, false},
		{"a high half in a small kind", source.Decimal(1, 0), source.Int128{Hi: 1, Lo: 5}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := source.NewBatch(source.Schema{{Name: "c", Kind: tt.kind}}, 0, 0)
			for _, x := range []source.Int128{{}, tt.cell, {}} {
				b.Col(0).AppendDecimal(x)
				b.EndRow()
			}
			if err := check(t, guard.Rule{}, b); tt.ok {
				require.NoError(t, err)
			} else {
				refused(t, err, "more digits than the kind holds")
			}
		})
	}
	require.NoError(t, check(t, guard.Rule{}, column(t, source.Field{Name: "c", Kind: source.Decimal(1, 0)}, "NULL")))
}

func TestD9_RequiredFieldsHaveNoNull(t *testing.T) {
	t.Parallel()
	for _, kind := range []source.Kind{source.Int64, source.String, source.UUID, source.Bool, source.Float64, source.Bytes, source.JSON, source.Date} {
		field := source.Field{Name: "c", Kind: kind}
		require.NoError(t, check(t, guard.Rule{}, column(t, field, "NULL", "NULL")), kind)
		field.Required = true
		refused(t, check(t, guard.Rule{}, column(t, field, "NULL")), "a null in a field that is declared required")
	}
}

func TestD9_VectorsAreOfTheirKindAndLength(t *testing.T) {
	t.Parallel()
	kinds := []source.Kind{
		source.Bool, source.Int64, source.Float64, source.Decimal(9, 2), source.String, source.Bytes,
		source.Date, source.Timestamp, source.DateTime, source.UUID, source.JSON,
	}
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			own := source.Schema{{Name: "c", Kind: kind}}
			g, err := guard.New(guard.Rule{Dataset: "runs", Schema: own})
			require.NoError(t, err)

			for _, other := range append(kinds, source.Decimal(9, 3)) {
				b := column(t, source.Field{Name: "c", Kind: other}, "NULL")
				if other == kind {
					require.NoError(t, g.Check(b))
				} else {
					refused(t, g.Check(b), fmt.Sprintf("the source gave a %v for a %v", other, kind))
				}
			}

			b := source.NewBatch(own, 0, 0)
			b.EndRow()
			refused(t, g.Check(b), "the source gave 0 cells in a batch of 1 rows")
			b.Col(0).AppendNull()
			require.NoError(t, g.Check(b))
			b.Col(0).AppendNull()
			refused(t, g.Check(b), "the source gave 2 cells in a batch of 1 rows")

			b.Reset()
			if kind == source.Bool {
				b.Col(0).AppendFloat64(1)
			} else {
				b.Col(0).AppendBool(true)
			}
			b.EndRow()
			refused(t, g.Check(b), fmt.Sprintf("the source gave cells that are no %v", kind))
		})
	}
}

// A reader that appends to the tenant's column in the wrong way would else leave
// nothing there to look at.
func TestD5_CellsOfAnotherKindAreNoTenants(t *testing.T) {
	t.Parallel()
	b := source.NewBatch(source.Schema{{Name: "c", Kind: source.Int64}}, 0, 0)
	require.NoError(t, b.Col(0).AppendString(secret))
	b.EndRow()
	refused(t, check(t, guard.Rule{TenantColumn: "c", Tenant: "42"}, b), "the source gave cells that are no int64")
}
