"""Wrote the files in this folder, with pyarrow 21 or later: encodings and codecs that the tests' own writer does not have."""

import os

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40
images = [None if i == 7 else {"bytes": bytes([i] * (i % 9)), "path": f"{i}.jpg"} for i in range(ROWS)]
table = pa.table({
    "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    "label": pa.array([i * i * 37 % 1003 for i in range(ROWS)], pa.int64()),
    "domain": pa.array([f"site {i // 10}" for i in range(ROWS)]),
})
short = table.set_column(1, "label", table["label"].cast(pa.int32()))


def write(name, table, **options):
    pq.write_table(table, os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.parquet"), store_schema=False, **options)


deltas = {"image.bytes": "DELTA_LENGTH_BYTE_ARRAY", "image.path": "PLAIN", "label": "DELTA_BINARY_PACKED", "domain": "DELTA_BYTE_ARRAY"}
write("deltas", table, use_dictionary=False, column_encoding=deltas, compression="none")
write("deltas-32", short, use_dictionary=False, column_encoding={**deltas, "image.bytes": "DELTA_BYTE_ARRAY"}, compression="none", data_page_version="2.0")
for codec in ["brotli", "lz4", "zstd", "snappy", "gzip"]:
    write(codec, table, compression=codec, row_group_size=15)
