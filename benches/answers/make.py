#!/usr/bin/env python3
"""Makes the known answers: the answers of DuckDB to the standard queries over the data of the `tpch` program.

    python3 -m venv venv && venv/bin/pip install duckdb
    tpch --scale 1 --data DATA/sf1 --queries 6           # generates the tables; the same for 0.1 and 0.01
    venv/bin/python make.py QUERIES DATA [QUERY ...]     # QUERIES holds q1.sql ... q22.sql, DATA the folders sf<scale>

Fields are separated by `|`, which no value contains. The head line names each column and its kind: `text`, `integer`,
`date`, `decimal` (written exactly) or `double` (written so that it reads back as the same number; an average or a ratio,
compared within a tolerance). Answers above 200 KB are left out.
"""

import pathlib
import sys

import duckdb

SCALES = ["0.01", "0.1", "1"]
TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
LARGEST = 200_000


def kind(type_name):
    if type_name.startswith("DECIMAL"):
        return "decimal"
    if type_name in ("DOUBLE", "FLOAT"):
        return "double"
    if type_name.endswith("INT") or type_name == "INTEGER":
        return "integer"
    return {"VARCHAR": "text", "DATE": "date"}[type_name]


def text(value):
    if isinstance(value, float):
        return repr(value)
    return "" if value is None else str(value)


def main():
    queries, data = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    chosen = sys.argv[3:] or [str(number) for number in range(1, 23)]
    for scale in SCALES:
        database = duckdb.connect()
        for table in TABLES:
            path = data / f"sf{scale}" / f"{table}.parquet"
            database.execute(f"create view {table} as select * from read_parquet('{path}')")
        folder = pathlib.Path(__file__).parent / f"sf{scale}"
        folder.mkdir(exist_ok=True)
        for number in chosen:
            answer = database.execute((queries / f"q{number}.sql").read_text())
            head = "|".join(f"{column[0]}:{kind(str(column[1]))}" for column in answer.description)
            rows = ["|".join(text(value) for value in row) for row in answer.fetchall()]
            content = "\n".join([head, *rows]) + "\n"
            if len(content) <= LARGEST:
                (folder / f"q{number}.csv").write_text(content)


if __name__ == "__main__":
    main()
