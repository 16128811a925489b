package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/format"
)

// packers keeps packers between segments, which is what workers do.
var packers = map[format.Compression]*sync.Pool{"": {}, format.None: {}, format.Gzip: {}, format.Zstd: {}}

// segment makes a stored file as a part does: blocks of a packer, punctuation.
func segment(t require.TestingT, c format.Compression, blocks ...[]byte) (file []byte, raw format.Sum) {
	p, _ := packers[c].Get().(format.Packer)
	var err error
	if p == nil {
		p, err = format.NewPacker(c, 0)
		require.NoError(t, err)
	}
	defer packers[c].Put(p)
	file = c.AppendStart(nil)
	for i, block := range blocks {
		if i%3 == 2 {
			file = c.AppendStored(file, block)
		} else {
			file, err = p.AppendBlock(file, block)
			require.NoError(t, err)
		}
		raw = raw.Join(format.SumOf(block))
	}
	return c.AppendEnd(file, raw), raw
}

func TestJoinerIsConcatenation(t *testing.T) {
	t.Parallel()
	for _, c := range append(codecs, "") {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				var file bytes.Buffer
				var want []byte
				j := format.NewJoiner(&file, c)
				bytesOf := rapid.SliceOfN(rapid.Byte(), 0, 300)
				for range rapid.IntRange(0, 8).Draw(t, "pieces") {
					if rapid.Bool().Draw(t, "literal") {
						p := bytesOf.Draw(t, "p")
						require.NoError(t, j.Literal(p))
						want = append(want, p...)
						continue
					}
					blocks := rapid.SliceOfN(bytesOf, 0, 4).Draw(t, "blocks")
					stored, raw := segment(t, c, blocks...)
					require.NoError(t, j.Segment(iotest.HalfReader(bytes.NewReader(stored)), int64(len(stored)), raw))
					want = append(want, bytes.Join(blocks, nil)...)
				}
				sum, err := j.Close()
				require.NoError(t, err)
				require.Equal(t, format.SumOf(want), sum)
				require.True(t, bytes.Equal(want, unpack(t, c, file.Bytes())))
			})
		})
	}
}

// A joined file is itself a segment: what a join made can be joined again.
func TestJoinerTakesJoinedFiles(t *testing.T) {
	t.Parallel()
	for _, c := range codecs {
		big := texty(400<<10, 7)
		stored, raw := segment(t, c, big)
		var once, twice bytes.Buffer
		j := format.NewJoiner(&once, c)
		require.NoError(t, j.Literal([]byte("[")))
		require.NoError(t, j.Segment(bytes.NewReader(stored), int64(len(stored)), raw))
		sum, err := j.Close()
		require.NoError(t, err)
		j = format.NewJoiner(&twice, c)
		for range 2 {
			require.NoError(t, j.Segment(bytes.NewReader(once.Bytes()), int64(once.Len()), sum))
		}
		_, err = j.Close()
		require.NoError(t, err)
		want := append([]byte("["), big...)
		require.True(t, bytes.Equal(append(want, want...), unpack(t, c, twice.Bytes())), c)
	}
}

func TestJoinerRefuses(t *testing.T) {
	t.Parallel()
	data := texty(500, 1)
	for _, c := range codecs {
		stored, raw := segment(t, c, data)
		size := int64(len(stored))
		broken := errors.New("connection lost")
		changed := func(at int) io.Reader {
			b := bytes.Clone(stored)
			b[at] ^= 1
			return bytes.NewReader(b)
		}
		type refusal struct {
			name string
			r    io.Reader
			size int64
			raw  format.Sum
			want string
		}
		cases := []refusal{
			{"size too small", bytes.NewReader(stored), size - 1, raw, ""},
			{"size too large", bytes.NewReader(stored), size + 1, raw, ""},
			{"nothing", bytes.NewReader(nil), size, raw, "unexpected EOF"},
			{"cut", bytes.NewReader(stored[:size-1]), size, raw, "unexpected EOF"},
			{"cut in half", bytes.NewReader(stored[:size/2]), size, raw, "unexpected EOF"},
			{"more behind it", io.MultiReader(bytes.NewReader(stored), bytes.NewReader([]byte{0})), size, raw, "longer than"},
			{"reader fails", io.MultiReader(bytes.NewReader(stored[:size/2]), iotest.ErrReader(broken)), size, raw, "connection lost"},
			{"reader fails at its end", io.MultiReader(bytes.NewReader(stored), iotest.ErrReader(broken)), size, raw, "connection lost"},
			{"negative", bytes.NewReader(nil), -1, raw, "longer than this"},
			{"nothing that holds something", bytes.NewReader(nil), 0, raw, ""},
			{"less than nothing", bytes.NewReader(stored), size, format.Sum{Bytes: -1}, "cannot hold"},
		}
		if c == format.Gzip {
			cases = append(cases,
				refusal{"another header", changed(4), size, raw, "the segment's start"},
				refusal{"another final block", changed(int(size) - 10), size, raw, "the segment's end"},
				refusal{"another checksum", bytes.NewReader(stored), size, format.Sum{Bytes: raw.Bytes, CRC32: raw.CRC32 ^ 1}, "the segment's end"},
				refusal{"another length", bytes.NewReader(stored), size, format.Sum{Bytes: raw.Bytes + 1, CRC32: raw.CRC32}, "the segment's end"},
				refusal{"no block", bytes.NewReader(nil), 20, raw, "cannot hold"},
			)
		}
		for _, tc := range cases {
			t.Run(fmt.Sprintf("%s %s", c, tc.name), func(t *testing.T) {
				t.Parallel()
				j := format.NewJoiner(io.Discard, c)
				require.NoError(t, j.Literal([]byte("[")))
				err := j.Segment(tc.r, tc.size, tc.raw)
				require.ErrorContains(t, err, tc.want)
				// Nothing after it can make a file of it.
				require.Equal(t, err, j.Literal([]byte("]")))
				require.Equal(t, err, j.Segment(bytes.NewReader(stored), size, raw))
				_, closed := j.Close()
				require.Equal(t, err, closed)
			})
		}
	}
}

