"""Whatever a file holds, it is read or told about: no traceback, no endless message."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from profile_exchange.config.registry import read_connection, read_tenant
from profile_exchange.domain.errors import ConfigurationError, Problem
from tests.unit.configuring import EXPOSING, IMPORTING, TENANT

anything = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

TOKENS = [
    *("\n", "\n  ", "\n    - ", ": ", "- ", ", ", "[", "]", "{", "}", "? ", "| ", "> ", "# "),
    *("&a ", "*a", "<<: *a", "!!int ", "!!python/name:os.system ", "!x ", "---\n", "...\n"),
    *("'", '"', '"\\ud800"', '"\\0"', "\t", "\r", "\x85", "\u2028", "\ufeff", "%YAML 1.1\n"),
    *("title", "tenant", "import", "expose", "mappings", "links", "name", "host", "properties"),
    *("yes", "on", "~", "true", "1", "-1", "1e9", ".inf", "0x_", "1:30", "2024-99-99", "9" * 5000),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "all", "SUM", "a b", "*", "-" * 300, "é", "\0", "@daily"]),
)
KEYS = st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def problems_in(read: Callable[[Path], object], path: Path) -> Sequence[Problem]:
    try:
        read(path)
    except ConfigurationError as error:
        return error.problems
    return ()


def read_or_told(read: Callable[[Path], object], path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for problem in problems_in(read, path):
        assert problem.file.endswith(path.name)
        assert 0 <= problem.line <= len(content.decode(errors="replace").splitlines()) + 1
        assert problem.message.endswith((".", "?"))
        assert "input should" not in problem.message.lower()  # how pydantic would say it
        assert str(problem).isprintable()
        assert len(str(problem)) < 1000


@pytest.mark.parametrize("read", [read_connection, read_tenant])
@anything
@given(content=st.binary(max_size=200))
@example(content=b"\xef\xbb\xbf")
def test_any_bytes(tmp_path: Path, read: Callable[[Path], object], content: bytes) -> None:
    read_or_told(read, tmp_path / "any.yaml", content)


@pytest.mark.parametrize("read", [read_connection, read_tenant])
@anything
@given(tokens=st.lists(st.sampled_from(TOKENS), max_size=40))
def test_anything_that_looks_like_yaml(
    tmp_path: Path, read: Callable[[Path], object], tokens: list[str]
) -> None:
    read_or_told(read, tmp_path / "any.yaml", "".join(tokens).encode())


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, the top first."""
    yield path
    if isinstance(data, dict | list):
        keys = data if isinstance(data, dict) else range(len(data))
        for key in keys:
            yield from places(data[key], (*path, key))


def with_value(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(data)
    inside = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


SOUND = [
    (read, yaml.safe_load(text))
    for read, text in [
        (read_connection, IMPORTING),
        (read_connection, EXPOSING),
        (read_tenant, TENANT),
    ]
]


@pytest.mark.parametrize(("read", "sound"), SOUND)
@anything
@given(data=st.data())
def test_anything_in_any_place_of_a_sound_file(
    tmp_path: Path, read: Callable[[Path], object], sound: Any, data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(list(places(sound))))
    text = yaml.safe_dump(with_value(sound, place, data.draw(VALUES)), allow_unicode=True)
    read_or_told(read, tmp_path / "any.yaml", text.encode("utf-8", "surrogatepass"))
