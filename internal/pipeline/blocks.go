package pipeline

import (
	"context"
	"io"
	"sync"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// A unit is one batch on its way: filled by the reader, encoded by a worker,
// written by the writer, used again.
type unit struct {
	batch *source.Batch
	first bool          // no separator before its rows
	done  chan struct{} // the worker has finished with it
	out   []byte
	sum   format.Sum
	err   error
}

// A shape is how units are encoded and what is made of them.
type shape struct {
	rows      format.Rows
	separator []byte // between the rows of two units
	codec     format.Compression
	level     int
	size      int // bytes of cells in a unit
	file      file
}

// A file takes finished units in order.
type file interface {
	begin() error
	add(u *unit) error
	// end returns the sum of all bytes before compression.
	end() (format.Sum, error)
}

type blockRun struct {
	shape
	spec   Spec
	cancel context.CancelCauseFunc
	free   chan *unit
	work   chan *unit
	order  chan *unit
	wg     sync.WaitGroup
	// readRows were read until readErr; both are set when order is closed.
	readRows int64
	readErr  error
}

func runBlocks(ctx context.Context, r source.Reader, out *Meter, sh shape, spec Spec) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := spec.Workers + 2
	run := &blockRun{
		shape: sh, spec: spec, cancel: cancel,
		free: make(chan *unit, n), work: make(chan *unit, n), order: make(chan *unit, n),
	}
	for range n {
		run.free <- &unit{batch: source.NewBatch(spec.Schema, 0, sh.size), done: make(chan struct{}, 1)}
	}
	for range spec.Workers {
		packer, err := format.NewPacker(sh.codec, sh.level)
		if err != nil {
			close(run.work)
			run.wg.Wait()
			return Result{}, err
		}
		run.wg.Go(func() { run.encode(packer) })
	}
	run.wg.Go(func() {
		defer close(run.order)
		defer close(run.work)
		run.readErr = run.read(ctx, r)
	})
	res, err := run.write(out)
	if err != nil {
		cancel(err)
		for range run.order { // let the reader come to its end
		}
	}
	run.wg.Wait()
	res.ReadRows = run.readRows
	return res, err
}

// read fills free units and hands them on, in order, until the rows end.
func (run *blockRun) read(ctx context.Context, r source.Reader) error {
	for first := true; ; first = false {
		var u *unit
		select {
		case u = <-run.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch err := readBatch(ctx, r, u.batch); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		u.first = first
		run.readRows += int64(u.batch.Len())
		run.order <- u // has room for every unit
		run.work <- u
	}
}

// encode is one worker: check, encode and compress a batch while it is in cache.
// Encoded rows are needed until they are compressed, so their memory is the
// worker's, of which there are fewer than units.
func (run *blockRun) encode(packer format.Packer) {
	var raw []byte
	for u := range run.work {
		raw, u.err = run.encodeUnit(packer, raw[:0], u)
		u.done <- struct{}{}
	}
}

// encodeUnit appends the rows to raw, which it returns, and packs them into the unit.
func (run *blockRun) encodeUnit(packer format.Packer, raw []byte, u *unit) (_ []byte, err error) {
	defer Recovered(&err)
	if err := run.spec.Check(u.batch); err != nil {
		return raw, err
	}
	if !u.first {
		raw = append(raw, run.separator...)
	}
	if raw, err = run.rows.AppendRows(raw, u.batch.Project(run.spec.Columns)); err != nil {
		return raw, err
	}
	u.sum = format.SumOf(raw)
	u.out, err = packer.AppendBlock(u.out[:0], raw)
	return raw, err
}

// write puts finished units into the file in the order in which they were read.
// It does not end a file whose rows could not all be read.
func (run *blockRun) write(out *Meter) (res Result, err error) {
	defer Recovered(&err)
	if err := run.file.begin(); err != nil {
		return res, err
	}
	for u := range run.order {
		<-u.done
		if u.err != nil {
			return res, u.err
		}
		if err := run.file.add(u); err != nil {
			return res, err
		}
		rows := u.batch.Len()
		res.Rows += int64(rows)
		out.rows(rows)
		run.free <- u
	}
	if run.readErr != nil {
		return res, run.readErr
	}
	res.Raw, err = run.file.end()
	return res, err
}
