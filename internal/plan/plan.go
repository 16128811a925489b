// Package plan cuts an export into parts: its datasets into periods, and what is
// large of these into ranges of keys. What it returns is stored once and never
// changes, so that parts can be done at any time, in any order, on any host.
package plan

import (
	"time"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/guard"
	"github.com/exportyard/exportyard/source"
)

// The layouts.
const (
	Files    = "files"    // a file for each dataset and period
	Document = "document" // a file for each period
)

// A Plan is what all parts of an export share; the parts carry the rest.
type Plan struct {
	Datasets []Dataset `json:"datasets"`
	// Folders hold the job's objects; the first one the manifest.
	Folders []string `json:"folders"`
	// From and To are the range after the data's own bounds were filled in.
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	Layout string    `json:"layout"`
	// AsOf is the snapshot that was planned from, if any, for all parts to read.
	AsOf manifest.AsOf `json:"as_of,omitzero"`
}

// Whole returns the whole range as one period; its bounds may be open.
func (p *Plan) Whole(loc *time.Location) calendar.Period {
	per := calendar.Period{From: p.From, To: p.To}
	if !p.From.IsZero() {
		per.WallFrom = calendar.Reading(p.From, loc)
	}
	if !p.To.IsZero() {
		per.WallTo = calendar.Reading(p.To, loc)
	}
	return per
}

// A Part is one unit of work: rows of one dataset and period.
type Part struct {
	Dataset int             `json:"dataset"` // index into Plan.Datasets
	Period  calendar.Period `json:"period"`
	After   source.Key      `json:"after,omitempty"`
	UpTo    source.Key      `json:"up_to,omitempty"`
	// File numbers the files of the export; parts of one file are joined in order.
	File int `json:"file"`
	// Piece says that the segment holds rows only, to be joined.
	Piece bool `json:"piece,omitempty"`
	// Roll numbers files of one dataset and period, from 1; 0 for the only one.
	Roll int `json:"roll,omitempty"`
	// Base is the key up to the part's number.
	Base string `json:"base"`
}

// A Dataset is one dataset of an export: what is written of it, what is read to
// check it, and what was left out and why.
type Dataset struct {
	Name      string              `json:"name"`
	Schema    source.Schema       `json:"schema,omitempty"` // of the columns, then the guards
	Columns   int                 `json:"columns,omitempty"`
	Filters   []source.Filter     `json:"filters,omitempty"`
	Key       []string            `json:"key,omitempty"`
	Tenant    string              `json:"tenant_column,omitempty"`
	Unguarded bool                `json:"unguarded,omitempty"`
	Time      string              `json:"time_column,omitempty"` // only when rows are restricted by it
	Omitted   []manifest.Omission `json:"omitted,omitempty"`
	Skipped   string              `json:"skipped,omitempty"`
	// Rows as counted by the plan; -1 when it did not count.
	Rows         int64 `json:"rows"`
	NullTimeRows int64 `json:"null_time_rows,omitempty"`
	Split        bool  `json:"split,omitempty"` // into several parts
}

// Written returns the fields that are written.
func (d *Dataset) Written() source.Schema { return d.Schema[:d.Columns] }

// Query returns the query for all rows of a tenant's dataset in a period.
func (d *Dataset) Query(tenant string, p calendar.Period) source.Query {
	names := d.Schema.Names()
	q := source.Query{
		Tenant: tenant, Dataset: d.Name, Filters: d.Filters,
		Columns: names[:d.Columns], Guard: names[d.Columns:],
	}
	if d.Time != "" {
		q.From, q.To = p.From, p.To
		if d.timeKind() != source.Timestamp {
			q.From, q.To = p.WallFrom, p.WallTo
		}
	}
	return q
}

// Guard returns the check of every row of a tenant's dataset in a period.
func (d *Dataset) Guard(tenant string, p calendar.Period) (*guard.Guard, error) {
	q := d.Query(tenant, p)
	return guard.New(guard.Rule{
		Dataset: d.Name, Schema: d.Schema, TenantColumn: d.Tenant, Tenant: tenant,
		TimeColumn: d.Time, From: q.From, To: q.To,
	})
}

func (d *Dataset) timeKind() source.Kind {
	return d.Schema[d.Schema.Index(d.Time)].Kind
}
