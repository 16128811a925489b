package catalog

import (
	"context"
	"database/sql"

	"github.com/exportyard/exportyard/source"
)

const postgreSQLColumns = `
select n.nspname, c.relname, a.attname, b.typname,
  case when t.typtype = 'd' then t.typtypmod else a.atttypmod end,
  a.attnotnull, coalesce(array_position(cast(i.indkey as smallint[]), a.attnum) + 1, 0)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
where (c.relkind in ('r', 'p') or c.relkind in ('v', 'm') and $1) and not c.relispartition
  and n.nspname = coalesce(nullif($2, ''), current_schema())
order by c.relname collate "C", a.attnum`

var postgreSQLKinds = map[string]source.Kind{
	"bool": source.Bool, "int2": source.Int64, "int4": source.Int64, "int8": source.Int64, "oid": source.Int64,
	"float4": source.Float64, "float8": source.Float64, "bytea": source.Bytes, "date": source.Date,
	"timestamptz": source.Timestamp, "timestamp": source.DateTime, "uuid": source.UUID, "json": source.JSON, "jsonb": source.JSON,
}

func postgreSQL(ctx context.Context, db *sql.DB, opts Options) ([]Table, error) {
	var out []Table
	var schema, table string
	var c Column
	var mod int
	scan := func(rows *sql.Rows) error {
		return rows.Scan(&schema, &table, &c.Name, &c.typeName, &mod, &c.Required, &c.Key)
	}
	err := each(ctx, db, scan, func() {
		kind, ok := postgreSQLKinds[c.typeName]
		if c.typeName == "numeric" && mod >= 4 {
			// Eleven bits of scale, signed.
			scale := (mod - 4) & 0x7ff
			kind = source.Decimal((mod-4)>>16&0xffff, (scale^1024)-1024)
			ok = kind.Valid()
		}
		if !ok {
			kind = source.String
		}
		c.Kind = kind
		out = add(out, opts, schema, table, c)
	}, postgreSQLColumns, opts.Views, opts.Schema)
	return out, err
}
