"""Rows of Parquet files, compared with what pyarrow reads.

    python parquet_test.py DRIVER LIBRARY
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import pyarrow
import pyarrow.parquet

TALK = [{"role": "user", "content": "Grüße 🙂", "weight": None}, {"role": "assistant", "content": None, "weight": 0.5}]
JSON = pyarrow.json_(pyarrow.utf8())


def jsons(values):
    """A column as the datasets package writes one whose values have several types."""
    return pyarrow.ExtensionArray.from_storage(JSON, pyarrow.array([json.dumps(value) for value in values]))


def records(driver, path):
    run = subprocess.run([*driver, path, sys.argv[2]], capture_output=True, text=True)
    return json.loads(run.stdout) if run.returncode == 0 else run.stderr.strip()


def main():
    driver = [sys.argv[1], "records"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def compare(table, rows=None, **options):
            path = str(folder / "rows.parquet")
            pyarrow.parquet.write_table(table, path, **options)
            got = records(driver, path)
            expected = table.to_pylist() if rows is None else rows
            assert isinstance(got, dict), got
            assert got["rows"] == expected, (got["rows"], expected)
            assert got["lines"] == list(range(1, len(expected) + 1))
            assert got["sha256"] == hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()

        texts = [f"text {i}" if i % 7 else None for i in range(1000)]
        for codec in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
            compare(pyarrow.table({"text": texts}), compression=codec, row_group_size=300)
        compare(pyarrow.table({"messages": [TALK, TALK[:1], []], "tools": [["a"], None, []],
                               "system": pyarrow.array(["x", "y", "x"]).dictionary_encode()}))
        compare(pyarrow.table({"prompt": pyarrow.array(["a", "b"], pyarrow.large_utf8()),
                               "completion": pyarrow.array(["c", None], pyarrow.string_view()),
                               "input": pyarrow.array([True, None]), "output": pyarrow.array([1, -2], pyarrow.int16()),
                               "instruction": pyarrow.array([2 ** 64 - 1, 0], pyarrow.uint64())}))
        mixed = [{"a": 1}, [1, "x"]]
        compare(pyarrow.table({"tools": jsons(mixed), "messages": pyarrow.array(["[]", "[]"])}),
                [{"tools": value, "messages": "[]"} for value in mixed])
        nested = pyarrow.ListArray.from_arrays([0, 1, 2], jsons(mixed))
        compare(pyarrow.table({"messages": nested}), [{"messages": [value]} for value in mixed])
        # A column that no row is made of is not read; its name is there for errors.
        compare(pyarrow.table({"text": ["a"], "image": [b"\xff"]}), [{"text": "a", "image": True}])
        compare(pyarrow.table({"x": [1, 2]}), [{"x": True}] * 2)
        compare(pyarrow.table({"text": pyarrow.array([], pyarrow.utf8())}))

        def refused(data, words):
            path = folder / "bad.parquet"
            path.write_bytes(data)
            got = records(driver, str(path))
            assert isinstance(got, str) and words in got and "\n" not in got, got

        whole = (folder / "rows.parquet").read_bytes()
        refused(b"", "bad.parquet: ")
        refused(b"PAR1" * 3, "bad.parquet: ")
        refused(whole[:-9], "bad.parquet: ")
        for at in range(4, len(whole), 7):  # no damage of one byte ends the process
            damaged = bytearray(whole)
            damaged[at] ^= 0xff
            (folder / "bad.parquet").write_bytes(damaged)
            records(driver, str(folder / "bad.parquet"))
        for table in (pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], ["text", "text"]),
                      pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], ["x", "x"])):
            pyarrow.parquet.write_table(table, folder / "bad.parquet")
            name = table.column_names[0]
            got = records(driver, str(folder / "bad.parquet"))
            assert isinstance(got, str) and f"bad.parquet: column '{name}' occurs twice" in got, got
        pyarrow.parquet.write_table(pyarrow.table({"text": [b"\xff"]}), folder / "bad.parquet")
        assert "bad.parquet:1: a value of type binary" in records(driver, str(folder / "bad.parquet"))
    print("the rows of Parquet files are those of pyarrow")


main()
