package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// copySize is the length of a Joiner's buffer.
const copySize = 128 << 10

// A Joiner writes one stored file from literal bytes and from whole stored
// files of the same codec, which it copies without decompressing them. It is
// used by one goroutine. After an error it gives that error again.
type Joiner struct {
	w      io.Writer
	codec  Compression
	sum    Sum
	begun  bool
	err    error
	small  []byte // framing and literals
	buffer []byte // what is copied
}

// NewJoiner returns a joiner that writes to w and does not close it.
func NewJoiner(w io.Writer, c Compression) *Joiner {
	j := &Joiner{w: w, codec: c}
	if c != "" && !c.Valid() {
		j.err = fmt.Errorf("format: unknown compression %q: want none, gzip or zstd", string(c))
	}
	return j
}

// Literal adds p, which stays uncompressed: punctuation, a header, a footer.
func (j *Joiner) Literal(p []byte) error {
	if j.err != nil || len(p) == 0 {
		return j.err
	}
	j.small = j.codec.AppendStored(j.start(), p)
	j.sum = j.sum.Join(SumOf(p))
	return j.flush()
}

// Segment adds what the stored file that r gives holds. It reads r to its end.
// A file that has not exactly size bytes, or whose beginning or end is not that
// of a file with the sum raw, is an error.
func (j *Joiner) Segment(r io.Reader, size int64, raw Sum) error {
	if j.err == nil {
		j.err = j.segment(r, size, raw)
	}
	return j.err
}

func (j *Joiner) segment(r io.Reader, size int64, raw Sum) error {
	from, to, err := j.codec.Payload(size)
	if err != nil {
		return err
	}
	stored := j.codec == None || j.codec == ""
	if raw.Bytes < 0 || raw.Bytes > 0 && to == from || stored && raw.Bytes != size {
		return fmt.Errorf("format: a segment of %d bytes cannot hold %d bytes", size, raw.Bytes)
	}
	if j.small = j.start(); len(j.small) > 0 {
		if err := j.flush(); err != nil {
			return err
		}
	}
	if err := j.expect(r, j.codec.AppendStart(nil)); err != nil {
		return fmt.Errorf("format: the segment's start: %w", err)
	}
	if err := j.copy(r, to-from); err != nil {
		return err
	}
	if j.codec == Gzip {
		if err := j.expect(r, j.codec.AppendEnd(nil, raw)); err != nil {
			return fmt.Errorf("format: the segment's end: %w", err)
		}
	}
	if n, err := io.ReadFull(r, j.buffer[:1]); n > 0 || !errors.Is(err, io.EOF) {
		if n > 0 {
			err = fmt.Errorf("format: the segment is longer than %d bytes", size)
		}
		return err
	}
	j.sum = j.sum.Join(raw)
	return nil
}

// expect reads len(want) bytes, which must be want.
func (j *Joiner) expect(r io.Reader, want []byte) error {
	if j.buffer == nil {
		j.buffer = make([]byte, copySize)
	}
	got := j.buffer[:len(want)]
	if _, err := io.ReadFull(r, got); err != nil {
		return short(err)
	}
	if !bytes.Equal(got, want) {
		return errors.New("not what its sum says")
	}
	return nil
}

func (j *Joiner) copy(r io.Reader, n int64) error {
	for n > 0 {
		chunk := j.buffer[:min(n, copySize)]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return short(err)
		}
		if _, err := j.w.Write(chunk); err != nil {
			return err
		}
		n -= int64(len(chunk))
	}
	return nil
}

// short makes every early end of a segment the same error.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Close ends the file and returns the sum of what it holds before
// compression. Without Close there is no valid file.
func (j *Joiner) Close() (Sum, error) {
	if j.err != nil {
		return Sum{}, j.err
	}
	j.small = j.codec.AppendEnd(j.start(), j.sum)
	if err := j.flush(); err != nil {
		return Sum{}, err
	}
	j.err = errors.New("format: the joiner is closed")
	return j.sum, nil
}

// start returns the empty small buffer, or the file's start the first time.
func (j *Joiner) start() []byte {
	if j.begun {
		return j.small[:0]
	}
	j.begun = true
	return j.codec.AppendStart(j.small[:0])
}

func (j *Joiner) flush() error {
	if len(j.small) > 0 {
		_, j.err = j.w.Write(j.small)
	}
	return j.err
}
