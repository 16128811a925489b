package pipeline

import (
	"context"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// wholeUnits is one unit with the reader, one with the worker, one with the writer.
const wholeUnits = 3

// runWhole serves the formats that are written in order by one goroutine; reading,
// and decoding and checking, go on meanwhile.
func runWhole(ctx context.Context, r source.Reader, out *Meter, spec Spec) (res Result, err error) {
	fw, err := spec.Format.NewWriter(out, spec.Schema[:spec.Columns])
	if err != nil {
		return Result{}, err
	}
	l := newLine(r, spec.Schema, 1, wholeUnits, batchBytes)
	check := func(u *unit) (err error) {
		if u.batch == nil {
			u.batch = l.newBatch()
		}
		if u.batch, err = l.cells(u, u.batch); err != nil {
			return err
		}
		return spec.Check(u.batch)
	}
	write := func(u *unit) error {
		if err := fw.Write(u.batch.Project(spec.Columns)); err != nil {
			return err
		}
		res.Rows += int64(u.rows)
		out.rows(u.rows)
		return nil
	}
	if res.ReadRows, err = l.run(ctx, []func(*unit) error{check}, write); err != nil {
		return Result{}, err
	}
	if err := fw.Close(); err != nil {
		return Result{}, err
	}
	res.Raw = format.Sum{Bytes: out.bytes, CRC32: out.crc}
	return res, nil
}
