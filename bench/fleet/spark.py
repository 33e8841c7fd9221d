"""Runs the queries of docs/fleet in Spark, on this machine alone.

Arguments: the folder with verdicts.jsonl and processors.jsonl, the folder with the queries. Prints a
JSON object with the milliseconds and the rows of each query, by the name of its file.
"""

import json
import os
import pathlib
import sys
import time

from pyspark.sql import SparkSession


def main():
    tables, queries = sys.argv[1:]
    queries = pathlib.Path(queries).resolve()
    os.chdir(tables)
    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    for statement in (queries / "tables.spark.sql").read_text().split(";"):
        if statement.strip():
            session.sql(statement)
    answers = {}
    for path in sorted(queries.glob("*.sql")):
        if path.name.startswith("tables."):
            continue
        begun = time.monotonic()
        rows = [row.asDict() for row in session.sql(path.read_text()).collect()]
        milliseconds = round((time.monotonic() - begun) * 1000)
        answers[path.stem] = {"milliseconds": milliseconds, "rows": rows}
    json.dump(answers, sys.stdout)


main()
