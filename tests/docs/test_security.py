"""The page about security names tests that exist, and one for every promise."""

from __future__ import annotations

import re

from profile_exchange.config.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?!promise|---)([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_promise_names_a_test() -> None:
    promises = ROW.findall(PAGE)
    assert len(promises) > 25
    assert [promise for promise, held_by in promises if not NAMED.search(held_by)] == []


def test_every_test_that_is_named_exists() -> None:
    missing = [
        f"{file}::{name}"
        for file, name in NAMED.findall(PAGE)
        if f"def {name}(" not in (PROJECT_ROOT / "tests" / file).read_text(encoding="utf-8")
    ]
    assert missing == []
