package sqlsource_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sourcetest"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// patience is for machines that run much else beside the servers.
const patience = 2 * time.Minute

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// Why nothing is cut raw or pinned.
const (
	values = "database/sql gives values"
	reads  = "two reads are two snapshots"
)

// openSQLite opens a new database file.
func openSQLite(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "test.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(off)&_txlock=immediate")
	require.NoError(t, err)
	db.SetMaxOpenConns(8)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// The ways in which times and UUIDs are found in SQLite's files.
var sqliteStores = map[string]struct {
	timestamp func(text string) any
	uuid      func(text string) any
	storage   sqlsource.TimeStorage
	index     bool
}{
	"texts of one length": {
		timestamp: func(text string) any { return clock(source.Timestamp, text, fixed) },
		index:     true,
	},
	"texts with Z and fractions of any length, UUIDs as bytes": {
		timestamp: func(text string) any { return text },
		uuid:      func(text string) any { u := cell(source.UUID, text).UUIDs()[0]; return u[:] },
	},
	"what Go's driver writes of a time.Time, UUIDs in capitals": {
		timestamp: func(text string) any {
			return source.Instant(source.Timestamp, micros(source.Timestamp, text))
		},
		uuid: func(text string) any { return strings.ToUpper(text) },
	},
	"Unix microseconds, declared, UUIDs without hyphens": {
		timestamp: func(text string) any { return micros(source.Timestamp, text) },
		uuid:      func(text string) any { return strings.ReplaceAll(text, "-", "") },
		storage:   sqlsource.UnixMicros, index: true,
	},
}

func TestConformance_SQLite(t *testing.T) {
	t.Parallel()
	for name, way := range sqliteStores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store{
				dialect: sqlsource.SQLite, index: way.index, columnType: sqliteType,
				encode: func(k source.Kind, text string) any {
					switch {
					case k == source.Timestamp:
						return way.timestamp(text)
					case k == source.DateTime:
						return clock(k, text, fixed)
					case k == source.UUID && way.uuid != nil:
						return way.uuid(text)
					}
					return plain(k, text)
				},
				declare: func(d *sqlsource.Dataset) { declareTimes(d, way.storage) },
			}
			sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
				return sourcetest.Harness{
					Timeout: patience,
					Load:    func(t testing.TB, tables []sourcetest.Table) source.Source { return s.load(t, openSQLite(t), tables) },
					Lacks:   map[sourcetest.Feature]string{sourcetest.NaN: "SQLite stores NaN as null", sourcetest.RawReader: values, sourcetest.Snapshotter: reads},
				}
			})
		})
	}
}

// declareTimes declares the storage of every Timestamp.
func declareTimes(d *sqlsource.Dataset, storage sqlsource.TimeStorage) {
	if storage == sqlsource.Detected {
		return
	}
	d.Storage = make(map[string]sqlsource.TimeStorage)
	for _, f := range d.Fields {
		if f.Kind == source.Timestamp {
			d.Storage[f.Name] = storage
		}
	}
}

func sqliteType(f source.Field, _ bool) string {
	switch f.Kind.Base() {
	case source.Bool, source.Int64:
		return "integer"
	case source.Float64:
		return "real"
	case source.AnyDecimal:
		// Numeric affinity would round a text of 38 digits to a real.
		if f.Kind.Precision() > 20 {
			return "text"
		}
		return "numeric"
	case source.Bytes:
		return "blob"
	case source.Timestamp, source.DateTime:
		return "datetime"
	case source.Date:
		return "date"
	case source.UUID:
		return "" // no affinity: texts and blobs as they come
	default:
		return "text"
	}
}

func TestConformance_PostgreSQL(t *testing.T) {
	t.Parallel()
	for _, index := range []bool{false, true} {
		t.Run(fmt.Sprintf("index=%v", index), func(t *testing.T) {
			t.Parallel()
			s := store{
				dialect: sqlsource.PostgreSQL, index: index, encode: plain,
				columnType: func(f source.Field, _ bool) string { return server.PostgresType(f.Kind) },
			}
			sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
				return sourcetest.Harness{
					Timeout: patience,
					Load: func(t testing.TB, tables []sourcetest.Table) source.Source {
						return s.load(t, server.StartPostgres(t), tables)
					},
					Lacks: map[sourcetest.Feature]string{sourcetest.NUL: "PostgreSQL refuses it", sourcetest.RawReader: values, sourcetest.Snapshotter: reads},
				}
			})
		})
	}
}

func TestConformance_MySQL(t *testing.T) {
	t.Parallel()
	uuids := map[string]struct {
		sqlType string
		encode  func(text string) any
	}{
		"char(36)":   {"char(36)", func(text string) any { return strings.ToUpper(text) }},
		"binary(16)": {"binary(16)", func(text string) any { u := cell(source.UUID, text).UUIDs()[0]; return u[:] }},
	}
	for name, uuid := range uuids {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store{
				dialect: sqlsource.MySQL, index: name == "binary(16)",
				encode: func(k source.Kind, text string) any {
					switch k {
					case source.Timestamp, source.DateTime:
						return clock(k, text, fixed)
					case source.UUID:
						return uuid.encode(text)
					}
					return plain(k, text)
				},
				columnType: func(f source.Field, key bool) string { return mySQLType(f, key, uuid.sqlType) },
			}
			sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
				return sourcetest.Harness{
					Timeout: patience,
					Load: func(t testing.TB, tables []sourcetest.Table) source.Source {
						return s.load(t, server.StartMySQL(t), tables)
					},
					Lacks: map[sourcetest.Feature]string{
						sourcetest.NaN: "MySQL refuses it", sourcetest.Infinity: "MySQL refuses it", sourcetest.RawReader: values, sourcetest.Snapshotter: reads,
					},
				}
			})
		})
	}
}

func mySQLType(f source.Field, key bool, uuid string) string {
	switch f.Kind.Base() {
	case source.Bool:
		return "bit(1)"
	case source.Int64:
		return "bigint"
	case source.Float64:
		return "double"
	case source.AnyDecimal:
		return fmt.Sprintf("decimal(%d,%d)", f.Kind.Precision(), f.Kind.Scale())
	case source.Bytes:
		return "blob"
	case source.Timestamp, source.DateTime:
		return "datetime(6)"
	case source.Date:
		return "date"
	case source.UUID:
		return uuid
	case source.JSON:
		return "longtext"
	}
	if key || f.Name == "org" {
		return "varchar(64)"
	}
	return "text"
}
