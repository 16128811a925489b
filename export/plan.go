package export

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/source"
)

// A plan is what the plan part's receipt records: all that the other parts
// share. The parts themselves carry the rest.
type plan struct {
	Datasets []selected `json:"datasets"`
	// Folders hold the job's objects; the first one the manifest.
	Folders []string `json:"folders"`
	// From and To are the range after the data's own bounds were filled in.
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	Layout Layout    `json:"layout"`
	// AsOf is the snapshot that was planned from, if any, for all parts to read.
	AsOf AsOf `json:"as_of,omitzero"`
}

// whole returns the whole range as one period; its bounds may be open.
func (p *plan) whole(loc *time.Location) calendar.Period {
	per := calendar.Period{From: p.From, To: p.To}
	if !p.From.IsZero() {
		per.WallFrom = calendar.Reading(p.From, loc)
	}
	if !p.To.IsZero() {
		per.WallTo = calendar.Reading(p.To, loc)
	}
	return per
}

// A rowsPart is the payload of a rows part.
type rowsPart struct {
	Dataset int             `json:"dataset"` // index into plan.Datasets
	Period  calendar.Period `json:"period"`
	After   source.Key      `json:"after,omitempty"`
	UpTo    source.Key      `json:"up_to,omitempty"`
	// File numbers the files of the export; parts of one file are joined in order.
	File int `json:"file"`
	// Piece says that the segment holds rows only, to be joined.
	Piece bool `json:"piece,omitempty"`
	// Roll numbers files of one dataset and calendar.Period, from 1; 0 for the only one.
	Roll int `json:"roll,omitempty"`
	// Base is the key up to the part's number.
	Base string `json:"base"`
}

type planner struct {
	engine  *Engine
	source  source.Source
	job     queue.Job
	request Request
	format  format.Formatter
	loc     *time.Location
	join    bool // segments can be joined
	plan    plan
	parts   []rowsPart
	limits  map[string]int64 // rows of a part, by dataset
	rows    int64            // -1 when unknown
	files   int
}

// doPlan cuts datasets × periods × key ranges into rows parts.
func (e *Engine) doPlan(ctx context.Context, h *worker.Held) (queue.Finish, error) {
	req, f, err := e.requestOf(h.Job)
	if err != nil {
		return queue.Finish{}, err
	}
	loc, err := req.zone()
	if err != nil {
		return queue.Finish{}, err
	}
	p := &planner{engine: e, job: h.Job, request: req, format: f, loc: loc, join: format.Joins(f), limits: make(map[string]int64)}
	if err := p.pin(ctx, jobOf(h)); err != nil {
		return queue.Finish{}, sourceFault(err)
	}
	if p.plan.Datasets, err = e.resolve(ctx, req, f); err != nil {
		return queue.Finish{}, sourceFault(err)
	}
	p.plan.Layout = req.layout(f)
	if err := p.cut(ctx); err != nil {
		return queue.Finish{}, sourceFault(err)
	}
	return p.finish()
}

// sourceFault marks an error as the source's, as the pipeline does while it reads.
func sourceFault(err error) error { return &pipeline.ReadError{Err: err} }

func (p *planner) finish() (queue.Finish, error) {
	receipt, err := encodePayload(p.plan)
	if err != nil {
		return queue.Finish{}, err
	}
	f := queue.Finish{Outcome: queue.Seal, Receipt: receipt, RowsPlanned: p.rows}
	for i, part := range p.parts {
		payload, err := encodePayload(part)
		if err != nil {
			return queue.Finish{}, err
		}
		f.Planned = append(f.Planned, queue.Part{
			Job: p.job.ID, Tenant: p.job.Tenant, Number: i + 1, Kind: queue.RowsPart, State: queue.Ready, Payload: payload,
		})
	}
	return f, nil
}

func (p *planner) cut(ctx context.Context) error {
	list, err := p.periods(ctx)
	if err != nil {
		return err
	}
	for i := range p.plan.Datasets {
		if err := p.count(ctx, &p.plan.Datasets[i]); err != nil {
			return err
		}
	}
	p.folders()
	for _, per := range list {
		for i := range p.plan.Datasets {
			if p.plan.Datasets[i].Skipped != "" {
				continue
			}
			if err := p.cutPeriod(ctx, i, per, len(list) == 1); err != nil {
				return err
			}
			if p.plan.Layout == Files {
				p.files++
			}
			if len(p.parts) > p.engine.config.MaxParts {
				return p.tooLarge(list, per)
			}
		}
		if p.plan.Layout == Document {
			p.files++
		}
	}
	return nil
}

