"""Errors: their sentences, and that they survive the way between processes."""

from __future__ import annotations

import inspect
import pickle

import pytest

from profile_exchange.domain import errors
from profile_exchange.domain.errors import (
    ConfigurationError,
    ExchangeError,
    FatalError,
    Problem,
    SourceUnavailable,
    TransientError,
)

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ExchangeError)
]


def test_a_problem_says_where_it_is_as_far_as_it_is_anywhere() -> None:
    assert str(Problem("a.yaml", 3, "import.links[0]", "no.")) == "a.yaml:3: import.links[0]: no."
    assert str(Problem("a.yaml", 0, "", "no.")) == "a.yaml: no."
    assert str(Problem("", 0, "EXCHANGE_X", "no.")) == "EXCHANGE_X: no."
    assert str(Problem("", 0, "", "no.")) == "no."


def test_a_configuration_error_tells_every_problem_on_a_line_of_its_own() -> None:
    problems = [Problem("a.yaml", 1, "x", "no."), Problem("b.yaml", 2, "y", "neither.")]
    assert str(ConfigurationError(problems)) == "a.yaml:1: x: no.\nb.yaml:2: y: neither."


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_arrives_in_another_process_as_it_was(kind: type[ExchangeError]) -> None:
    error = kind("Something is wrong.")
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    assert type(arrived) is kind
    assert str(arrived) == "Something is wrong."
    assert vars(arrived) == vars(error)


def test_how_long_to_wait_arrives_too() -> None:
    arrived = pickle.loads(pickle.dumps(SourceUnavailable("Busy.", retry_after=30)))  # noqa: S301
    assert arrived.retry_after == 30


def test_every_error_is_either_fatal_or_worth_a_retry() -> None:
    leaves = [kind for kind in KINDS if kind not in {ExchangeError, FatalError, TransientError}]
    assert leaves
    for kind in leaves:
        assert issubclass(kind, FatalError) != issubclass(kind, TransientError)


def test_the_picture_of_the_hierarchy_shows_every_error() -> None:
    assert errors.__doc__ is not None
    for kind in KINDS:
        assert kind.__name__ in errors.__doc__
