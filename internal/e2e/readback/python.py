# Reads a file with Python's own modules and prints what is in it as JSON.
#
#   csv FILE              the records, header first
#   ndjson FILE           the rows, and the lists of keys that they have
#   json FILE [DATASET]   the same of a document
#
# A number of JSON is printed as an object with its text, so that no digit is lost.
import csv
import gzip
import json
import sys

layout, path = sys.argv[1:3]
opened = gzip.open if path.endswith(".gz") else open


def number(text):
    return {"": text}


def loads(text):
    def refuse(name):
        raise ValueError(name + " is no JSON")

    return json.loads(text, parse_int=number, parse_float=number, parse_constant=refuse)


with opened(path, "rt", encoding="utf-8", newline="") as file:
    if layout == "csv":
        csv.field_size_limit(1 << 30)
        out = list(csv.reader(file, strict=True))
    else:
        if layout == "ndjson":
            lines = file.read().split("\n")
            assert lines.pop() == ""
            rows = [loads(line) for line in lines]
        else:
            rows = loads(file.read())
            if isinstance(rows, dict):
                rows = rows[sys.argv[3]]
        names = []
        for row in rows:
            if list(row) not in names:
                names.append(list(row))
        out = {"Names": names, "Rows": [list(row.values()) for row in rows]}

json.dump(out, sys.stdout)