func (p *planner) tooLarge(list []calendar.Period, at calendar.Period) error {
	e := &Error{Code: CodeRangeTooLarge, Message: fmt.Sprintf("the export needs more than %d parts", p.engine.config.MaxParts)}
	e.Hint = "choose fewer datasets, a longer interval or a shorter range"
	if i := slices.Index(list, at); i > 0 {
		e.Hint = fitHint(list[0].From, at.From, p.loc)
	}
	return e
}

// periods returns what the range is cut into: at least one.
func (p *planner) periods(ctx context.Context) ([]calendar.Period, error) {
	from, to := p.request.From, p.request.To
	interval := p.request.unit()
	if interval.Cuts() && (from.IsZero() || to.IsZero()) {
		var err error
		if from, to, err = p.span(ctx, from, to); err != nil {
			return nil, err
		}
	}
	p.plan.From, p.plan.To = from, to
	if !interval.Cuts() {
		return []calendar.Period{p.plan.whole(p.loc)}, nil
	}
	limit := p.engine.config.MaxParts
	list, ends, err := calendar.Cut(from, to, interval, p.loc, limit)
	if err != nil {
		return nil, &Error{
			Code: CodeRangeTooLarge, Message: fmt.Sprintf("the range has more than %d periods", limit),
			Hint: fitHint(from, ends, p.loc),
		}
	}
	return list, nil
}

// span fills in the open ends of the range with the periods of the data's
// first and last row, or when no row has a time with the period of the request.
func (p *planner) span(ctx context.Context, from, to time.Time) (time.Time, time.Time, error) {
	bounds := (&plan{From: from, To: to}).whole(p.loc)
	openFrom, openTo := from.IsZero(), to.IsZero()
	widen := func(firstAt, lastAt time.Time, lastWall time.Time) {
		start := calendar.Instant(calendar.Floor(calendar.Reading(firstAt, p.loc), p.request.unit()), p.loc)
		if openFrom && (from.IsZero() || start.Before(from)) {
			from = start
		}
		end, _ := calendar.Next(lastAt, p.request.unit(), p.loc)
		// The same reading may come again after a boundary.
		for !calendar.Reading(end, p.loc).After(lastWall) {
			end, _ = calendar.Next(end, p.request.unit(), p.loc)
		}
		if openTo && end.After(to) {
			to = end
		}
	}
	for i := range p.plan.Datasets {
		s := &p.plan.Datasets[i]
		if s.Skipped != "" {
			continue
		}
		q := s.query(p.request.Tenant, bounds)
		first, last, ok, err := source.TimeSpan(ctx, p.source, source.Dataset{Time: s.Time, Schema: s.Schema}, q)
		switch {
		case err != nil:
			return from, to, err
		case !ok:
		case s.timeKind() == source.Timestamp:
			widen(first, last, time.Time{})
		default:
			widen(calendar.Instant(first, p.loc), calendar.Instant(last, p.loc), last)
		}
	}
	if from.IsZero() || to.IsZero() {
		at := p.job.CreatedAt
		if !openFrom {
			at = from
		} else if !openTo {
			at = to.Add(-time.Microsecond)
		}
		widen(at, at, time.Time{})
	}
	return from, to, nil
}

// count fills in how many rows a dataset has in the whole range, and how many
// the range leaves out because they have no time.
func (p *planner) count(ctx context.Context, s *selected) error {
	if s.Skipped != "" {
		return nil
	}
	q := s.query(p.request.Tenant, p.plan.whole(p.loc))
	rows, known, err := source.TryCount(ctx, p.source, q)
	if err != nil {
		return err
	}
	s.Rows = -1
	if known {
		s.Rows = rows
	}
	if p.limits[s.Name], err = p.partLimit(ctx, s, q); err != nil {
		return err
	}
	if known && p.rows >= 0 {
		p.rows += rows
	} else {
		p.rows = -1
	}
	if s.Time == "" || s.Schema[s.Schema.Index(s.Time)].Required || q.From.IsZero() && q.To.IsZero() {
		return nil
	}
	q.From, q.To, q.NullTime = time.Time{}, time.Time{}, true
	s.NullTimeRows, err = source.Count(ctx, p.source, q)
	return err
}

