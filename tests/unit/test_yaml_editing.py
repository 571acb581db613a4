"""Files are written so that they read back, and edited so that the rest stays to the letter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_exchange.config.yaml_editing import difference, edited, is_same
from profile_exchange.config.yaml_source import read_text
from profile_exchange.config.yaml_writing import written
from profile_exchange.domain.errors import ConfigurationError
from tests.examples import examples

FILE = """\
# Agreed on in the contract of 2024.
title: "Taylor Times"   # as they write it
tenant: harbor-goods
partner:
    name: 'Taylor Times'
    host: taylor-times.localhost

# Who has to have said yes.
objectives: [partner_data, offers]  # ours
import:  # what we take
  credentials: taylor_times
  links:
  - {theirs: email, ours: email}
  # for those who subscribe
  - {theirs: number,   ours: card}
  mappings:
    # the most wanted one
    - {from: section, to: TaylorTimes_Section}  # text
    - from: articles   # a number
      to: TaylorTimes_Articles
      strategy: SUM

    # last
    - {from: since, to: TaylorTimes_Since}
  segments:  # by id
    - readers
    - subscribers
# The end.
"""


def said(text: str) -> dict[str, Any]:
    return dict(read_text(text, "file.yaml").data)


def change(text: str, **changed: Any) -> str:
    """What editing top-level keys makes of a text."""
    return edited(text, said(text) | changed, "file.yaml")


def imported(**changed: Any) -> str:
    return change(FILE, **{"import": said(FILE)["import"] | changed})


def test_nothing_to_change_changes_nothing() -> None:
    assert edited(FILE, said(FILE), "file.yaml") == FILE


def test_a_value_changes_where_it_stands() -> None:
    assert change(FILE, title="The Times") == FILE.replace('"Taylor Times"', "The Times")


def test_a_comment_above_what_goes_stays() -> None:
    data = {key: value for key, value in said(FILE).items() if key != "objectives"}
    line = "objectives: [partner_data, offers]  # ours\n"
    assert edited(FILE, data, "file.yaml") == FILE.replace(line, "")


def test_a_new_key_comes_behind_the_one_before_it_and_no_comment_moves() -> None:
    data = said(FILE)
    data = {"title": data.pop("title"), "labels": ["paper"], **data}
    assert edited(FILE, data, "file.yaml") == FILE.replace(
        "write it\n", "write it\nlabels: [paper]\n"
    )


def test_items_come_and_go() -> None:
    mappings = said(FILE)["import"]["mappings"]
    new = {"from": "score", "to": "TaylorTimes_Score"}
    text = imported(mappings=[mappings[0], {**mappings[1], "strategy": "SET"}, new])
    assert text == FILE.replace(
        "SUM\n", "SET\n    - {from: score, to: TaylorTimes_Score}\n"
    ).replace("    - {from: since, to: TaylorTimes_Since}\n", "")


def test_a_list_on_one_line() -> None:
    text = change(FILE, objectives=["first", "offers", "last"])
    assert text == FILE.replace("[partner_data, offers]", "[first, offers, last]")


def test_a_line_that_gets_too_long_becomes_a_list() -> None:
    names = [f"an_objective_with_a_name_{number}" for number in range(4)]
    lines = "".join(f"\n  - {name}" for name in names)
    text = change(FILE, objectives=names)
    assert text == FILE.replace(" [partner_data, offers]  # ours", f"{lines}  # ours")


def test_a_list_becomes_a_word_and_its_comment_stays() -> None:
    assert imported(segments="all") == FILE.replace(
        "segments:  # by id\n    - readers\n    - subscribers\n", "segments: all  # by id\n"
    )


def test_line_ends_stay_what_they_are() -> None:
    text = FILE.replace("\n", "\r\n")
    assert change(text, tenant="other") == text.replace("harbor-goods", "other")


def test_what_is_said_in_two_places_at_once_is_left_to_a_person() -> None:
    text = "a: &same [x, y]\nb: *same\n"
    with pytest.raises(ConfigurationError, match=r"file.yaml: this file cannot be changed here"):
        edited(text, {"a": ["x"], "b": ["x", "y"]}, "file.yaml")


def test_a_text_with_a_repeated_key_is_left_to_a_person() -> None:
    with pytest.raises(ConfigurationError, match=r"file.yaml:2: a: this key stands here twice"):
        edited("a: 1\na: 2\n", {"a": 3}, "file.yaml")


def test_a_difference_says_what_changes() -> None:
    told = difference(FILE, change(FILE, tenant="other"), "taylor-times.yaml")
    assert "-tenant: harbor-goods\n+tenant: other" in told
    assert difference(FILE, FILE, "taylor-times.yaml") == ""


WORDS = st.sampled_from(
    ["a", "b c", "", "yes", "06:00", "1", "1.5", "~", "true", "- x", "# y", "a: b", "[", "'", '"',
     "two\nlines", "two\nlines\n", " x", "é", "*", "{", "%", "@daily", "0 9 * * L5", "ends:",
     "1_000", "0x1F", "2024-01-31", "007", "!x", "a #b", "a, b", "\u2028", "x" * 90, ">", "|", "?",
     ":0", "?0", "0:", "-0", "a:b", "a: ", ",", "]", "it's"]
)  # fmt: skip
KEYS = st.sampled_from(["from", "to", "a b", "1", "true", "", "x: y", "#", "-", "links", "é", "'"])
LEAVES = (
    st.booleans()
    | st.none()
    | st.integers(-(10**17), 10**17)
    | st.sampled_from([0.05, 1e-7, 12345.0, -0.5])
    | WORDS
    | st.text(st.characters(exclude_categories=["C"]), max_size=12)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
FILES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=6)


rare = settings(max_examples=examples(60))


def commented(text: str) -> tuple[str, list[str]]:
    """A text with a comment above each key of its top."""
    lines: list[str] = []
    tops = {line for path, line in read_text(text, "f").lines.items() if len(path) == 1}
    for number, line in enumerate(text.split("\n"), start=1):
        lines += [f"# above {number}"] * (number in tops) + [line]
    return "\n".join(lines), [line for line in lines if line.startswith("# above")]


@rare
@given(data=FILES)
def test_whatever_is_written_reads_back(data: dict[str, Any]) -> None:
    assert is_same(said(written(data)), data)


@rare
@given(before=FILES, after=FILES)
def test_whatever_is_edited_says_what_it_should(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    text, comments = commented(written(before))
    result = edited(text, after, "file.yaml")
    assert is_same(said(result), after)
    assert set(comments) <= set(result.split("\n"))


@rare
@given(before=FILES, value=VALUES, data=st.data())
def test_one_change_leaves_every_other_line_to_the_letter(
    before: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(before)))
    others = {name: before[name] for name in before if name != key}
    text, _ = commented(written(before))
    result = edited(text, before | {key: value}, "file.yaml")
    for name in others:
        assert written({name: before[name]}).strip("\n") in result