func TestJoinerOfAnUnknownCodec(t *testing.T) {
	t.Parallel()
	_, err := format.NewJoiner(io.Discard, "lz4").Close()
	require.EqualError(t, err, `format: unknown compression "lz4": want none, gzip or zstd`)
}

func TestJoinerIsClosedOnce(t *testing.T) {
	t.Parallel()
	j := format.NewJoiner(io.Discard, format.Gzip)
	_, err := j.Close()
	require.NoError(t, err)
	require.ErrorContains(t, j.Literal([]byte("late")), "closed")
	_, err = j.Close()
	require.ErrorContains(t, err, "closed")
}

// failing takes so many bytes and then fails.
type failing struct{ left int }

var errFull = errors.New("no space left")

func (w *failing) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestJoinerReturnsErrorsOfTheDestination(t *testing.T) {
	t.Parallel()
	for _, c := range codecs {
		stored, raw := segment(t, c, texty(300<<10, 3))
		write := func(w io.Writer) error {
			j := format.NewJoiner(w, c)
			_ = j.Segment(bytes.NewReader(stored), int64(len(stored)), raw)
			_ = j.Literal([]byte("\n"))
			_, err := j.Close()
			return err
		}
		var whole bytes.Buffer
		require.NoError(t, write(&whole))
		for _, left := range []int{0, 1, 10, 11, 60_000, whole.Len() - 1} {
			require.ErrorIs(t, write(&failing{left}), errFull, "%s after %d bytes", c, left)
		}
	}
}

func TestJoinerCopiesWithOneBuffer(t *testing.T) {
	stored, raw := segment(t, format.Gzip, texty(1<<20, 3))
	j := format.NewJoiner(io.Discard, format.Gzip)
	r := bytes.NewReader(stored)
	require.NoError(t, j.Segment(r, r.Size(), raw))
	require.LessOrEqual(t, testing.AllocsPerRun(20, func() {
		r.Reset(stored)
		if err := errors.Join(j.Segment(r, r.Size(), raw), j.Literal([]byte(",\n"))); err != nil {
			t.Fatal(err)
		}
	}), 4.0)
}

func FuzzJoiner(f *testing.F) {
	f.Add([]byte("header\nrow\nrow\nfooter"), uint8(1))
	f.Add([]byte{}, uint8(2))
	f.Add(texty(5000, 9), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, how uint8) {
		c := codecs[how%3]
		var file bytes.Buffer
		j := format.NewJoiner(&file, c)
		for i, rest := 0, data; len(rest) > 0; i++ {
			n := min(len(rest), 1+int(rest[0])*(i%5))
			if rest[0]&1 == 0 {
				require.NoError(t, j.Literal(rest[:n]))
			} else {
				stored, raw := segment(t, c, rest[:n/2], rest[n/2:n])
				require.NoError(t, j.Segment(bytes.NewReader(stored), int64(len(stored)), raw))
			}
			rest = rest[n:]
		}
		sum, err := j.Close()
		require.NoError(t, err)
		require.Equal(t, format.SumOf(data), sum)
		require.True(t, bytes.Equal(data, unpack(t, c, file.Bytes())))
	})
}
