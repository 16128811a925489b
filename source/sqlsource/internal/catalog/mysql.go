package catalog

import (
	"context"
	"database/sql"
	"strings"

	"github.com/exportyard/exportyard/source"
)

const mySQLColumns = `
select c.table_schema, c.table_name, c.column_name, c.data_type, c.column_type,
  coalesce(c.numeric_precision, 0), coalesce(c.numeric_scale, 0), c.is_nullable = 'NO',
  coalesce((select min(s.seq_in_index) from information_schema.statistics s
    where s.table_schema = c.table_schema and s.table_name = c.table_name and s.column_name = c.column_name
      and s.index_name = 'PRIMARY' and s.sub_part is null), 0)
from information_schema.columns c
join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = coalesce(nullif(?, ''), database()) and (t.table_type = 'BASE TABLE' or t.table_type = 'VIEW' and ?)
order by cast(c.table_name as binary), c.ordinal_position`

var mySQLKinds = map[string]source.Kind{
	"tinyint": source.Int64, "smallint": source.Int64, "mediumint": source.Int64, "int": source.Int64, "bigint": source.Int64, "year": source.Int64,
	"float": source.Float64, "double": source.Float64, "date": source.Date, "datetime": source.DateTime, "timestamp": source.Timestamp,
	"json": source.JSON, "uuid": source.UUID, "binary": source.Bytes, "varbinary": source.Bytes, "bit": source.Bytes,
	"tinyblob": source.Bytes, "blob": source.Bytes, "mediumblob": source.Bytes, "longblob": source.Bytes,
	"geometry": source.Bytes, "point": source.Bytes, "linestring": source.Bytes, "polygon": source.Bytes, "multipoint": source.Bytes,
	"multilinestring": source.Bytes, "multipolygon": source.Bytes, "geomcollection": source.Bytes, "geometrycollection": source.Bytes,
}

func mySQL(ctx context.Context, db *sql.DB, opts Options) ([]Table, error) {
	var out []Table
	var schema, table, full string
	var c Column
	var precision, scale int
	scan := func(rows *sql.Rows) error {
		return rows.Scan(&schema, &table, &c.Name, &c.typeName, &full, &precision, &scale, &c.Required, &c.Key)
	}
	err := each(ctx, db, scan, func() {
		kind, ok := mySQLKinds[c.typeName]
		switch {
		case c.typeName == "bit" && precision == 1:
			kind = source.Bool
		case c.typeName == "bigint" && strings.Contains(strings.ToLower(full), "unsigned"):
			kind = source.Decimal(20, 0)
		case c.typeName == "decimal":
			kind = source.Decimal(precision, scale)
			ok = kind.Valid()
		}
		if !ok {
			kind = source.String
		}
		c.Kind = kind
		out = add(out, opts, schema, table, c)
	}, mySQLColumns, opts.Schema, opts.Views)
	return out, err
}
