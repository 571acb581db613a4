"""``exchange connections``: what is configured, and the schema that editors read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.config import connection_schema
from profile_exchange.config.settings import PROJECT_ROOT
from tests.unit.configuring import EXPOSING, IMPORTING

SCHEMA = PROJECT_ROOT / connection_schema.FILE
SAMPLES = sorted(SCHEMA.parent.glob("*.yaml"))


def exchange(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})


def check(written: str) -> None:
    jsonschema.Draft202012Validator(connection_schema.schema()).validate(yaml.safe_load(written))


def test_the_list_names_every_connection() -> None:
    done = exchange("connections", "list")
    assert done.exit_code == 0
    for path in SAMPLES:
        assert path.stem in done.stdout


def test_the_list_is_there_for_programs() -> None:
    listed = json.loads(exchange("connections", "list", "--json").stdout)
    assert [each["id"] for each in listed] == [path.stem for path in SAMPLES]
    assert [each["goals"] for each in listed] == [["expose"], ["import"]]
    assert [each["timezone"] for each in listed] == [None, None]


def test_show_names_the_goals_as_the_list_does() -> None:
    for each in json.loads(exchange("connections", "list", "--json").stdout):
        told = json.loads(exchange("show", each["id"], "--json").stdout)
        assert [goal for goal in ("expose", "import", "accept") if told[goal]] == each["goals"]
        assert told["importing"] == told["import"]


def test_the_schema_that_is_kept_is_the_one_that_the_command_prints() -> None:
    printed = exchange("connections", "schema").stdout
    assert SCHEMA.read_text(encoding="utf-8") == printed, f"run: {connection_schema.COMMAND}"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_points_editors_to_the_schema_and_keeps_to_it(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# yaml-language-server: $schema={SCHEMA.name}\n")
    check(text)


def described(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each key of each model, and what the schema says of it or else of what it holds."""
    for name, model in {"": schema, **schema["$defs"]}.items():
        for key, told in model.get("properties", {}).items():
            held = schema["$defs"].get(told.get("$ref", "").rpartition("/")[2], {})
            yield f"{name}.{key}", told.get("description") or held.get("description", "")


@pytest.mark.parametrize(("key", "told"), list(described(connection_schema.schema())))
def test_every_key_is_described(key: str, told: str) -> None:
    assert told.endswith("."), (
        f"write a sentence below {key} in the spec, then run: {connection_schema.COMMAND}"
    )


@pytest.mark.parametrize("sound", [IMPORTING, EXPOSING], ids=["importing", "exposing"])
def test_what_is_sound_keeps_to_the_schema(sound: str) -> None:
    check(sound)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("{theirs: email, ours: email}", "[{theirs: email, ours: email}]"),
        ("strategy: SUM", "strategy: INCREMENT"),
        ("segments: [subscribers]", "segments: all"),
        ("  mappings:", "  keep: {quarantine_days: 7}\n  mappings:"),
        ("objectives:", "schedule: {days_of_week: [MON, friday], time: '6:30'}\nobjectives:"),
        ("objectives:", "schedule: {weekday_of_month: last FRI}\nobjectives:"),
        ("objectives:", "schedule: {day_of_month: last}\nobjectives:"),
    ],
)
def test_every_way_of_writing_it_keeps_to_the_schema(written: str, instead: str) -> None:
    assert written in IMPORTING
    check(IMPORTING.replace(written, instead, 1))


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("tenant:", "tennant:"),
        ("strategy: SUM", "strategy: PLUS"),
        ("segments: [subscribers]", "segments: some"),
        ("objectives:", "schedule: {day_of_month: 40}\nobjectives:"),
    ],
)
def test_a_mistake_does_not(written: str, wrong: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(IMPORTING.replace(written, wrong, 1))
