"""A request of entries as a whole: its limits, its mistakes, its record, and others beside it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from profile_exchange.exposure import writes
from profile_exchange.exposure.entries import (
    MAX_BODY_PARTS,
    MAX_ENTRIES,
    MAX_ENTRY_BYTES,
    MAX_TOLD,
    SentEntry,
    TakenEntry,
    read_entries,
)
from profile_exchange.exposure.refusals import Refusal
from profile_exchange.exposure.splitting import first_elements
from profile_exchange.store.database import parse_url
from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import Installation, writing_url

CITY = rule("city", "Delft")


def test_of_more_than_a_thousand_entries_the_first_thousand_are_processed(
    writer: Writer, installation: Installation
) -> None:
    asked = [entry(CITY, email=f"{n}@example.org", strategy="UPSERT") for n in range(1001)]
    answer = writer.put(*asked)
    assert answer.status_code == 413
    assert [each["state"] for each in answer.json()] == ["CREATED"] * 1000
    assert writer.states(asked[-1]) == ["CREATED"]
    assert writer.put(*asked[:1000]).status_code == 200
    assert [row.entries for row in installation.submissions()] == [1000, 1, 1000]


def test_no_entry_is_no_answer(writer: Writer) -> None:
    assert writer.results() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", ""),
        (b"[", ""),
        (b"{}", ""),
        (b"null", ""),
        (b"[1]", "[0]"),
        (b'[{"matching": {}}]', "[0].matching"),
        (b'[{}, {"properties": [{"values": []}]}]', "[1].properties[0].id"),
        (b'[{"properties": [{"id": "city", "values": [1]}]}]', "[0].properties[0].values[0]"),
        (b'[{"properties": [{"id": "city", "strategy": "set"}]}]', "[0].properties[0].strategy"),
        (b'[{"strategy": "MERGE"}]', "[0].strategy"),
        (b'[{"identifier": NaN}]', ""),
        (b'[{"identifier": "\\ud800"}]', ""),
        (b'[{"identifier": "\xff"}]', "[0]"),
        (b"[" * 5000, ""),
        (b"[{}] []", ""),
        (b"[{}, " + b'{"x":' * 20 + b"1" + b"}" * 20 + b"]", "[1]"),
        (b'[{"identifier": "' + b"x" * MAX_ENTRY_BYTES + b'"}]', "[0]"),
        (b"[" + b"{}," * MAX_ENTRIES + b"{]", ""),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_body_that_is_not_as_described_is_refused_with_the_place_and_no_value(
    writer: Writer, installation: Installation, body: bytes, field: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = writer.api.request("PUT", "/rest/v2/profiles", content=body, headers=headers)
    assert answer.status_code == 400
    told = answer.json()
    assert told["code"] == 400
    assert told["errors"][0]["field"] == field
    assert installation.submissions() == []


def test_what_is_wrong_is_told_so_many_times_and_read_no_further() -> None:
    body = b"[" + b"1," * 30 + b'{"strategy": "MERGE"}]'
    with pytest.raises(Refusal) as refused:
        read_entries(body)
    assert [place for place, _ in refused.value.fields] == [f"[{n}]" for n in range(MAX_TOLD)]


def test_elements_are_told_apart_whatever_is_in_them() -> None:
    elements = [{"a": '\\"]}, ['}, {}, [1, [2, {"b": "é, "}]], "x,\\", 1.5e3, None, True]
    for separators in ((",", ":"), (" ,\n ", " : ")):
        body = f" {json.dumps(elements, separators=separators)}\n".encode()
        split = first_elements(body, 6, 100)
        assert [json.loads(each) for each in split.elements] == elements[:6]
        assert split.more
        assert not first_elements(body, 7, 100).more
    assert first_elements(b" [ ] ", 1, 1).elements == []


SMALLEST_ENTRIES = """
import resource, sys
from profile_exchange.exposure.entries import read_entries
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read_entries(b"[" + b"{}," * 3_400_000 + b"{}]")
print(len(found.taken), found.more, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_body_of_the_smallest_entries_takes_little_more_memory_than_itself() -> None:
    told = subprocess.run(
        [sys.executable, "-c", SMALLEST_ENTRIES], capture_output=True, text=True, check=True
    )
    taken, more, kilobytes = told.stdout.split()
    assert (taken, more) == ("1000", "True")
    assert int(kilobytes) < 50 * 1024


SMALLEST_PARTS = """
import resource, sys
from profile_exchange.exposure.entries import read_entries
from profile_exchange.exposure.refusals import Refusal
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_entries(sys.stdin.buffer.read())
except Refusal as refused:
    [(place, sentence)] = refused.fields
    print(place, sentence, sep=";", end=";")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
CRITERIA = ",".join(['{"id":"","value":""}'] * 100)


def full_of(parts: str, part: str, each: int) -> bytes:
    """As many entries as fit into a body, each with so many of the smallest parts."""
    one = parts % ",".join([part] * each)
    return f"[{','.join([one] * min(MAX_ENTRIES, writes.MAX_BODY // (len(one) + 1)))}]".encode()


@pytest.mark.parametrize(
    ("parts", "part", "each"),
    [
        ('{"properties": [%s]}', '{"id":""}', 1_000),
        ('{"properties": [{"id": "", "values": [%s]}]}', '""', 3_000),
        ('{"matching": [%s]}', f"[{CRITERIA}]", 5),
        ('{"timeline": [%s]}', "{}", 3_000),
    ],
    ids=["rules", "values", "criteria", "events"],
)
def test_a_body_of_the_smallest_parts_is_refused_before_it_takes_much_memory(
    parts: str, part: str, each: int
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SMALLEST_PARTS],
        input=full_of(parts, part, each),
        capture_output=True,
        check=True,
    )
    place, sentence, kilobytes = told.stdout.decode().split(";")
    assert place.startswith("[")
    assert f"more than {MAX_BODY_PARTS} parts" in sentence
    assert int(kilobytes) < 100 * 1024


def test_a_hundred_rules_for_each_of_a_thousand_profiles_are_not_too_many() -> None:
    rules = [{"id": f"property_{number}", "values": ["x"]} for number in range(99)]
    asked = [entry(*rules, email=f"{number}@example.org") for number in range(MAX_ENTRIES)]
    assert len(read_entries(json.dumps(asked, separators=(",", ":")).encode()).taken) == MAX_ENTRIES


def test_bodies_are_read_beside_the_event_loop(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by = []

    def noting(sent: SentEntry) -> TakenEntry:
        made_by.append(threading.get_ident())
        return TakenEntry(sent.to_domain(), None, [])

    monkeypatch.setattr(TakenEntry, "of", noting)
    assert writer.states(entry(CITY)) == ["NOTFOUND"]
    loop = writer.api._portal.call(threading.get_ident)
    assert made_by
    assert loop not in made_by


def test_a_body_has_a_kind_and_a_size(writer: Writer) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}):
        answer = writer.api.request("PUT", "/rest/v2/profiles", content=b"[]", headers=headers)
        assert answer.status_code == 400
    large = [{"identifier": "x" * 11_000_000}]
    answer = writer.put(*large)
    assert answer.status_code == 400
    assert "bytes" in answer.json()["message"]


def test_nobody_without_a_token_has_a_body_read(writer: Writer) -> None:
    writer.api.token = None
    assert writer.put({"identifier": "x" * 11_000_000}).status_code == 401


def test_a_request_is_one_row_of_who_when_how_many_and_what_became_of_them(
    writer: Writer, installation: Installation
) -> None:
    installation.add(email=["jane@example.org"])
    writer.put(entry(CITY), entry(CITY), entry(CITY, email="x@example.org"), entry(rule("x", "y")))
    [row] = installation.submissions()
    assert (row.at, row.connection, row.entries) == (installation.clock.now, "harbor-goods", 4)
    assert row.states == {"MODIFIED": 1, "UNCHANGED": 1, "NOTFOUND": 1, "UNAUTHORIZED": 1}


def test_no_value_reaches_log_or_error(
    writer: Writer, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "canary@example.org"
    installation.add(email=[canary])
    with caplog.at_level(logging.DEBUG):
        answers = [
            writer.put(entry(rule("articles", canary), email=canary, identifier="mine")),
            writer.put(entry(rule("section", canary), email=canary)),
            writer.put(entry(rule(canary, canary), email=canary)),
            writer.put({"strategy": canary, canary: canary}),
            writer.put(entry(CITY), objectiveIds=canary),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400, 400]
    for answer in answers:
        assert canary not in answer.text
    lines = [record.getMessage() for record in caplog.records if "profile_exchange" in record.name]
    assert any("PUT /rest/v2/profiles 200 connection=harbor-goods count=1" in one for one in lines)
    assert canary not in caplog.text


def test_requests_side_by_side_lose_nothing_and_create_one(
    writer: Writer, installation: Installation
) -> None:
    more = rule("articles", "1", strategy="INCREMENT")
    asked = [entry(more, email=f"{n}@example.org", strategy="UPSERT") for n in range(5)]
    answers = writer.api.at_once(8, lambda: writer.put(*asked))
    assert {answer.status_code for answer in answers} == {200}
    states: list[list[dict[str, Any]]] = [json.loads(answer.content) for answer in answers]
    for position in range(5):
        results = [one[position] for one in states]
        assert len({each["profileId"] for each in results}) == 1
        assert [each["state"] for each in results].count("CREATED") == 1
        assert installation.stored(results[0]["profileId"])["articles"] == ["8"]


def test_a_writer_is_held_to_the_limits_of_its_connection(
    writer: Writer, installation: Installation
) -> None:
    answers = [writer.put().status_code for _ in range(500)]
    assert answers.count(429) > 0
    assert set(answers) == {200, 429}


def test_a_store_that_is_away_is_told_without_a_word_about_it(
    writer: Writer, installation: Installation
) -> None:
    writing_secret(installation).write_text("postgresql://nobody:word@127.0.0.1:1/nothing")
    answer = writer.put(entry(CITY))
    assert answer.status_code == 503
    assert answer.json()["errors"] == []


def test_a_store_that_keeps_us_out_is_told_to_the_operators_alone(
    writer: Writer, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    url = parse_url(writing_url(installation.store)).set(database="elsewhere")
    writing_secret(installation).write_text(url.render_as_string(hide_password=False))
    answer = writer.put(entry(CITY))
    assert (answer.status_code, answer.json()["errors"]) == (503, [])
    assert "elsewhere" not in answer.text
    assert "/elsewhere answers, and does not accept" in caplog.text
    assert str(url.password) not in caplog.text


def test_what_nobody_expected_is_told_in_the_form_of_an_answer_to_a_write(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writes, "accept", lambda *_: int("x"))
    answer = writer.put(entry(CITY))
    told = answer.json()
    assert (answer.status_code, told["code"], told["errors"]) == (500, 500, [])
    assert told["message"].startswith("Something is wrong on this side")
    assert "ValueError in /rest/v2/profiles" in caplog.text


def writing_secret(installation: Installation) -> Path:
    """Where the URL of the role that writes is kept."""
    secret = installation.exposure_secret
    return secret.with_name(secret.name.replace("-exposure", "-writing"))
