"""A value for new profiles, or for existing ones only, is held to its type where it is for one."""

from __future__ import annotations

import pytest

from tests.accepting.conftest import Writer, entry, rule
from tests.exposure.conftest import Installation


@pytest.mark.parametrize(
    ("restriction", "existing", "new"),
    [
        ("NEW_PROFILES_ONLY", "MODIFIED", "SKIPPED"),
        ("EXISTING_PROFILES_ONLY", "SKIPPED", "CREATED"),
        ("ALL_PROFILES", "SKIPPED", "SKIPPED"),
    ],
)
def test_a_value_that_does_not_fit_refuses_whom_it_is_for(
    writer: Writer, installation: Installation, restriction: str, existing: str, new: str
) -> None:
    installation.add(email=["jane@example.org"])
    rules = (rule("articles", "many", restriction=restriction), rule("section", "Sports"))
    both = [entry(*rules, email=f"{name}@example.org", strategy="UPSERT") for name in ("jane", "x")]
    results = writer.results(*both)
    assert [each["state"] for each in results] == [existing, new]
    for each in results:
        assert ("articles" in each.get("validationErrors", {})) == (each["state"] == "SKIPPED")


def test_who_is_nobody_is_told_so_whatever_was_brought_for_existing_profiles(
    writer: Writer,
) -> None:
    asked = entry(rule("articles", "many", restriction="EXISTING_PROFILES_ONLY"))
    assert writer.one(asked)["state"] == "NOTFOUND"
