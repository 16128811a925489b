package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
)

const sqliteColumns = `
select t.name, c.name, c.type, c."notnull" or (c.pk > 0 and t.wr), c.pk
from pragma_table_list t join pragma_table_xinfo(t.name) c
where t.schema = 'main' and (t.type in ('table', 'virtual') or t.type = 'view' and ?)
  and t.name not like 'sqlite\_%' escape '\' and c.hidden <> 1
order by t.name collate binary, c.cid`

func sqlite(ctx context.Context, db *sql.DB, opts Options) ([]Table, error) {
	var out []Table
	var table string
	var c Column
	scan := func(rows *sql.Rows) error {
		return rows.Scan(&table, &c.Name, &c.typeName, &c.Required, &c.Key)
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
func (t *Table) look(ctx context.Context, db *sql.DB) error {
	var sql strings.Builder
	sql.WriteString("select count(*)")
	for _, c := range t.Columns {
		q := "q." + dialect.SQLite.Quote(c.Name)
		fmt.Fprintf(&sql, ", count(%[1]s), coalesce(min(typeof(%[1]s)) filter (where %[1]s is not null), ''), "+
			"coalesce(max(typeof(%[1]s)) filter (where %[1]s is not null), '')", q)
	}
	sql.WriteString(" from " + dialect.SQLite.Quote(t.Name) + " as q")
	var rows int64
	filled, low, high := make([]int64, len(t.Columns)), make([]string, len(t.Columns)), make([]string, len(t.Columns))
	dest := []any{&rows}
	for i := range t.Columns {
		dest = append(dest, &filled[i], &low[i], &high[i])
	}
	if err := db.QueryRowContext(ctx, sql.String()).Scan(dest...); err != nil {
		return fmt.Errorf("look at table %q: %w", t.Name, err)
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		c.Kind = sqliteKind(c.typeName, low[i], high[i])
		// A primary key of SQLite may hold nulls; one that does not is a key.
		if filled[i] < rows {
			c.Required = false
		} else if c.Key > 0 {
			c.Required = true
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
