"""Compares an archive with the SQLite database that it was made from, value by
value, with nothing but Python's own csv, json, gzip and sqlite3.

    python3 compare.py DATABASE FOLDER

What a value of the database is in a file:

    NULL                                  csv: an empty field; json: null
    integer                               its digits
    real in a NUMERIC(p,s) column         its shortest digits, with exactly s behind the point
    text in a DATETIME column             the same with a T between day and time
    any other text                        itself

An empty field of a CSV file is taken for NULL. Python's reader cannot tell it
from an empty text, so a column that holds one is refused here.
"""

import csv
import decimal
import glob
import gzip
import io
import json
import os
import re
import sqlite3
import sys


def expected(value, declared):
    numeric = re.fullmatch(r"NUMERIC\((\d+),(\d+)\)", declared)
    if value is None:
        return None
    if isinstance(value, float):
        digits = int(numeric.group(2))
        exact = decimal.Decimal(repr(value))
        text = f"{exact:.{digits}f}"
        assert decimal.Decimal(text) == exact, (value, declared)
        return ("number", text)
    if isinstance(value, int):
        if numeric:
            return ("number", str(value) + "." + "0" * int(numeric.group(2)))
        return ("number", str(value))
    if declared == "DATETIME":
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value), value
        return ("text", value.replace(" ", "T"))
    assert value != "", "an empty text"
    return ("text", value)


def number(text):
    return ("number", text)


def refuse(text):
    raise AssertionError("not JSON: " + text)


def from_json(value):
    if isinstance(value, str):
        return ("text", value)
    assert value is None or isinstance(value, tuple), value
    return value


def read(path):
    """Returns the datasets of a file: name (or None) to header and rows."""
    data = open(path, "rb").read()
    if path.endswith(".gz"):
        data = gzip.decompress(data)
        path = path[:-3]
    text = data.decode("utf-8", errors="strict")
    if path.endswith(".csv"):
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        return {None: (header, rows)}
    document = json.loads(text, parse_float=number, parse_int=number, parse_constant=refuse)
    out = {}
    for name, rows in document.items():
        header = list(rows[0]) if rows else []
        assert all(list(row) == header for row in rows)
        out[name] = (header, [[from_json(v) for v in row.values()] for row in rows])
    return out


def compare(db, name, header, rows, first, last):
    columns = db.execute(f'select name, type, pk from pragma_table_info("{name}")').fetchall()
    assert header == [c[0] for c in columns], (name, header)
    key = ", ".join(f'"{c[0]}"' for c in sorted(columns, key=lambda c: c[2]) if c[2])
    where = ""
    if first:
        where = f"where InvoiceDate >= '{first}' and InvoiceDate < '{last}'"
    want = db.execute(f'select * from "{name}" {where} order by {key}').fetchall()
    assert len(want) == len(rows), (name, first, len(want), len(rows))
    for got, row in zip(rows, want):
        cells = [expected(v, c[1]) for v, c in zip(row, columns)]
        if got and isinstance(got[0], str):  # of a CSV file, where all is text
            cells = ["" if c is None else c[1] for c in cells]
        assert got == cells, (name, got, cells)
    return len(rows)


def main(database, folder):
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    [manifest] = glob.glob(os.path.join(folder, "**", "manifest.*.json"), recursive=True)
    manifest = json.load(open(manifest))
    total, names, end = 0, set(), None
    for f in manifest["files"]:
        first = last = None
        if "from" in f:
            first, last = (f[k].replace("T", " ").removesuffix("Z") for k in ("from", "to"))
            assert first[10:] == last[10:] == " 00:00:00", f
            assert db.execute("select datetime(?, '+1 day') = ?", (first, last)).fetchone()[0], f
            assert end in (None, first), f  # each day begins where the one before ended
            end = last
        rows_of_file = 0
        for name, (header, rows) in read(os.path.join(folder, f["key"])).items():
            name = name or f["dataset"]
            names.add(name)
            rows_of_file += compare(db, name, header, rows, first, last)
        assert rows_of_file == f["rows"], f
        total += rows_of_file
    assert total == manifest["rows"]
    print(len(names), total)


main(*sys.argv[1:])
