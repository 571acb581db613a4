"""A store that is busy: who writes is told to come back, and nothing is written after that."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from profile_exchange.config.settings import read_secret
from profile_exchange.domain.errors import StoreUnavailable
from profile_exchange.store.database import connect, engine_for
from profile_exchange.tenants.postgres.accepting import accept
from profile_exchange.tenants.rest.network import Patience
from tests.accepting.conftest import Writer, entry, rule


@pytest.fixture
def writing_url(writer: Writer) -> str:
    return read_secret("taylor-times-store-writing", writer.installation.settings.secrets_dir)


def test_a_pool_that_is_in_use_is_503_and_not_500(
    writer: Writer, writing_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = engine_for(writing_url)
    monkeypatch.setattr(writing.pool, "_timeout", 0.01)
    monkeypatch.setattr(writing.pool, "_max_overflow", 0)
    with ExitStack() as held:
        for _ in range(writing.pool.size()):  # type: ignore[attr-defined]
            held.enter_context(writing.connect())
        answer = writer.put(entry(rule("city", "Utrecht")))
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert writer.states(entry(rule("city", "Utrecht"), strategy="UPDATE")) == ["NOTFOUND"]


def test_what_takes_too_long_is_given_up_and_never_written(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = writer.installation.add(email=["jane@example.org"])
    monkeypatch.setattr(accept, "WITHIN", 0.2)
    with connect(writer.installation.store) as somebody:
        somebody.execute("lock table tenant.profile in access exclusive mode")
        assert writer.put(entry(rule("city", "Utrecht"))).status_code == 503
        somebody.rollback()
    assert "city" not in writer.installation.stored(kept)


def test_a_request_is_not_begun_once_its_time_is_over(writing_url: str) -> None:
    """It waited for others for so long that its partner is gone."""
    submission = accept.Submission(None, "", [], [], None, until=time.monotonic())  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable, match="given up after 45 s"):
        accept.accept(writing_url, submission)


def test_our_own_client_waits_for_longer() -> None:
    assert Patience().read > accept.WITHIN + 10
