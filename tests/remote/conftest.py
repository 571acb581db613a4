"""A tenant of ours behind REST API v2: our own API, which remembers what is written to it."""

from tests.accepting.conftest import writer  # noqa: F401
from tests.exposure.conftest import (  # noqa: F401
    exposing_store,
    installation,
    portal,
    serve,
)
