package sqlsource

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

func (d Dialect) valid() bool { return d >= SQLite && d <= MySQL }

// quote returns name as an identifier.
func (d Dialect) quote(name string) string {
	mark := `"`
	if d == MySQL {
		mark = "`"
	}
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
}

// begin are the statements that start a read-only transaction on one snapshot
// and give the session the settings that values depend on. They are sent as
// statements and not through database/sql, whose drivers may begin a
// transaction in a way of their own (SQLite's immediate mode takes a write lock).
func (d Dialect) begin() []string {
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

// end undoes begin, so that the connection goes back to the pool as it came.
func (d Dialect) end() []string {
	if d == MySQL {
		return []string{"rollback", "set session time_zone = @exportyard_zone, session net_write_timeout = @exportyard_wait"}
	}
	return []string{"rollback"}
}

// A class is what kind of type a column has in the database. SQLite's columns
// have none: each value has its own.
type class uint8

const (
	unknown class = iota
	textual
	integer
	float
	binary
	boolean
	uuid
	day
	wallClock // date and time without a zone
	instant
)

// classes maps what drivers report as the type of a column. What is not named
// (numeric, json, an enumeration) is compared and read as its field's kind says.
var classes = map[string]class{
	"TEXT": textual, "VARCHAR": textual, "CHAR": textual, "TINYTEXT": textual, "MEDIUMTEXT": textual, "LONGTEXT": textual,
	"INT2": integer, "INT4": integer, "INT8": integer, "TINYINT": integer, "SMALLINT": integer, "MEDIUMINT": integer,
	"INT": integer, "BIGINT": integer, "UNSIGNED TINYINT": integer, "UNSIGNED SMALLINT": integer,
	"UNSIGNED MEDIUMINT": integer, "UNSIGNED INT": integer, "UNSIGNED BIGINT": integer,
	"FLOAT": float, "BYTEA": binary, "BINARY": binary, "VARBINARY": binary, "BLOB": binary, "TINYBLOB": binary,
	"MEDIUMBLOB": binary, "LONGBLOB": binary, "BOOL": boolean, "UUID": uuid, "DATE": day,
	"TIMESTAMPTZ": instant, "DATETIME": wallClock,
}

// classOf returns the class of a column that the driver reports as typeName.
func (d Dialect) classOf(typeName string) class {
	name := strings.ToUpper(typeName)
	switch {
	case d == SQLite:
		return unknown
	case name == "TIMESTAMP" && d == PostgreSQL:
		return wallClock
	case name == "TIMESTAMP":
		return instant
	}
	return classes[name]
}

// A value is an argument and how it is written: wrap holds one question mark
// where the placeholder goes.
type value struct {
	wrap string
	arg  any
}

// A statement is SQL in the making; the arguments come in the order of their
// placeholders.
type statement struct {
	dialect Dialect
	sql     strings.Builder
	args    []any
}

func (s *statement) write(parts ...string) {
	for _, p := range parts {
		s.sql.WriteString(p)
	}
}

func (s *statement) value(v value) {
	before, after, _ := strings.Cut(v.wrap, "?")
	s.args = append(s.args, v.arg)
	mark := "?"
	if s.dialect == PostgreSQL {
		mark = "$" + strconv.Itoa(len(s.args))
	}
	s.write(before, mark, after)
}

func (s *statement) values(vs []value) {
	for i, v := range vs {
		if i > 0 {
			s.write(", ")
		}
		s.value(v)
	}
}

// text returns expr as text of the database's own kind.
func (d Dialect) text(expr string) string {
	if d == PostgreSQL {
		return "cast(" + expr + " as text)"
	}
	return expr
}

// bytewise returns expr such that texts are compared and sorted by their bytes
// and in no other way: no case, accent, or trailing blank is overlooked.
func (d Dialect) bytewise(expr string) string {
	switch d {
	case PostgreSQL:
		return d.text(expr) + ` collate "C"`
	case MySQL:
		return "cast(convert(" + expr + " using utf8mb4) as binary)"
	default:
		return expr + " collate binary"
	}
}

// textValue returns an argument to compare with a text.
func (d Dialect) textValue(text string) value {
	if d == PostgreSQL {
		return value{"cast(? as text)", text}
	}
	return value{"?", text}
}

// bytewiseValue returns an argument to compare with a bytewise text.
func (d Dialect) bytewiseValue(text string) value {
	if d == MySQL {
		return value{"cast(? as binary)", text}
	}
	return d.textValue(text)
}

// bytesValue returns an argument of bytes.
func (d Dialect) bytesValue(b []byte) value {
	switch d {
	case PostgreSQL:
		return value{"cast(? as bytea)", b}
	case MySQL:
		return value{"unhex(?)", hex.EncodeToString(b)}
	default:
		return value{"?", b}
	}
}
