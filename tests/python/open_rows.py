#!/usr/bin/env python3
"""Opens rows and objects that were exported, with the tools that people use.

    open_rows.py ROWS.csv OBJECTS.jsonl FRAMES DETECTIONS_A_FRAME

The CSV with Python's csv, pandas and DuckDB, the JSON lines with jq, pandas and DuckDB: how much there is, and
whether each takes every column for what it is without being told. Prints how much there was.
"""

import concurrent.futures
import csv
import subprocess
import sys

import duckdb
import pandas

COLUMNS = [
    "frame_id", "frame_time", "system_timestamp", "system_date", "instance_id",
    "label", "x", "y", "width", "height", "confidence",
]
WHOLE = {"frame_id", "system_timestamp"}
REAL = {"frame_time", "x", "y", "width", "height", "confidence"}


def expect(what, is_so, *found):
    if not is_so:
        raise AssertionError("%s: %s" % (what, ", ".join(map(str, found))))


def with_csv(path, frames, each):
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        expect("csv: columns", header == COLUMNS, header)
        count = 0
        for row in rows:
            expect("csv: cells", len(row) == len(COLUMNS), row)
            expect("csv: frame", int(row[0]) == count // each, row)
            count += 1
        expect("csv: rows", count == frames * each, count)


def with_pandas(rows, objects, frames, each):
    table = pandas.read_csv(rows)
    expect("pandas: rows", len(table) == frames * each, len(table))
    for column in COLUMNS:
        kind = table[column].dtype.kind
        wanted = "i" if column in WHOLE else "f" if column in REAL else "O"
        expect("pandas: type of " + column, kind == wanted, kind)
    expect("pandas: labels", set(table["label"]) == {"Person", 'big "red", lorry'}, set(table["label"]))
    dates = pandas.to_datetime(table["system_date"], utc=True)
    off = abs(dates.astype("int64") // 10**6 - table["system_timestamp"]).max()
    expect("pandas: date and timestamp are one", off == 0, off)
    lines = pandas.read_json(objects, lines=True)
    expect("pandas: objects", len(lines) == frames, len(lines))
    expect("pandas: lists", lines["detections"].map(len).eq(each).all())


def with_duckdb(rows, objects, frames, each):
    everything = duckdb.sql("SELECT * FROM read_csv('%s')" % rows)
    kinds = dict(zip(everything.columns, map(str, everything.types)))
    expect("duckdb: columns", everything.columns == COLUMNS, everything.columns)
    for column in COLUMNS:
        wanted = "BIGINT" if column in WHOLE else "DOUBLE" if column in REAL else "VARCHAR"
        if column == "system_date":
            wanted = "TIMESTAMP"
        expect("duckdb: type of " + column, kinds[column].startswith(wanted), kinds[column])
    found = duckdb.sql("SELECT count(*), count(DISTINCT frame_id), sum(confidence) FROM everything").fetchone()
    expect("duckdb: rows", found[:2] == (frames * each, frames), found)
    nested = duckdb.sql("SELECT sum(len(detections)) FROM read_json('%s')" % objects).fetchone()[0]
    expect("duckdb: objects", nested == frames * each, nested)


def with_jq(objects, frames, each):
    program = "reduce inputs as $o ([0, 0]; [.[0] + 1, .[1] + ($o.detections | length)])"
    said = subprocess.run(["jq", "-n", "-c", program, objects], capture_output=True, text=True, check=True).stdout
    expect("jq: objects", said.strip() == "[%d,%d]" % (frames, frames * each), said)


def main():
    rows, objects, frames, each = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    readers = [
        (with_duckdb, rows, objects), (with_pandas, rows, objects), (with_csv, rows), (with_jq, objects),
    ]
    # Beside each other, each in a process of its own: a million rows take every one of them some seconds.
    with concurrent.futures.ProcessPoolExecutor(len(readers)) as pool:
        running = [pool.submit(reader, *files, frames, each) for reader, *files in readers]
        for one in running:
            one.result()
    print("%d rows, %d objects" % (frames * each, frames))


if __name__ == "__main__":
    main()
