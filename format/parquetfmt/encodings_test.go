package parquetfmt_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	parquet "github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

// encodingsOf returns the encodings of the first column's pages with data in
// each row group.
func encodingsOf(t *testing.T, file []byte) (groups [][]parquet.Encoding) {
	t.Helper()
	for _, group := range openFile(t, file).Metadata().RowGroups {
		meta, dictionaries, encodings := group.Columns[0].MetaData, 0, []parquet.Encoding{}
		for _, s := range meta.EncodingStats {
			require.Contains(t, meta.Encoding, s.Encoding)
			if s.PageType == parquet.DictionaryPage {
				dictionaries++
			} else {
				encodings = append(encodings, s.Encoding)
			}
		}
		if slices.Contains(encodings, parquet.RLEDictionary) {
			require.Equal(t, 1, dictionaries)
			require.Less(t, meta.DictionaryPageOffset, meta.DataPageOffset)
		} else {
			require.Zero(t, dictionaries)
			require.Zero(t, meta.DictionaryPageOffset)
		}
		groups = append(groups, encodings)
	}
	return groups
}

// appendNumber appends a cell that differs from those of other numbers, which
// are far apart from each other.
func appendNumber(t testing.TB, v *source.Vector, i int) {
	t.Helper()
	far := int64(i) * 0x2545F4914F6CDD1D // odd: a different number for each
	switch k := v.Kind(); k.Base() {
	case source.Int64, source.Timestamp, source.DateTime:
		v.AppendInt64(far >> 8)
	case source.Date:
		v.AppendInt64(int64(int32(i * 0x9E3779B1)))
	case source.Float64:
		v.AppendFloat64(math.Float64frombits(uint64(far)))
	case source.UUID:
		var id [16]byte
		binary.LittleEndian.PutUint64(id[4:], uint64(far))
		v.AppendUUID(id)
	case source.AnyDecimal:
		x := source.Int128From(int64(i) * 7919 * 5003 % int64(math.Pow10(min(k.Precision(), 18))))
		if k.Precision() > 18 {
			x = source.Int128{Hi: int64(i), Lo: uint64(far)}
		}
		v.AppendDecimal(x)
	default:
		require.NoError(t, v.AppendString(fmt.Sprintf(`{"%s": %d}`, strings.Repeat(string(rune('a'+i%26)), 60), i)))
	}
}

