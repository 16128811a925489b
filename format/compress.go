package format

import "fmt"

// A Compression names a codec around a file: what requests and manifests say.
type Compression string

// The codecs. The empty Compression means None for a [BlockFormatter] and the
// format's own default for a [Compressing] one.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Extension returns what is added to a file's name: "", ".gz" or ".zst".
func (c Compression) Extension() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	default:
		return ""
	}
}

// Valid reports whether c is one of None, Gzip and Zstd.
func (c Compression) Valid() bool { return c == None || c == Gzip || c == Zstd }

// A Packer compresses blocks of a file. Each worker owns one and uses it again
// and again; once warm it does not allocate. Blocks do not refer to each other:
// those of any packers of one codec can stand in one file in any order, and the
// same source gives the same block whatever the packer did before.
type Packer interface {
	// AppendBlock appends the compressed src to dst; nothing for an empty src.
	// It keeps neither slice.
	AppendBlock(dst, src []byte) ([]byte, error)
}

// NewPacker returns a packer of that codec. Level 0 is the default; otherwise
// it is 1 (fast) to 9 (small) for Gzip, whose default is 3, and 1 to 22 for
// Zstd, mapped on the four levels that klauspost/compress has and one between the
// first two of them, which is 2 and the default. None, which copies, has no other level than 0; neither has the empty
// Compression, which is the same.
//
// A packer keeps about 1 MiB for Gzip and 6 MiB for Zstd, 40 MiB from level 10
// up. Gzip blocks of 1 MiB cost less than 1 % against one of the whole file;
// Zstd wants blocks of 4 MiB, its window.
func NewPacker(c Compression, level int) (Packer, error) {
	limits := map[Compression]int{"": 0, None: 0, Gzip: 9, Zstd: 22}
	highest, known := limits[c]
	if !known {
		return nil, fmt.Errorf("format: unknown compression %q: want none, gzip or zstd", string(c))
	}
	if level < 0 || level > highest {
		return nil, fmt.Errorf("format: compression %q has no level %d: want 0 (default) to %d", string(c), level, highest)
	}
	switch c {
	case Gzip:
		return newGzipPacker(level)
	case Zstd:
		return newZstdPacker(level)
	default:
		return copier{}, nil
	}
}

type copier struct{}

func (copier) AppendBlock(dst, src []byte) ([]byte, error) { return append(dst, src...), nil }

// A stored file is
//
//	start, blocks of packers and stored bytes in any number and order, end
//
// where start and end have the same length in every file of a codec, so that
// the range between them is known from the file's size alone. The one exception
// is a Zstd file without a byte: its end is an empty frame, as a file of no
// frames at all is an error to many readers; the empty frame may also stand
// among others.

// AppendStart appends what begins a stored file: for Gzip a header of ten
// bytes without name or time, for others nothing.
func (c Compression) AppendStart(dst []byte) []byte {
	if c == Gzip {
		return append(dst, gzipHeader...)
	}
	return dst
}

// AppendStored appends p as a block that is not compressed, for the few bytes
// of punctuation between blocks; nothing for an empty p.
func (c Compression) AppendStored(dst, p []byte) []byte {
	switch c {
	case Gzip:
		return appendGzipStored(dst, p)
	case Zstd:
		return appendZstdStored(dst, p)
	default:
		return append(dst, p...)
	}
}

// AppendEnd appends what ends a stored file, raw being the sum of all bytes in
// it before compression: for Gzip a final empty block, the CRC-32 and the
// length modulo 2^32; for Zstd an empty frame if the file holds nothing; for
// others nothing.
func (c Compression) AppendEnd(dst []byte, raw Sum) []byte {
	switch {
	case c == Gzip:
		return appendGzipEnd(dst, raw)
	case c == Zstd && raw.Bytes == 0:
		return append(dst, zstdEmpty...)
	default:
		return dst
	}
}

// Payload returns the half-open range of bytes that the blocks take up within
// a stored file of that size. A size that no stored file has is an error.
func (c Compression) Payload(size int64) (from, to int64, err error) {
	if c == Gzip {
		from, size = int64(len(gzipHeader)), size-int64(gzipEndSize)
	}
	if size < from {
		return 0, 0, fmt.Errorf("format: a file of %s is longer than this", c)
	}
	return from, size, nil
}
