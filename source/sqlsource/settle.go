package sqlsource

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/snapshot"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// settle reads the columns whose kinds are not certain from the storage class
// alone, and replaces each kind that does not hold every value by one that
// does: an integer by Int64, anything else by String.
func settle(ctx context.Context, db *sql.DB, ds *Dataset) error {
	for i := range ds.Fields {
		if !ds.Fields[i].Kind.Temporal() {
			continue
		}
		if err := ds.settleTime(ctx, db, i); err != nil {
			return err
		}
	}
	for {
		err := prove(ctx, db, *ds)
		var bad *source.DataError
		if err == nil || !errors.As(err, &bad) {
			return err
		}
		i := source.Schema(ds.Fields).Index(bad.Column)
		if i < 0 {
			return err
		}
		kind := source.String
		if ds.Fields[i].Kind == source.Bool {
			kind = source.Int64
		} else if ds.Fields[i].Kind == source.UUID {
			kind = ds.textOrBytes(bad)
		}
		ds.Fields[i].Kind = kind
		delete(ds.Storage, bad.Column)
	}
}

// textOrBytes is what a column becomes that is declared to hold UUIDs and does not.
func (ds *Dataset) textOrBytes(bad *source.DataError) source.Kind {
	if strings.HasPrefix(bad.Rule, "bytes") {
		return source.Bytes
	}
	return source.String
}

// settleTime chooses the kind of a column declared as a time by how its values
// are written: a day, a clock's reading, or with UTC's name or as an integer
// an instant.
func (ds *Dataset) settleTime(ctx context.Context, db *sql.DB, i int) error {
	probe := Dataset{Name: ds.Name, Table: ds.Table, Query: ds.Query, Unguarded: true, Fields: []source.Field{ds.Fields[i]}}
	probe.Fields[0].Kind = source.Timestamp
	t, err := prepare(SQLite, probe)
	if err != nil {
		return err
	}
	s, err := snapshot.Begin(ctx, db, t, source.Query{}, 0)
	if err != nil {
		return err
	}
	f, err := s.Form(ctx, 0)
	err = errors.Join(err, s.End())
	switch {
	case errors.Is(err, source.ErrUnsupported):
		ds.Fields[i].Kind = source.String
		return nil
	case err != nil:
		return err
	case f == stored.AnyForm: // no values
		return nil
	case f.Base == 10:
		ds.Fields[i].Kind = source.Date
	case f.Unit > 0 || f.Suffix != "":
		ds.Fields[i].Kind = source.Timestamp
	default:
		ds.Fields[i].Kind = source.DateTime
	}
	ds.Storage[ds.Fields[i].Name] = TimeStorage(f.String())
	return nil
}

// prove reads every value whose kind may turn out wrong.
func prove(ctx context.Context, db *sql.DB, ds Dataset) error {
	var unsure []string
	for _, f := range ds.Fields {
		switch f.Kind.Base() {
		case source.Int64, source.String, source.Bytes:
		default:
			unsure = append(unsure, f.Name)
		}
	}
	if len(unsure) == 0 {
		return nil
	}
	ds.Unguarded, ds.Key = true, nil
	src, err := New(db, SQLite, []Dataset{ds}, &Options{OmitCount: true})
	if err != nil {
		return err
	}
	return source.Each(ctx, src, source.Query{Dataset: ds.Name, Columns: unsure}, func(b *source.Batch) error {
		for j, f := range b.Schema() {
			if f.Kind != source.JSON {
				continue
			}
			for row := range b.Len() {
				if !b.Col(j).Null(row) && !json.Valid(b.Col(j).Bytes(row)) {
					return &source.DataError{Dataset: ds.Name, Column: f.Name, Rule: "not JSON"}
				}
			}
		}
		return nil
	})
}
