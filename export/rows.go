package export

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// A receipt is what a finished rows part records of its segment; nothing when it
// left the part to the seal, see [Config.RequireSnapshot].
type receipt struct {
	Key      string `json:"key"`
	Rows     int64  `json:"rows"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
	CRC32    uint32 `json:"crc32"`
	RawBytes int64  `json:"raw_bytes"`
	RawCRC32 uint32 `json:"raw_crc32"`
	// Counted says who counted the rows: source, in the snapshot that was
	// read, or stream, by reading.
	Counted  string    `json:"counted"`
	ReadFrom time.Time `json:"read_from"`
	ReadTo   time.Time `json:"read_to"`
	// Snapshot that was read, if any.
	Snapshot string `json:"snapshot,omitempty"`
}

func (r *receipt) raw() format.Sum { return format.Sum{Bytes: r.RawBytes, CRC32: r.RawCRC32} }

// A task is a part in hand, with what all parts of its job share.
type task struct {
	engine  *Engine
	held    *worker.Held
	request Request
	plan    *plan
	format  format.Formatter
	codec   format.Compression
	dest    Destination
}

func (e *Engine) task(ctx context.Context, h *worker.Held) (*task, error) {
	pl, req, f, err := e.planOf(ctx, h.Job)
	if err != nil {
		return nil, err
	}
	t := &task{engine: e, held: h, request: req, plan: pl}
	if t.format, t.codec, err = encoding(f, req.Compression); err != nil {
		return nil, err
	}
	t.dest, err = e.destination(ctx, h.Job, req)
	return t, err
}

// doRows streams one rows part into one segment.
func (e *Engine) doRows(ctx context.Context, h *worker.Held) (queue.Finish, error) {
	var part rowsPart
	if err := decodePayload(h.Part.Payload, &part); err != nil {
		return queue.Finish{}, err
	}
	t, err := e.task(ctx, h)
	if err != nil {
		return queue.Finish{}, err
	}
	var r receipt
	src, snapshot, err := e.instants.Find(ctx, jobOf(h), t.plan.AsOf.Snapshot)
	switch {
	case err != nil:
		return queue.Finish{}, sourceFault(err)
	case snapshot != "" || !e.config.RequireSnapshot:
		r, err = t.write(ctx, src, part, place.Key(part.Base, h.Part.Number, h.Part.Fence, t.extension()))
		r.Snapshot = snapshot
	}
	if err != nil {
		return queue.Finish{}, err
	}
	payload, err := encodePayload(r)
	return queue.Finish{Outcome: queue.Seal, Receipt: payload, Rows: r.Rows, Bytes: r.Bytes}, err
}

func (t *task) extension() string { return t.format.Info().Extension + t.codec.Extension() }

// write streams a part's rows of src into an object.
func (t *task) write(ctx context.Context, src source.Source, part rowsPart, key string) (receipt, error) {
	e, s := t.engine, &t.plan.Datasets[part.Dataset]
	g, err := s.guard(t.request.Tenant, part.Period)
	if err != nil {
		return receipt{}, err
	}
	r := receipt{Key: key, ReadFrom: e.config.Now().UTC()}
	q := s.query(t.request.Tenant, part.Period)
	q.After, q.UpTo = part.After, part.UpTo
	res, counted, err := e.stream(ctx, src, t.dest.Sink, key, q, pipeline.Spec{
		Schema: s.Schema, Columns: s.Columns, Check: g.Check, Dataset: s.Name,
		Format: t.format, Compression: t.codec, Level: e.level(t.codec), Piece: part.Piece,
		Workers: e.config.Workers, Progress: &t.held.Progress,
	})
	if err != nil {
		return receipt{}, nameDataset(err, s.Name)
	}
	r.Rows, r.Bytes, r.CRC32 = res.Rows, res.Stored.Bytes, res.Stored.CRC32
	r.SHA256 = hex.EncodeToString(res.Stored.SHA256[:])
	r.RawBytes, r.RawCRC32 = res.Raw.Bytes, res.Raw.CRC32
	r.Counted, r.ReadTo = counted, e.config.Now().UTC()
	return r, nil
}

// level is the configured level; there is none without a codec.
func (e *Engine) level(c format.Compression) int {
	if c == format.None {
		return 0
	}
	return e.config.Level
}

// How rows were counted.
const (
	countedSource = "source"
	countedStream = "stream"
)

// stream moves the rows of q into an object, which is visible only when every
// row has been read, checked, written and counted.
func (e *Engine) stream(ctx context.Context, src source.Source, s sink.Sink, key string, q source.Query, spec pipeline.Spec) (res pipeline.Result, counted string, err error) {
	r, err := src.Open(ctx, q)
	if err != nil {
		return res, "", sourceFault(err)
	}
	defer func() {
		if closeErr := r.Close(); closeErr != nil && err == nil {
			e.config.Logger.WarnContext(ctx, "closing a reader", "dataset", q.Dataset, "err", closeErr)
		}
	}()
	out, err := s.Create(ctx, key, &sink.CreateOptions{ContentType: spec.Format.Info().MediaType})
	if err != nil {
		return res, "", &pipeline.WriteError{Err: err}
	}
	defer func() {
		if abortErr := out.Abort(); abortErr != nil {
			e.config.Logger.WarnContext(ctx, "aborting an object", "key", key, "err", abortErr)
		}
	}()
	if res, err = pipeline.Run(ctx, r, out, spec); err != nil {
		return res, "", err
	}
	counted = countedStream
	want := res.ReadRows
	if n, known := source.CountOf(r); known {
		counted, want = countedSource, n
	}
	if want != res.ReadRows || res.Rows != res.ReadRows {
		return res, "", &Error{
			Code: CodeVerificationFailed, Retryable: true,
			Message: fmt.Sprintf("dataset %q: the source counted %d rows, gave %d, and %d were written", q.Dataset, want, res.ReadRows, res.Rows),
			Hint:    "the source or its driver stops early; run it again, and look there if it stays",
		}
	}
	return res, counted, commit(ctx, out)
}

// commit publishes an object unless the worker has to stop.
func commit(ctx context.Context, w sink.Writer) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := w.Commit(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &pipeline.WriteError{Err: err}
	}
	return nil
}

// nameDataset fills the dataset into a [source.DataError] of a format.
func nameDataset(err error, dataset string) error {
	var data *source.DataError
	if errors.As(err, &data) && data.Dataset == "" {
		named := *data
		named.Dataset = dataset
		return &named
	}
	return err
}
