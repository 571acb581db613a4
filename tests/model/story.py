"""A world told twice: by the model of the rules, and by the pipeline on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import event

from profile_exchange.config.connection_spec import ConnectionSpec
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.validate import validate
from tests.model import rules
from tests.model.importing import Fates
from tests.model.reality import Reality, Take
from tests.model.state import Incoming, Ours, State, comparable, edited, in_order
from tests.model.worlds import OBJECTIVES, THEIRS, Chapter, World
from tests.pipeline.exchange import described, profile_id

SOURCES = {known.id: known for known in described(THEIRS)}


def sound(step: Callable[..., Any], *arguments: Any) -> Any:
    """Take a step, but leave out the validation, which has nothing to find in sound values.

    Great Expectations takes longer than all other steps together.
    """
    return None if step is validate else step(*arguments)


def beginning(world: World) -> State:
    """A world's first state, for the model."""
    return State(
        profiles={profile_id(given["id"]): Ours.of(given) for given in world.ours},
        properties={known.id: known for known in described(world.our_types)},
        objectives={given["id"]: _objective(given) for given in OBJECTIVES},
    )


def _objective(given: Any) -> Objective:
    return Objective(
        id=given["id"],
        name=given["id"],
        needs_consent=given.get("needs_consent", True),
        legislations=tuple(given.get("legislations", ())),
    )


def by_rule(chapter: Chapter, state: State) -> Fates | type[ExchangeError]:
    """What becomes of everybody in a run, or why there is none; ``state`` is what it was after."""
    offered = [Incoming.of(given) for given in chapter.theirs]
    return outcome(lambda: rules.run(connection(chapter), SOURCES, offered, state))


def connection(chapter: Chapter) -> Connection:
    """The connection of a chapter, as the rules see it."""
    spec = {
        "title": "Taylor Times",
        "tenant": "harbor-goods",
        "partner": {"name": "Taylor Times", "host": "taylor-times.localhost"},
        **chapter.settings,
        "import": {"credentials": "taylor_times", **chapter.goal},
    }
    return ConnectionSpec.model_validate(spec).to_domain("taylor-times")


def outcome(run: Callable[[], Fates]) -> Fates | type[ExchangeError]:
    """What a run comes to: fates, or an error told by its kind."""
    try:
        fates = run()
    except ExchangeError as error:
        event(type(error).__name__)
        return type(error)
    event(" ".join(sorted(set(fates.values()))))
    for fate in set(fates.values()):
        event(f"fate: {fate}")
    return fates


def told_alike(world: World, reality: Reality, take: Take) -> State:
    """Tell a whole world, and compare after each run. Returns the state at the end."""
    state = beginning(world)
    reality.begin(world)
    for chapter in world.chapters:
        turned(chapter, state, reality)
        expected = by_rule(chapter, state)
        assert outcome(lambda: reality.run(take)) == expected
        assert comparable(reality.state()) == comparable(state)
    return state


def turned(chapter: Chapter, state: State, reality: Reality) -> None:
    """Make both tenants and the connection what they are at the beginning of a chapter."""
    for edit in chapter.edits:
        if state.profiles:
            key = in_order(state)[edit.place % len(state.profiles)]
            state.profiles[key] = edited(state.profiles[key], edit.changes)
        reality.edit(edit)
    reality.arrange(chapter)
