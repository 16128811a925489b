package source_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/source"
)

func everyKind() source.Schema {
	var s source.Schema
	for _, k := range kinds {
		s = append(s, source.Field{Name: k.String(), Kind: k})
	}
	return s
}

// Cells are where they were appended, nulls are nulls, and a reset batch holds
// nothing of before: compared with texts kept beside.
func TestBatchHoldsRows(t *testing.T) {
	t.Parallel()
	b := source.NewBatch(everyKind(), 0, 0)
	rapid.Check(t, func(t *rapid.T) {
		b.Reset()
		require.Zero(t, b.Len())
		require.Zero(t, b.Size())
		rows := rapid.IntRange(0, 130).Draw(t, "rows")
		nulls := rapid.Uint64().Draw(t, "nulls")
		want := make([][]string, 0, rows)
		template := source.NewBatch(everyKind(), 0, 0)
		for i := range kinds {
			fill(t, template.Col(i))
		}
		for row := range rows {
			texts := make([]string, len(kinds))
			for i := range kinds {
				texts[i] = "null"
				if nulls>>((row*7+i)%64)&1 == 1 {
					b.Col(i).AppendNull()
					continue
				}
				texts[i] = "cell " + string(source.AppendText(nil, template.Col(i), 0))
				if err := source.ParseText(b.Col(i), texts[i][len("cell "):]); err != nil {
					t.Fatal(err)
				}
			}
			b.EndRow()
			want = append(want, texts)
		}
		require.Equal(t, rows, b.Len())
		for i := range kinds {
			v, found := b.Col(i), 0
			require.Equal(t, rows, v.Len())
			for row := range rows {
				got := "cell " + string(source.AppendText(nil, v, row))
				if v.Null(row) {
					got, found = "null", found+1
				}
				if got != want[row][i] {
					t.Fatalf("row %d, %v: got %q, want %q", row, kinds[i], got, want[row][i])
				}
			}
			require.Equal(t, found, v.Nulls())
		}
	})
}

func TestBatchIsFull(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "id", Kind: source.Int64}, {Name: "text", Kind: source.String}}
	add := func(b *source.Batch, text string) {
		b.Col(0).AppendInt64(1)
		require.NoError(t, b.Col(1).AppendString(text))
		b.EndRow()
	}
	rows := source.NewBatch(schema, 2, 0)
	add(rows, "")
	require.False(t, rows.Full())
	add(rows, "")
	require.True(t, rows.Full())

	bytes := source.NewBatch(schema, 0, 30)
	require.False(t, bytes.Full())
	add(bytes, "0123456789") // 8 + 4 + 10
	require.Equal(t, 22, bytes.Size())
	require.False(t, bytes.Full())
	add(bytes, "")
	require.Equal(t, 34, bytes.Size())
	require.True(t, bytes.Full())
	bytes.Reset()
	require.False(t, bytes.Full())
}

func TestBatchSetLen(t *testing.T) {
	t.Parallel()
	b := source.NewBatch(source.Schema{{Name: "id", Kind: source.Int64}, {Name: "text", Kind: source.String}}, 0, 0)
	for range 3 {
		b.Col(0).AppendInt64(1)
		require.NoError(t, b.Col(1).AppendBytes([]byte("ab")))
	}
	require.NoError(t, b.SetLen(3))
	require.Equal(t, 3, b.Len())
	require.Equal(t, 3*(8+4+2), b.Size())
	b.Col(1).AppendNull()
	require.ErrorContains(t, b.SetLen(3), `"text" has 4 cells`)
}

func TestBatchProject(t *testing.T) {
	t.Parallel()
	b := source.NewBatch(source.Schema{{Name: "a", Kind: source.Int64}, {Name: "b", Kind: source.Int64}}, 0, 0)
	b.Col(0).AppendInt64(1)
	b.Col(1).AppendInt64(2)
	b.EndRow()
	p := b.Project(1)
	require.Equal(t, []string{"a"}, p.Schema().Names())
	require.Equal(t, 1, p.Len())
	require.Equal(t, []int64{1}, p.Col(0).Int64s())
}

func TestVectorLimits(t *testing.T) {
	t.Parallel()
	v := vector(source.String)
	long := strings.Repeat("x", source.MaxCell+1)
	require.ErrorContains(t, v.AppendString(long), "over the limit")
	require.ErrorContains(t, v.AppendBytes([]byte(long)), "over the limit")
	require.Zero(t, v.Len())
	require.NoError(t, v.AppendString(long[1:]))
	require.NoError(t, v.AppendString("after"))
	require.Equal(t, "after", string(v.Bytes(1)))
	require.Len(t, v.Data(), source.MaxCell+5)
	require.Equal(t, []uint32{0, source.MaxCell, source.MaxCell + 5}, v.Offsets())
}

func TestVectorVouch(t *testing.T) {
	t.Parallel()
	b := source.NewBatch(source.Schema{{Name: "a", Kind: source.String}}, 0, 0)
	v := b.Col(0)
	require.NoError(t, v.AppendString("a"))
	require.False(t, v.Vouched())
	v.Vouch()
	require.True(t, v.Vouched())
	v.AppendNull()
	require.False(t, v.Vouched(), "nobody vouches for what comes later")
	v.Vouch()
	b.Reset()
	require.NoError(t, v.AppendString("b"))
	require.False(t, v.Vouched())
}

// The cell that Bytes returns cannot be appended to over its neighbour.
func TestVectorBytesAreClipped(t *testing.T) {
	t.Parallel()
	v := vector(source.Bytes)
	require.NoError(t, v.AppendString("ab"))
	require.NoError(t, v.AppendString("cd"))
	_ = append(v.Bytes(0), 'x')
	require.Equal(t, "cd", string(v.Bytes(1)))
}

// Rows into a batch that is used again allocate nothing, for every kind.
func TestBatchAllocatesNothing(t *testing.T) {
	b := source.NewBatch(everyKind(), 0, 0)
	text := []byte("some text")
	fillBatch := func() {
		b.Reset()
		for row := range 500 {
			for i, k := range kinds {
				v := b.Col(i)
				switch {
				case row%3 == 0:
					v.AppendNull()
				case k == source.Bool:
					v.AppendBool(true)
				case k == source.Float64:
					v.AppendFloat64(1)
				case k.Base() == source.AnyDecimal:
					v.AppendDecimal(source.Int128From(1))
				case k == source.UUID:
					v.AppendUUID([16]byte{1})
				case k.Variable():
					if v.AppendBytes(text) != nil {
						t.Error("no room")
					}
				default:
					v.AppendInt64(1)
				}
			}
			b.EndRow()
		}
	}
	require.Zero(t, testing.AllocsPerRun(10, fillBatch))
	var dst []byte
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for i := range kinds {
			for row := range b.Len() {
				dst = source.AppendText(dst[:0], b.Col(i), row)
			}
		}
	}))
}
