"""A store that cannot be used is told by what is wrong: it is away, or does not let us in."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from profile_exchange.domain.errors import ExchangeError, StoreKeepsOut, StoreUnavailable
from profile_exchange.store.database import address, connect, engine_for, store_errors


def by_engine(url: str) -> None:
    with store_errors(url), engine_for(url).connect():
        """Nothing more than connecting."""


def by_copy(url: str) -> None:
    connect(url).close()


@pytest.mark.parametrize("reach", [by_engine, by_copy])
@pytest.mark.parametrize(
    ("wrong", "kind", "told"),
    [
        ({"password": "a-wrong-word"}, StoreKeepsOut, "does not accept the user, the password or"),
        ({"username": "nobody-here"}, StoreKeepsOut, "does not accept the user, the password or"),
        ({"database": "not-there"}, StoreKeepsOut, "does not accept the user, the password or"),
        ({"port": 1}, StoreUnavailable, "does not answer"),
        ({"host": "nowhere.invalid"}, StoreUnavailable, "does not answer"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_store_that_keeps_us_out_is_not_told_as_one_that_is_away(
    store_url: str, reach: object, wrong: dict[str, object], kind: type[ExchangeError], told: str
) -> None:
    url = make_url(store_url).set(**wrong).render_as_string(hide_password=False)  # type: ignore[arg-type]
    assert callable(reach)
    with pytest.raises(kind) as raised:
        reach(url)
    assert str(raised.value).startswith(f"The profile store at {address(url)} ")
    assert told in str(raised.value)
    for secret in ("a-wrong-word", "nobody-here"):
        assert secret not in str(raised.value)
