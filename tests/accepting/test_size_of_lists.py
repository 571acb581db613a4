"""A partner makes no property longer than can be read again."""

from __future__ import annotations

from profile_exchange.tenants.postgres.accepting.list_sizes import MAX_LIST_BYTES
from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import Installation

LONGEST = 65_000
#: As many of the longest values as fit.
FULL = MAX_LIST_BYTES // (LONGEST + 8)


def value(number: int) -> str:
    return f"{number:x>{LONGEST}}"


def add(*numbers: int, **more: str) -> dict[str, object]:
    return rule("section", *map(value, numbers), **{"strategy": "ADD", **more})


def test_what_is_added_to_grows_up_to_a_size_and_no_further(
    writer: Writer, installation: Installation
) -> None:
    jane = installation.add(email=["jane@example.org"])
    assert writer.states(*(entry(add(number)) for number in range(FULL))) == ["MODIFIED"] * FULL
    full = installation.stored(jane)
    [skipped] = writer.results(entry(add(FULL), rule("city", "Delft")))
    assert skipped["state"] == "SKIPPED"
    assert skipped["validationErrors"].keys() == {"section"}
    assert str(MAX_LIST_BYTES) in skipped["validationErrors"]["section"][0]
    assert installation.stored(jane) == full
    assert writer.states(entry(add(0))) == ["UNCHANGED"]
    assert writer.states(entry(add(0, strategy="REMOVE")), entry(add(FULL))) == ["MODIFIED"] * 2


def test_what_was_longer_before_may_stay_and_shrink(
    writer: Writer, installation: Installation
) -> None:
    """A tenant's own values are no partner's doing."""
    long = [value(number) for number in range(2 * FULL)]
    jane = installation.add(email=["jane@example.org"], section=long)
    asked = [
        entry(rule("city", "Delft")),
        entry(add(1)),
        entry(rule("section", "Sports", strategy="SET_IF_EMPTY")),
        entry(rule("section", long[0], strategy="REMOVE")),
    ]
    assert writer.states(*asked) == ["MODIFIED", "UNCHANGED", "UNCHANGED", "MODIFIED"]
    assert writer.states(entry(add(2 * FULL))) == ["SKIPPED"]
    assert installation.stored(jane)["section"] == long[1:]


def test_nobody_is_created_with_more(writer: Writer) -> None:
    """Short values take more room than in their JSON."""
    short = [f"{number:05x}" for number in range(120_000)]
    rules = [
        rule("section", *short[start : start + 10_000], strategy="ADD")
        for start in range(0, len(short), 10_000)
    ]
    [skipped] = writer.results(entry(*rules, strategy="UPSERT"))
    assert skipped["state"] == "SKIPPED"
    assert skipped["validationErrors"].keys() == {"section"}
    assert writer.states(entry(*rules[:-1], strategy="UPSERT")) == ["CREATED"]
