"""Fingerprints are HMAC under a secret of the store, the same in SQL and in Python."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection as Database
from sqlalchemy import literal, null, select
from sqlalchemy.types import Text
from tests.pipeline.exchange import NOW

from profile_exchange.store.database import engine_for
from profile_exchange.store.fingerprints import (
    CHARACTERS,
    PURPOSE,
    Fingerprints,
    fingerprint_of,
    make_key,
    padded,
)
from profile_exchange.store.tables import signing_key

VALUES = ["", "male", "  blanks \t", "naïve 😀", "x" * 70_000]


def stored_key(database: Database) -> bytes:
    query = select(signing_key.c.key).where(signing_key.c.purpose == PURPOSE)
    return bytes(database.execute(query).scalar_one())


@given(st.binary(max_size=64), st.text())
def test_a_fingerprint_is_hmac_sha_256(key: bytes, value: str) -> None:
    text = value.strip(" \t\n\r\v\f").encode("utf-8", "replace")
    expected = hmac.digest(key, text, "sha256").hex()[:CHARACTERS]
    assert Fingerprints(padded(key)).of(value) == expected


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value[:12]))
def test_sql_and_python_make_the_same_fingerprint(store_url: str, value: str) -> None:
    with engine_for(store_url).begin() as database:
        make_key(database, NOW)
        in_sql = database.execute(select(fingerprint_of(literal(value, Text)))).scalar_one()
        assert in_sql == Fingerprints(stored_key(database)).of(value)


def test_who_has_no_key_cannot_find_a_value_by_hashing_candidates(
    store_url: str, other_store_url: str
) -> None:
    found = set()
    for url in (store_url, other_store_url):
        with engine_for(url).begin() as database:
            make_key(database, NOW)
            found.add(database.execute(select(fingerprint_of(literal("male")))).scalar_one())
    assert len(found) == 2
    assert hashlib.sha256(b"male").hexdigest()[:CHARACTERS] not in found


def test_the_key_of_a_store_is_made_once(store_url: str) -> None:
    with engine_for(store_url).begin() as database:
        make_key(database, NOW)
        first = stored_key(database)
        make_key(database, NOW)
        assert stored_key(database) == first
    assert len(first) == 128
    assert repr(Fingerprints(first)).count("key") == 0


def test_what_is_no_value_has_no_fingerprint(store_url: str) -> None:
    with engine_for(store_url).begin() as database:
        make_key(database, NOW)
        assert database.execute(select(fingerprint_of(null()))).scalar_one() == ""