func TestR16_ParquetEncodings(t *testing.T) {
	t.Parallel()
	few := func(i int) int { return i % 7 }
	all := func(i int) int { return i }
	more := func(i int) int { return max(i-15_000, i%100) }
	owner := func(i int) int { return int(rand.New(rand.NewPCG(uint64(i), 1)).Uint64() % 4000) }
	variable := []source.Kind{source.String, source.Bytes, source.JSON}
	ints := []source.Kind{source.Int64, source.Timestamp, source.DateTime, source.Date, source.Decimal(9, 2), source.Decimal(18, 4)}
	others := []source.Kind{source.UUID, source.Float64, source.Decimal(38, 10)}
	tests := []struct {
		name   string
		kinds  []source.Kind
		number func(i int) int
		want   []parquet.Encoding
		plain  []parquet.Encoding // with NoDelta
	}{
		{name: "few values", kinds: slices.Concat(variable, ints, others), number: few, want: []parquet.Encoding{parquet.RLEDictionary}},
		{name: "one of many", kinds: slices.Concat(variable, others), number: owner, want: []parquet.Encoding{parquet.RLEDictionary}},
		{name: "texts of their own", kinds: variable, number: all, want: []parquet.Encoding{parquet.DeltaLengthByteArray}, plain: []parquet.Encoding{parquet.Plain}},
		{name: "numbers of their own", kinds: ints, number: all, want: []parquet.Encoding{parquet.DeltaBinaryPacked}, plain: []parquet.Encoding{parquet.Plain}},
		{name: "others of their own", kinds: others, number: all, want: []parquet.Encoding{parquet.Plain}},
		{
			name: "more and more texts", kinds: variable, number: more,
			want: []parquet.Encoding{parquet.RLEDictionary, parquet.DeltaLengthByteArray}, plain: []parquet.Encoding{parquet.Plain, parquet.RLEDictionary},
		},
		{
			name: "more and more others", kinds: others, number: more,
			want: []parquet.Encoding{parquet.Plain, parquet.RLEDictionary},
		},
		{name: "nothing", kinds: slices.Concat(variable, ints, others, []source.Kind{source.Bool}), want: []parquet.Encoding{parquet.Plain}},
	}
	for _, tt := range tests {
		for _, kind := range tt.kinds {
			t.Run(fmt.Sprint(tt.name, ", ", kind), func(t *testing.T) {
				t.Parallel()
				schema := source.Schema{{Name: "x", Kind: kind}}
				rows := 16_000 // a page of numbers
				if strings.HasPrefix(tt.name, "more") {
					rows = 40_000
				}
				b := source.NewBatch(schema, 0, 0)
				for i := range rows {
					if i%5 == 0 || tt.number == nil {
						b.Col(0).AppendNull()
					} else {
						appendNumber(t, b.Col(0), tt.number(i))
					}
				}
				require.NoError(t, b.SetLen(rows))
				plain := tt.plain
				if plain == nil {
					plain = tt.want
				}
				for _, f := range []parquetfmt.Format{{}, {NoDelta: true}} {
					file := writeFile(t, f, schema, b)
					requireCells(t, texts(schema, b), readColumns(t, file, schema))
					want := map[bool][]parquet.Encoding{false: tt.want, true: plain}[f.NoDelta]
					require.Equal(t, [][]parquet.Encoding{want}, encodingsOf(t, file), "no delta: %v", f.NoDelta)
				}
			})
		}
	}
}

// Integers close to each other take no more bits than the numbers of their
// dictionary would.
func TestR16_ParquetIntegersNeedNoDictionary(t *testing.T) {
	t.Parallel()
	for name, number := range map[string]func(i int) int64{
		"one":       func(int) int64 { return 1 << 50 },
		"ascending": func(i int) int64 { return 1<<50 + int64(i/100) },
		"small":     func(i int) int64 { return int64(i * 31 % 100) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := source.Schema{{Name: "x", Kind: source.Int64, Required: true}}
			b := source.NewBatch(schema, 20_000, 0)
			for i := range 20_000 {
				b.Col(0).AppendInt64(number(i))
				b.EndRow()
			}
			file := writeFile(t, parquetfmt.Format{}, schema, b)
			requireCells(t, texts(schema, b), readColumns(t, file, schema))
			require.Equal(t, [][]parquet.Encoding{{parquet.DeltaBinaryPacked}}, encodingsOf(t, file))
			require.Less(t, len(file), 20_000*9/8+600, "a byte a number, and a bit of the blocks")
		})
	}
}

// A column that did not repeat is tried again after 1, 3, 7 and then 15 row
// groups.
func TestR16_ParquetDictionariesAreTriedAgain(t *testing.T) {
	t.Parallel()
	const rows, groups = 1000, 40
	schema := source.Schema{{Name: "x", Kind: source.UUID, Required: true}}
	for unique, from := range map[int]int{0: 0, 1: 2, 2: 2, 3: 6, 7: 14, 20: 30} {
		b := source.NewBatch(schema, rows*groups, 1<<30)
		for i := range rows * groups {
			if i/rows >= unique {
				i %= 3
			}
			appendNumber(t, b.Col(0), i)
			b.EndRow()
		}
		file := writeFile(t, parquetfmt.Format{RowGroupRows: rows}, schema, b)
		for i, encodings := range encodingsOf(t, file) {
			want := parquet.Plain
			if i >= from {
				want = parquet.RLEDictionary
			}
			require.Equal(t, []parquet.Encoding{want}, encodings, "row group %d, the first %d of which do not repeat", i, unique)
		}
	}
}
