"""What is told of regular expressions is what PostgreSQL says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from sqlalchemy import literal, select
from sqlalchemy.exc import DBAPIError

from profile_exchange.config.regexes import never_taken
from profile_exchange.store.database import engine_for

Taken = Callable[[str], bool]

WELL = [
    *("", "|", "a||b", "(|a)+", "()*", "^.{1,255}$", "a{01}", "a{,300}", "a{x}", "a{ 1}", "a??"),
    *("a{1,}?", "a+?b", "[a++]", "[]a++]", "[^]a++]", "[[:alpha:]++]", "[[.a.]+]", r"[\]++]"),
    *(r"\++", r"\{300}", r"a\{1}{2}", "(?i)a", "(?is)a", "(?#c)a", "a+(?#++)b", "a(?#c)*"),
    *("(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b", "(?:a)+", "***=a++", "(?q)a++", "(?x)a # ++"),
    *("***:(?i)a", "(?b)a++", r"\a\b\d\e\f\m\r\s\t\v\w\y\A\B\D\M\S\W\Y\Z", "a|b+", "a.+c"),
]
ILL = [
    *("^.{1,256}$", "a{0300}", "a{3,2}", "a{1,a}", "a{1 }", "{1}", "a{2}{3}", "a{2}?{3}"),
    *("a++", "a*+", "a?+", "a{2}+", "a**", "*a", "(*a)", "a|*b", "^*", "$*", "a+?+", "a{1}??"),
    *("(?:a)++", "a+(?#c)+", "[a]++", r"[a\\]++", "(?i)*a", "***:a++", "[[a]++]"),
    *(r"(?P<y>\d+)", "(?P=y)", "(?<n>a)", "(?>a)", "(?|a)", "(?(1)a|b)", "a(?i)b", "(?i:a)"),
    *("(?a)b", "(?-i)a", r"\p{L}", r"\z", r"\Gx", r"\Ka", r"\ha"),
]


@pytest.fixture
def taken(store_url: str) -> Iterator[Taken]:
    """Whether PostgreSQL takes a pattern."""
    with engine_for(store_url).connect() as database:

        def asked(pattern: str) -> bool:
            try:
                with database.begin_nested():
                    database.execute(select(literal("x").op("~")(pattern))).all()
            except DBAPIError:
                return False
            return True

        yield asked


def test_what_is_told_of_a_pattern_is_so(taken: Taken) -> None:
    assert [pattern for pattern in WELL if not taken(pattern) or never_taken(pattern)] == []
    assert [pattern for pattern in ILL if taken(pattern) or not never_taken(pattern)] == []


@given(st.text(alphabet=r"ab1,{}()[]^$|*+?\:=!<>#.Pi-dp", max_size=9))
@tried(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_pattern_is_called_wrong_that_postgresql_takes(taken: Taken, pattern: Any) -> None:
    if never_taken(pattern):
        assert not taken(pattern)
