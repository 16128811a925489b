package sqlsource

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/source"
)

const sqliteColumns = `
select t.name, c.name, c.type, c."notnull" or (c.pk > 0 and t.wr), c.pk
from pragma_table_list t join pragma_table_xinfo(t.name) c
where t.schema = 'main' and (t.type in ('table', 'virtual') or t.type = 'view' and ?)
  and t.name not like 'sqlite\_%' escape '\' and c.hidden <> 1
order by t.name collate binary, c.cid`

func discoverSQLite(ctx context.Context, db *sql.DB, opts *DiscoverOptions) ([]found, error) {
	var out []found
	var table string
	var c foundColumn
	scan := func(rows *sql.Rows) error {
		return rows.Scan(&table, &c.name, &c.typeName, &c.required, &c.key)
	}
	err := each(ctx, db, scan, func() {
		c.typeName = strings.ToLower(c.typeName)
		out = add(out, opts, "main", table, c)
	}, sqliteColumns, opts.Views)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if err := out[i].look(ctx, db); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// look reads the table and chooses the kinds of its columns by their declared
// types and by what they hold.
func (t *found) look(ctx context.Context, db *sql.DB) error {
	var sql strings.Builder
	sql.WriteString("select count(*)")
	for _, c := range t.columns {
		q := "q." + SQLite.quote(c.name)
		fmt.Fprintf(&sql, ", count(%[1]s), coalesce(min(typeof(%[1]s)) filter (where %[1]s is not null), ''), "+
			"coalesce(max(typeof(%[1]s)) filter (where %[1]s is not null), '')", q)
	}
	sql.WriteString(" from " + SQLite.quote(t.name) + " as q")
	var rows int64
	filled, low, high := make([]int64, len(t.columns)), make([]string, len(t.columns)), make([]string, len(t.columns))
	dest := []any{&rows}
	for i := range t.columns {
		dest = append(dest, &filled[i], &low[i], &high[i])
	}
	if err := db.QueryRowContext(ctx, sql.String()).Scan(dest...); err != nil {
		return fmt.Errorf("look at table %q: %w", t.name, err)
	}
	for i := range t.columns {
		c := &t.columns[i]
		c.kind = sqliteKind(c.typeName, low[i], high[i])
		// A primary key of SQLite may hold nulls; one that does not is a key.
		if filled[i] < rows {
			c.required = false
		} else if c.key > 0 {
			c.required = true
		}
	}
	return nil
}

var precisionScale = regexp.MustCompile(`^(?:decimal|numeric)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$`)

// sqliteKind returns the first guess at the kind of a column whose values are
// of the storage classes low to high in the order of their names (blob,
// integer, real, text), both empty when it has no values.
func sqliteKind(typeName, low, high string) source.Kind {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(typeName, w) {
				return true
			}
		}
		return false
	}
	empty, numbers := low == "", (low == "integer" || low == "real") && (high == "integer" || high == "real")
	all := func(class string) bool { return empty || low == class && high == class }
	guess := source.String
	switch parts := precisionScale.FindStringSubmatch(typeName); {
	case low == "blob" && high != "blob":
		return source.Bytes
	case has("uuid", "guid") && (all("text") || all("blob")):
		return source.UUID
	case low == "blob":
		return source.Bytes
	case parts != nil:
		p, _ := strconv.Atoi(parts[1])
		s, _ := strconv.Atoi("0" + parts[2])
		guess = source.Decimal(p, s)
	case has("bool") && all("integer"):
		return source.Bool
	case has("json") && all("text"):
		return source.JSON
	case has("date", "timestamp") && (all("text") || all("integer")):
		guess = source.DateTime
		if typeName == "date" {
			guess = source.Date
		}
	case has("char", "clob", "text"):
	case has("int") && all("integer"):
		return source.Int64
	case has("real", "floa", "doub") && (empty || numbers):
		return source.Float64
	case empty && has("blob"):
		return source.Bytes
	case !empty && low == "integer" && high == "integer":
		return source.Int64
	case !empty && low == "real" && high == "real" && !has("decimal", "numeric"):
		return source.Float64
	}
	if !guess.Valid() {
		return source.String
	}
	return guess
}

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
	t, err := newTable(SQLite, probe)
	if err != nil {
		return err
	}
	s, err := begin(ctx, db, t, source.Query{}, -1)
	if err != nil {
		return err
	}
	f, err := s.form(ctx, 0)
	err = errors.Join(err, s.end())
	switch {
	case errors.Is(err, source.ErrUnsupported):
		ds.Fields[i].Kind = source.String
		return nil
	case err != nil:
		return err
	case f == anyForm: // no values
		return nil
	case f.base == 10:
		ds.Fields[i].Kind = source.Date
	case f.unit > 0 || f.suffix != "":
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
