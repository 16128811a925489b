package format_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/format"
)

// unzstd refuses files that want more memory of a reader than ours may.
var unzstd = func() *zstd.Decoder {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxWindow(4<<20))
	if err != nil {
		panic(err)
	}
	return r
}()

// unpack reads a stored file with a reader that is not ours.
func unpack(t require.TestingT, c format.Compression, file []byte) []byte {
	switch c {
	case format.Gzip:
		rest := bytes.NewReader(file)
		r, err := gzip.NewReader(rest)
		require.NoError(t, err)
		r.Multistream(false)
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Zero(t, rest.Len(), "more than one member")
		return raw
	case format.Zstd:
		raw, err := unzstd.DecodeAll(file, nil)
		require.NoError(t, err)
		return raw
	default:
		return file
	}
}

// texty returns n bytes that compress about as an export does.
func texty(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d,user%d@example.org,%x,\"a, b\"\r\n", r.IntN(1e6), r.IntN(500), r.Uint64())
	}
	return b.Bytes()[:n]
}

var codecs = []format.Compression{format.None, format.Gzip, format.Zstd}

func newPacker(t testing.TB, c format.Compression, level int) format.Packer {
	t.Helper()
	p, err := format.NewPacker(c, level)
	require.NoError(t, err)
	return p
}

func TestPackerRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range codecs {
		for _, level := range map[format.Compression][]int{format.None: {0}, format.Gzip: {0, 1, 3, 5, 6, 9}, format.Zstd: {0, 1, 3, 9, 22}}[c] {
			t.Run(fmt.Sprintf("%s-%d", c, level), func(t *testing.T) {
				t.Parallel()
				p := newPacker(t, c, level)
				file := c.AppendStart(nil)
				var raw []byte
				for _, block := range [][]byte{texty(10, 1), nil, texty(400<<10, 2), bytes.Repeat([]byte("x"), 70000), texty(100_000, 3)} {
					var err error
					before := len(file)
					file, err = p.AppendBlock(file, block)
					require.NoError(t, err)
					require.Equal(t, len(block) == 0, len(file) == before)
					raw = append(raw, block...)
					file, raw = c.AppendStored(file, []byte(",\n")), append(raw, ",\n"...)
				}
				file = c.AppendEnd(file, format.SumOf(raw))
				require.True(t, bytes.Equal(raw, unpack(t, c, file)))
			})
		}
	}
}

// The engine cuts blocks by rows alone; which worker's packer gets a block must
// not show in the file.
func TestR17_PackerForgetsEarlierBlocks(t *testing.T) {
	t.Parallel()
	for _, c := range codecs {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			used := newPacker(t, c, 0)
			for seed := range uint64(12) {
				block := texty(1+int(seed)*20_000, seed)
				got, err := used.AppendBlock(nil, block)
				require.NoError(t, err)
				want, err := newPacker(t, c, 0).AppendBlock(nil, block)
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, got), "block %d", seed)
			}
		})
	}
}

func TestPackerDoesNotAllocate(t *testing.T) {
	block := texty(256<<10, 1)
	for _, c := range codecs {
		p := newPacker(t, c, 0)
		dst, err := p.AppendBlock(nil, block)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(20, func() {
			dst, err = p.AppendBlock(dst[:0], block)
		}), c)
		require.NoError(t, err)
	}
}

func TestNewPackerRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		codec format.Compression
		level int
		want  string
	}{
		{"unknown codec", "lz4", 0, `format: unknown compression "lz4": want none, gzip or zstd`},
		{"gzip too high", format.Gzip, 10, `format: compression "gzip" has no level 10: want 0 (default) to 9`},
		{"zstd negative", format.Zstd, -1, `format: compression "zstd" has no level -1: want 0 (default) to 22`},
		{"none has no level", format.None, 1, `format: compression "none" has no level 1: want 0 (default) to 0`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := format.NewPacker(tc.codec, tc.level)
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestFraming(t *testing.T) {
	t.Parallel()
	for _, c := range append(codecs, "") {
		for _, raw := range [][]byte{nil, []byte("one"), texty(200_000, 1), texty(5<<20, 2)} {
			t.Run(fmt.Sprintf("%s-%d", c, len(raw)), func(t *testing.T) {
				t.Parallel()
				start := c.AppendStart(nil)
				blocks := c.AppendStored(nil, raw)
				require.Equal(t, len(raw) == 0, len(blocks) == 0)
				file := c.AppendEnd(append(bytes.Clone(start), blocks...), format.SumOf(raw))
				require.True(t, bytes.Equal(raw, unpack(t, c, file)))

				from, to, err := c.Payload(int64(len(file)))
				require.NoError(t, err)
				if len(raw) > 0 {
					require.True(t, bytes.Equal(blocks, file[from:to]))
				}
			})
		}
	}
	require.Equal(t, "1f8b0800000000000"+"0ff", fmt.Sprintf("%x", format.Gzip.AppendStart(nil)))
}

func TestPayloadRefusesShortFiles(t *testing.T) {
	t.Parallel()
	for c, size := range map[format.Compression]int64{format.None: -1, format.Zstd: -1, format.Gzip: 19} {
		_, _, err := c.Payload(size)
		require.ErrorContains(t, err, "longer than this", c)
		_, _, err = c.Payload(size + 1)
		require.NoError(t, err, c)
	}
}

func TestSumJoin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.SliceOf(rapid.Byte()).Draw(t, "whole")
		i := rapid.IntRange(0, len(whole)).Draw(t, "i")
		k := rapid.IntRange(i, len(whole)).Draw(t, "k")
		want := format.Sum{Bytes: int64(len(whole)), CRC32: crc32.ChecksumIEEE(whole)}
		a, b, c := format.SumOf(whole[:i]), format.SumOf(whole[i:k]), format.SumOf(whole[k:])
		require.Equal(t, want, a.Join(b).Join(c))
		require.Equal(t, want, a.Join(b.Join(c)))
	})
}

// zeros returns the sum of n zero bytes by feeding them to hash/crc32.
func zeros(n int64) format.Sum {
	h, chunk := crc32.NewIEEE(), make([]byte, 1<<20)
	for left := n; left > 0; left -= int64(len(chunk)) {
		_, _ = h.Write(chunk[:min(left, int64(len(chunk)))])
	}
	return format.Sum{Bytes: n, CRC32: h.Sum32()}
}

func TestSumJoinBeyondFourGiB(t *testing.T) {
	t.Parallel()
	sum, want := zeros(1<<20), format.Sum{}
	for range 13 { // 8 GiB by doubling
		sum = sum.Join(sum)
	}
	require.Equal(t, int64(8<<30), sum.Bytes)
	// 8 GiB of zeros the other way round: 8 GiB less 3 bytes, and 3 bytes.
	for _, n := range []int64{3, 1 << 20} {
		want = zeros(n)
		rest := format.Sum{}
		for part := zeros(1); rest.Bytes < 8<<30-n; {
			for part.Bytes > 8<<30-n-rest.Bytes {
				part = zeros(1)
			}
			rest = rest.Join(part)
			part = part.Join(part)
		}
		require.Equal(t, sum, rest.Join(want))
		require.Equal(t, sum, want.Join(rest))
	}
}

func TestGzipLengthIsModulo2To32(t *testing.T) {
	t.Parallel()
	end := format.Gzip.AppendEnd(nil, format.Sum{Bytes: 5<<32 + 0x01020304, CRC32: 0xa1b2c3d4})
	require.Equal(t, "0300d4c3b2a104030201", fmt.Sprintf("%x", end))
}

func TestExtension(t *testing.T) {
	t.Parallel()
	var all []string
	for _, c := range codecs {
		all = append(all, "file"+c.Extension())
		require.True(t, c.Valid())
	}
	require.Equal(t, "file file.gz file.zst", strings.Join(all, " "))
	require.False(t, format.Compression("lz4").Valid())
}
