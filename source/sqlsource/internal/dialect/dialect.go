// Package dialect knows how SQLite, PostgreSQL and MySQL write what the source
// says in SQL.
package dialect

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// A Dialect is the SQL that a database speaks. The zero value is none.
type Dialect uint8

// The dialects.
const (
	// SQLite is SQLite 3.25 or later.
	SQLite Dialect = iota + 1
	// PostgreSQL is PostgreSQL 12 or later.
	PostgreSQL
	// MySQL is MySQL 8.0 or later, and MariaDB 10.5 or later.
	MySQL
)

// String returns the name of the database.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	default:
		return "Dialect(" + strconv.Itoa(int(d)) + ")"
	}
}

// Valid reports whether d is one of the dialects.
func (d Dialect) Valid() bool { return d >= SQLite && d <= MySQL }

// Quote returns name as an identifier.
func (d Dialect) Quote(name string) string {
	mark := `"`
	if d == MySQL {
		mark = "`"
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

// Begin are the statements that start a read-only transaction on one snapshot
// and give the session the settings that values depend on. They are sent as
// statements and not through database/sql, whose drivers may begin a
// transaction in a way of their own (SQLite's immediate mode takes a write lock).
func (d Dialect) Begin() []string {
	switch d {
	case PostgreSQL:
		return []string{"begin transaction isolation level repeatable read, read only"}
	case MySQL:
		// A stalled upload must not end the read: the server gives up on a
		// client that takes no rows for net_write_timeout seconds.
		return []string{
			"set @exportyard_zone = @@session.time_zone, @exportyard_wait = @@session.net_write_timeout",
			"set session time_zone = '+00:00', session net_write_timeout = 3600",
			"set transaction isolation level repeatable read",
			"start transaction with consistent snapshot, read only",
		}
	default:
		return []string{"begin deferred"}
	}
}

// End undoes Begin, so that the connection goes back to the pool as it came.
func (d Dialect) End() []string {
	if d == MySQL {
		return []string{"rollback", "set session time_zone = @exportyard_zone, session net_write_timeout = @exportyard_wait"}
	}
	return []string{"rollback"}
}

// A Class is what kind of type a column has in the database. SQLite's columns
// have none: each value has its own.
type Class uint8

// The classes. Unknown is also that of an expression without a type.
const (
	Unknown Class = iota
	Textual
	Integer
	Float
	Binary
	Boolean
	UUID
	Day
	WallClock // date and time without a zone
	Instant
)

// classes maps what drivers report as the type of a column. What is not named
// (numeric, json, an enumeration) is compared and read as its field's kind says.
var classes = map[string]Class{
	"TEXT": Textual, "VARCHAR": Textual, "CHAR": Textual, "TINYTEXT": Textual, "MEDIUMTEXT": Textual, "LONGTEXT": Textual,
	"INT2": Integer, "INT4": Integer, "INT8": Integer, "TINYINT": Integer, "SMALLINT": Integer, "MEDIUMINT": Integer,
	"INT": Integer, "BIGINT": Integer, "UNSIGNED TINYINT": Integer, "UNSIGNED SMALLINT": Integer,
	"UNSIGNED MEDIUMINT": Integer, "UNSIGNED INT": Integer, "UNSIGNED BIGINT": Integer,
	"FLOAT": Float, "BYTEA": Binary, "BINARY": Binary, "VARBINARY": Binary, "BLOB": Binary, "TINYBLOB": Binary,
	"MEDIUMBLOB": Binary, "LONGBLOB": Binary, "BOOL": Boolean, "UUID": UUID, "DATE": Day,
	"TIMESTAMPTZ": Instant, "DATETIME": WallClock,
}

// ClassOf returns the class of a column that the driver reports as typeName.
func (d Dialect) ClassOf(typeName string) Class {
	name := strings.ToUpper(typeName)
	switch {
	case d == SQLite:
		return Unknown
	case name == "TIMESTAMP" && d == PostgreSQL:
		return WallClock
	case name == "TIMESTAMP":
		return Instant
	}
	return classes[name]
}

// Text returns expr as text of the database's own kind.
func (d Dialect) Text(expr string) string {
	if d == PostgreSQL {
		return "cast(" + expr + " as text)"
	}
	return expr
}

// Bytewise returns expr such that texts are compared and sorted by their bytes
// and in no other way: no case, accent, or trailing blank is overlooked.
func (d Dialect) Bytewise(expr string) string {
	switch d {
	case PostgreSQL:
		return d.Text(expr) + ` collate "C"`
	case MySQL:
		return "cast(convert(" + expr + " using utf8mb4) as binary)"
	default:
		return expr + " collate binary"
	}
}

// TextValue returns an argument to compare with a text.
func (d Dialect) TextValue(text string) Value {
	if d == PostgreSQL {
		return Value{"cast(? as text)", text}
	}
	return Value{"?", text}
}

// BytewiseValue returns an argument to compare with a bytewise text.
func (d Dialect) BytewiseValue(text string) Value {
	if d == MySQL {
		return Value{"cast(? as binary)", text}
	}
	return d.TextValue(text)
}

// BytesValue returns an argument of bytes.
func (d Dialect) BytesValue(b []byte) Value {
	switch d {
	case PostgreSQL:
		return Value{"cast(? as bytea)", b}
	case MySQL:
		return Value{"unhex(?)", hex.EncodeToString(b)}
	default:
		return Value{"?", b}
	}
}

// Typed returns an argument of an SQL type, which PostgreSQL wants to be told.
func (d Dialect) Typed(sqlType string, arg any) Value {
	if d == PostgreSQL {
		return Value{"cast(? as " + sqlType + ")", arg}
	}
	return Value{"?", arg}
}

// JSONText returns a column of JSON as text.
func (d Dialect) JSONText(ref string) string {
	switch d {
	case PostgreSQL:
		return ref
	case MySQL:
		return "cast(" + ref + " as char)"
	default:
		return "cast(" + ref + " as text)"
	}
}

// ReadFloat widens a single-precision column before MySQL writes it with six digits.
func (d Dialect) ReadFloat(ref string, c Class) string {
	if d == MySQL && c == Float {
		return "(" + ref + " + 0e0)"
	}
	return ref
}

// QuoteTable quotes "name" or "schema.name".
func (d Dialect) QuoteTable(table string) string {
	parts := strings.Split(table, ".")
	for i, p := range parts {
		parts[i] = d.Quote(p)
	}
	return strings.Join(parts, ".")
}
