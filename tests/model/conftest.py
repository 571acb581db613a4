"""One database for all worlds: emptying it takes a hundredth of making another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store.database import engine_for

pytest.register_assert_rewrite("tests.model.story", "tests.model.reality")

from tests.model.reality import Reality  # noqa: E402


@pytest.fixture(scope="session")
def reality(postgres: EmbeddedPostgres, store_template: str) -> Iterator[Reality]:
    """The database of the tests in this folder, and the pipeline on it."""
    url = postgres.create_database("store_of_worlds", template=store_template)
    yield Reality(url)
    engine_for(url).dispose()
