"""Files of profiles into a tenant's store: what is refused, and told with its place."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from profile_exchange.tenants.postgres import reading_files
from profile_exchange.tenants.postgres.file_columns import FileColumns, Vocabulary
from profile_exchange.tenants.postgres.reading_files import FileRefused, read_rows
from tests.tenants.files_of_profiles import (
    ADA,
    BO,
    SHOP,
    Row,
    Writer,
    every_kind,
    load,
    stored,
    write_json_lines,
)

WORDS = Vocabulary(
    "shop",
    frozenset(known.id for known in SHOP.properties),
    {known.id: known.filter_type for known in SHOP.properties if known.indexed},
    frozenset(known.id for known in SHOP.objectives),
)


def refusal(path: Path) -> str:
    """Why a file is refused when it is read."""
    columns = FileColumns(path, WORDS)
    with pytest.raises(FileRefused) as caught:
        list(map(columns.block, read_rows(path, "|")))
    return str(caught.value)


GOOD = {"id": BO, "city": "Ghent"}
REFUSED_ROWS: list[tuple[Row, str]] = [
    ({"id": "secret"}, "row 2, column 'id': it is not a UUID"),
    ({"id": [ADA, BO]}, "row 2, column 'id': it must hold one value, not several"),
    ({"id": ADA, "creationDate": "secret"}, "row 2, column 'creationDate': it is no date"),
    ({"id": ADA, "creationDate": "9" * 15}, "row 2, column 'creationDate': it is no date"),
    ({"id": ADA, "privacyLegislation": "GPDR"}, "'privacyLegislation'.*Did you mean 'GDPR'?"),
    ({"id": ADA, "consentedObjectives": "sharin"}, "'consentedObjectives'.*mean 'sharing'?"),
    ({"id": ADA, "refusedObjectives": ["offers", "x"]}, "row 2, column 'refusedObjectives'"),
    ({"id": ADA, "emial": "x"}, "column 'emial': shop has no such profile .*mean 'email'?"),
    ({"id": ADA, "creationdate": "x"}, "column 'creationdate': shop keeps this itself"),
    ({"city": "x"}, r"row 2: it has neither an id nor a unique identifier of shop \(email, card\)"),
    ({"id": ADA, "city": "secret\0"}, "row 2, column 'city': it holds a NUL character"),
]


@pytest.mark.parametrize(("bad", "problem"), REFUSED_ROWS, ids=[row[1] for row in REFUSED_ROWS])
@every_kind
def test_what_is_wrong_in_a_row_is_told_with_its_place(
    tmp_path: Path, write: Writer, bad: Row, problem: str
) -> None:
    message = refusal(write(tmp_path, [GOOD, bad]))
    assert message.startswith("profiles.")
    assert re.search(problem, message)
    assert "secret" not in message


REFUSED_FILES: list[tuple[str, bytes, str]] = [
    ("profiles.csv", b"", "it is empty; its first line must name the columns"),
    ("profiles.csv", b"id,city\nsecret,1,2\n", "line 2 has 3 fields, the first line 2"),
    ("profiles.csv", b'id,city\n"secret,1\n', "starts with a quote .* never ends"),
    ("profiles.csv", b"id,city,city\n", "column 'city': two columns have this name"),
    ("profiles.csv", b"id,,city\n", "column 2 has no name"),
    ("profiles.csv", b"city\nsecret\n", r"needs a column 'id', or a unique .* \(email, card\)"),
    ("profiles.csv", b"id,city\n1,\xff\n", "it is not UTF-8 text"),
    ("profiles.csv", gzip.compress(b"id\n"), "it is not UTF-8 text"),
    ("profiles.csv.gz", b"id,city\n", "not, or not all of, a gzip file"),
    ("profiles.csv.gz", gzip.compress(b"id,city\n" * 99)[:-9], "not, or not all of, a gzip file"),
    ("profiles.jsonl", b'{"card": "1"}\n{"secret', "row 2: this line is not JSON"),
    ("profiles.jsonl", b'["secret"]\n', "row 1: this line is no JSON object"),
    ("profiles.jsonl", b'{"card": "\xff"}\n', "row 1: this line is not JSON|not UTF-8"),
    ("profiles.jsonl", b'{"card": {"secret": 1}}', "row 1, column 'card': it must hold a value"),
    ("profiles.jsonl", b'{"card": "\\ud800"}', "row 1: this line is not JSON"),
    ("profiles.parquet", b"PAR1secretPAR1", "not, or not all of, a Parquet file"),
    ("profiles.xlsx", b"", "its name must end in one of .csv, .csv.gz, .jsonl"),
]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    REFUSED_FILES,
    ids=[f"{row[0]}: {row[2]}" for row in REFUSED_FILES],
)
def test_a_file_that_is_not_of_its_kind_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{name}")
    assert re.search(problem, message)
    assert "secret" not in message


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert "it cannot be read: No such file" in refusal(tmp_path / "profiles.csv")
    for kind in ("csv", "jsonl", "parquet"):
        folder = tmp_path / f"folder.{kind}"
        folder.mkdir()
        assert "it cannot be read" in refusal(folder)


def test_a_column_of_parquet_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "profiles.parquet"
    pq.write_table(pa.table({"id": [ADA], "city": [{"secret": 1}]}), path)
    assert "column 'city': its type struct" in refusal(path)


def test_what_is_wrong_late_in_a_file_undoes_all_of_it(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_files, "ROWS", 2)
    load(store_url, write_json_lines(tmp_path, [{"id": ADA, "city": "Ghent"}]))
    before = stored(store_url)
    rows = [{"id": str(UUID(int=n))} for n in range(1, 8)]
    for last, problem in (({"id": "no"}, "column 'id'"), (rows[4], "second time")):
        with pytest.raises(FileRefused, match=f"^profiles.jsonl, row 8.*{problem}"):
            load(store_url, write_json_lines(tmp_path, [*rows, last]))
        assert stored(store_url) == before
