package plan

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/source"
)

// A Cutter cuts one export.
type Cutter struct {
	// Source is read for counts and bounds, the snapshot where there is one.
	Source source.Source
	// Tenant, Job and Created of the job.
	Tenant, Job string
	Created     time.Time
	// Keys is the template of the folders of the job's objects.
	Keys string

	// From and To are the range that was asked for, and Unit is what it is cut
	// into on the clock of Zone.
	From, To time.Time
	Unit     calendar.Unit
	Zone     *time.Location

	// Joins says that segments can be joined to files.
	Joins bool
	// PartRows and PartBytes are what a part holds at most, MaxParts how many
	// there may be. PartRows has a default when it is 0.
	PartRows, PartBytes int64
	MaxParts            int

	plan   *Plan
	parts  []Part
	limits []int64 // rows of a part, by dataset
	rows   int64   // -1 when unknown
	files  int
}

// A TooLargeError says that an export has more than its limit allows.
type TooLargeError struct {
	Message string
	// From and Fits bound a range that fits, in the zone that was cut in; both
	// are zero when none is known.
	From, Fits time.Time
}

// Error says what there is too much of.
func (e *TooLargeError) Error() string { return e.Message }

// Cut fills in the plan, whose Datasets and Layout are set, and returns its parts
// in order and the number of their rows, -1 when that is unknown.
func (c *Cutter) Cut(ctx context.Context, p *Plan) ([]Part, int64, error) {
	c.plan, c.limits = p, make([]int64, len(p.Datasets))
	list, err := c.periods(ctx)
	if err != nil {
		return nil, 0, err
	}
	for i := range p.Datasets {
		if err := c.measure(ctx, i); err != nil {
			return nil, 0, err
		}
	}
	c.folders()
	for _, per := range list {
		for i := range p.Datasets {
			if p.Datasets[i].Skipped != "" {
				continue
			}
			if err := c.cutPeriod(ctx, i, per, len(list) == 1); err != nil {
				return nil, 0, err
			}
			if p.Layout == Files {
				c.files++
			}
			if len(c.parts) > c.MaxParts {
				return nil, 0, c.tooLarge(list, per)
			}
		}
		if p.Layout == Document {
			c.files++
		}
	}
	return c.parts, c.rows, nil
}

func (c *Cutter) tooLarge(list []calendar.Period, at calendar.Period) error {
	e := &TooLargeError{Message: fmt.Sprintf("the export needs more than %d parts", c.MaxParts)}
	if i := slices.Index(list, at); i > 0 {
		e.From, e.Fits = list[0].From.In(c.Zone), at.From.In(c.Zone)
	}
	return e
}

// periods returns what the range is cut into: at least one.
func (c *Cutter) periods(ctx context.Context) ([]calendar.Period, error) {
	from, to := c.From, c.To
	if c.Unit.Cuts() && (from.IsZero() || to.IsZero()) {
		var err error
		if from, to, err = c.span(ctx, from, to); err != nil {
			return nil, err
		}
	}
	c.plan.From, c.plan.To = from, to
	if !c.Unit.Cuts() {
		return []calendar.Period{c.plan.Whole(c.Zone)}, nil
	}
	list, ends, err := calendar.Cut(from, to, c.Unit, c.Zone, c.MaxParts)
	if err != nil {
		return nil, &TooLargeError{
			Message: fmt.Sprintf("the range has more than %d periods", c.MaxParts),
			From:    from.In(c.Zone), Fits: ends.In(c.Zone),
		}
	}
	return list, nil
}

// span fills in the open ends of the range with the periods of the data's
// first and last row, or when no row has a time with the period of the request.
func (c *Cutter) span(ctx context.Context, from, to time.Time) (time.Time, time.Time, error) {
	bounds := (&Plan{From: from, To: to}).Whole(c.Zone)
	openFrom, openTo := from.IsZero(), to.IsZero()
	widen := func(firstAt, lastAt time.Time, lastWall time.Time) {
		start := calendar.Instant(calendar.Floor(calendar.Reading(firstAt, c.Zone), c.Unit), c.Zone)
		if openFrom && (from.IsZero() || start.Before(from)) {
			from = start
		}
		end, _ := calendar.Next(lastAt, c.Unit, c.Zone)
		// The same reading may come again after a boundary.
		for !calendar.Reading(end, c.Zone).After(lastWall) {
			end, _ = calendar.Next(end, c.Unit, c.Zone)
		}
		if openTo && end.After(to) {
			to = end
		}
	}
	for i := range c.plan.Datasets {
		d := &c.plan.Datasets[i]
		if d.Skipped != "" {
			continue
		}
		q := d.Query(c.Tenant, bounds)
		first, last, ok, err := source.TimeSpan(ctx, c.Source, source.Dataset{Time: d.Time, Schema: d.Schema}, q)
		switch {
		case err != nil:
			return from, to, err
		case !ok:
		case d.timeKind() == source.Timestamp:
			widen(first, last, time.Time{})
		default:
			widen(calendar.Instant(first, c.Zone), calendar.Instant(last, c.Zone), last)
		}
	}
	if from.IsZero() || to.IsZero() {
		at := c.Created
		if !openFrom {
			at = from
		} else if !openTo {
			at = to.Add(-time.Microsecond)
		}
		widen(at, at, time.Time{})
	}
	return from, to, nil
}