// folders notes where the job's objects are going to be.
func (p *planner) folders() {
	at := func(dataset string) string {
		return place.Folder(p.engine.config.Keys, p.job.Tenant, p.job.ID, dataset, p.job.CreatedAt)
	}
	p.plan.Folders = []string{at(place.Manifests), at(place.AllDatasets)}
	for _, s := range p.plan.Datasets {
		if s.Skipped == "" {
			p.plan.Folders = append(p.plan.Folders, at(s.Name))
		}
	}
	slices.Sort(p.plan.Folders[1:])
	p.plan.Folders = append(p.plan.Folders[:1], slices.Compact(p.plan.Folders[1:])...)
	if len(p.plan.Folders) == 2 && p.plan.Folders[0] == p.plan.Folders[1] {
		p.plan.Folders = p.plan.Folders[:1]
	}
}

// cutPeriod adds the parts of one dataset in one period.
func (p *planner) cutPeriod(ctx context.Context, dataset int, per calendar.Period, only bool) error {
	s := &p.plan.Datasets[dataset]
	keys, err := p.split(ctx, s, per, only)
	if err != nil {
		return err
	}
	dir := place.Folder(p.engine.config.Keys, p.job.Tenant, p.job.ID, s.Name, p.job.CreatedAt)
	base := dir + "/" + place.Stem(s.Name, per.Label)
	var after source.Key
	for i := range len(keys) + 1 {
		part := rowsPart{Dataset: dataset, Period: per, After: after, File: p.files, Base: base}
		if i < len(keys) {
			part.UpTo = keys[i]
			after = keys[i]
		}
		switch {
		case p.join:
			part.Piece = p.plan.Layout == Document || len(keys) > 0
		case len(keys) > 0:
			part.Roll = i + 1
			if i > 0 {
				p.files++
				part.File = p.files
			}
		}
		s.Split = s.Split || len(keys) > 0
		p.parts = append(p.parts, part)
	}
	return nil
}

// split returns the key bounds within a calendar.Period, none when it is small enough.
func (p *planner) split(ctx context.Context, s *selected, per calendar.Period, only bool) ([]source.Key, error) {
	rows, limit := s.Rows, p.limits[s.Name]
	if len(s.Key) == 0 || rows <= limit {
		return nil, nil
	}
	src, q := p.source, s.query(p.request.Tenant, per)
	if !only {
		var err error
		if rows, err = source.Count(ctx, src, q); err != nil {
			return nil, err
		}
	}
	if rows <= limit {
		return nil, nil
	}
	return source.SplitRows(ctx, src, q, limit)
}

// partLimit returns how many rows of a dataset make a part.
func (p *planner) partLimit(ctx context.Context, s *selected, q source.Query) (int64, error) {
	limit := p.engine.config.PartRows
	if limit <= 0 {
		limit = 100_000
		if !p.join {
			limit = 1_000_000
		}
	}
	if len(s.Key) == 0 || s.Rows < sampleRows {
		return limit, nil
	}
	perRow, err := p.rowBytes(ctx, s, q)
	if perRow > 0 {
		limit = max(1, min(limit, p.engine.config.PartBytes/perRow))
	}
	return limit, err
}

// sampleRows is how many rows a dataset has at least before their size is
// looked at.
const sampleRows = 1000

// rowBytes estimates the bytes of a row's cells from the first batch.
func (p *planner) rowBytes(ctx context.Context, s *selected, q source.Query) (int64, error) {
	r, err := p.source.Open(ctx, q)
	if err != nil {
		return 0, err
	}
	b := source.NewBatch(s.Schema, sampleRows, 0)
	err = r.Read(ctx, b)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err == io.EOF || err == nil && b.Len() == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return int64(b.Size()/b.Len()) + 1, nil
}

func encodePayload(v any) (queue.Payload, error) {
	data, err := json.Marshal(v)
	return queue.Payload{Version: payloadVersion, Data: data}, err
}

func decodePayload(p queue.Payload, v any) error {
	if p.Version > payloadVersion {
		return &newerPayload{p.Version}
	}
	if err := json.Unmarshal(p.Data, v); err != nil {
		return fmt.Errorf("export: a stored payload cannot be read: %w", err)
	}
	return nil
}

// A newerPayload is work of a newer version of this package: it is put back.
type newerPayload struct{ version int }

func (e *newerPayload) Error() string {
	return fmt.Sprintf("the work was planned by a newer version (payload version %d, this one reads %d)", e.version, payloadVersion)
}