// measure counts a dataset, and looks how many of its rows make a part.
func (c *Cutter) measure(ctx context.Context, i int) error {
	d := &c.plan.Datasets[i]
	if d.Skipped != "" {
		return nil
	}
	if err := d.Count(ctx, c.Source, c.Tenant, c.plan.Whole(c.Zone)); err != nil {
		return err
	}
	if d.Rows >= 0 && c.rows >= 0 {
		c.rows += d.Rows
	} else {
		c.rows = -1
	}
	var err error
	c.limits[i], err = c.partLimit(ctx, d)
	return err
}

// Count fills in how many rows of a tenant a dataset has in the whole range, and
// how many the range leaves out because they have no time.
func (d *Dataset) Count(ctx context.Context, src source.Source, tenant string, whole calendar.Period) error {
	if d.Skipped != "" {
		return nil
	}
	q := d.Query(tenant, whole)
	rows, known, err := source.TryCount(ctx, src, q)
	if err != nil {
		return err
	}
	d.Rows = -1
	if known {
		d.Rows = rows
	}
	if d.Time == "" || d.Schema[d.Schema.Index(d.Time)].Required || q.From.IsZero() && q.To.IsZero() {
		return nil
	}
	q.From, q.To, q.NullTime = time.Time{}, time.Time{}, true
	d.NullTimeRows, err = source.Count(ctx, src, q)
	return err
}

// folders notes where the job's objects are going to be.
func (c *Cutter) folders() {
	at := func(dataset string) string {
		return place.Folder(c.Keys, c.Tenant, c.Job, dataset, c.Created)
	}
	c.plan.Folders = []string{at(place.Manifests), at(place.AllDatasets)}
	for _, d := range c.plan.Datasets {
		if d.Skipped == "" {
			c.plan.Folders = append(c.plan.Folders, at(d.Name))
		}
	}
	slices.Sort(c.plan.Folders[1:])
	c.plan.Folders = append(c.plan.Folders[:1], slices.Compact(c.plan.Folders[1:])...)
	if len(c.plan.Folders) == 2 && c.plan.Folders[0] == c.plan.Folders[1] {
		c.plan.Folders = c.plan.Folders[:1]
	}
}

// cutPeriod adds the parts of one dataset in one period.
func (c *Cutter) cutPeriod(ctx context.Context, dataset int, per calendar.Period, only bool) error {
	d := &c.plan.Datasets[dataset]
	keys, err := c.split(ctx, dataset, per, only)
	if err != nil {
		return err
	}
	dir := place.Folder(c.Keys, c.Tenant, c.Job, d.Name, c.Created)
	base := dir + "/" + place.Stem(d.Name, per.Label)
	var after source.Key
	for i := range len(keys) + 1 {
		part := Part{Dataset: dataset, Period: per, After: after, File: c.files, Base: base}
		if i < len(keys) {
			part.UpTo = keys[i]
			after = keys[i]
		}
		switch {
		case c.Joins:
			part.Piece = c.plan.Layout == Document || len(keys) > 0
		case len(keys) > 0:
			part.Roll = i + 1
			if i > 0 {
				c.files++
				part.File = c.files
			}
		}
		d.Split = d.Split || len(keys) > 0
		c.parts = append(c.parts, part)
	}
	return nil
}

// split returns the key bounds within a period, none when it is small enough.
func (c *Cutter) split(ctx context.Context, dataset int, per calendar.Period, only bool) ([]source.Key, error) {
	d, limit := &c.plan.Datasets[dataset], c.limits[dataset]
	rows := d.Rows
	if len(d.Key) == 0 || rows <= limit {
		return nil, nil
	}
	q := d.Query(c.Tenant, per)
	if !only {
		var err error
		if rows, err = source.Count(ctx, c.Source, q); err != nil {
			return nil, err
		}
	}
	if rows <= limit {
		return nil, nil
	}
	return source.SplitRows(ctx, c.Source, q, limit)
}

// partLimit returns how many rows of a dataset make a part.
func (c *Cutter) partLimit(ctx context.Context, d *Dataset) (int64, error) {
	limit := c.PartRows
	if limit <= 0 {
		limit = 100_000
		if !c.Joins {
			limit = 1_000_000
		}
	}
	if len(d.Key) == 0 || d.Rows < sampleRows {
		return limit, nil
	}
	perRow, err := c.rowBytes(ctx, d)
	if perRow > 0 {
		limit = max(1, min(limit, c.PartBytes/perRow))
	}
	return limit, err
}

// sampleRows is how many rows a dataset has at least before their size is
// looked at.
const sampleRows = 1000

// rowBytes estimates the bytes of a row's cells from the first batch.
func (c *Cutter) rowBytes(ctx context.Context, d *Dataset) (int64, error) {
	r, err := c.Source.Open(ctx, d.Query(c.Tenant, c.plan.Whole(c.Zone)))
	if err != nil {
		return 0, err
	}
	b := source.NewBatch(d.Schema, sampleRows, 0)
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
