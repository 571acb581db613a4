"""Random tenants and connections: small, and colliding on purpose.

A world is written as case files are (`tests/cases`), so that a shrunk example reads like one.
What may be drawn stands here as lists. Each profile is one draw of a few bytes, and every byte
picks from a list: a world has hundreds of choices, and a draw for each would take longer than the
runs do, and be far from even. Hypothesis shrinks bytes to zero: no profile, or what is usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.model.state import NAMES
from tests.pipeline.exchange import EVERYBODY

Given = Mapping[str, Any]
Values = list[str]

THEIRS = {
    "email": "EMAIL!",
    "number": "SELECT!",
    "sports": "SELECT",
    "visits": "RANGE",
    "score": "DECIMAL",
    "since": "DATETIME",
    "visitedchannel": "SELECT",
}
OURS = {"email": "EMAIL!", "card": "SELECT!", "visitedchannel": "SELECT"}

OBJECTIVES: list[Given] = [
    {"id": "offers", "legislations": ["GDPR"]},
    {"id": "letters", "legislations": ["GDPR", "CCPA"]},
    {"id": "upkeep", "needs_consent": False},
]
CONSENTS: list[Given] = [
    {"zone": "GDPR", "consented": ["offers"], "refused": []},
    {"zone": "GDPR", "consented": [], "refused": []},
    {"zone": "CCPA", "consented": [], "refused": []},
    {"zone": "NONE", "consented": [], "refused": ["offers"]},
    {"zone": "CCPA", "consented": ["letters"], "refused": ["offers"]},
    {"zone": "GDPR", "consented": ["offers", "letters"], "refused": ["letters"]},
    {"zone": "NONE", "consented": ["upkeep"], "refused": []},
    {"zone": None, "consented": [], "refused": []},
]
SETTINGS: list[Given] = [
    {"objectives": objectives, "consent": rule}
    for objectives in ([], ["offers"], [], ["offers", "letters"], ["upkeep"], [], ["gone"])
    for rule in ("explicit", "consented_or_unneeded")
]

_MAIL = {"theirs": "email", "ours": "email"}
_CARD = {"theirs": "number", "ours": "card"}
LINKS: list[list[Any]] = [
    [_MAIL],
    [],
    [_MAIL, _CARD],
    [[_MAIL, _CARD], _MAIL],
    [_CARD],
    [[_MAIL, _CARD]],
    [_CARD, _MAIL],
    [[_MAIL, _CARD], _CARD],
]

#: ``{their property: lists of values}``.
USUAL: Mapping[str, list[Values]] = {
    "email": [
        *(["ann@x.org"], ["bob@x.org"], ["cy@x.org"], [" Ann@X.org "], ["BOB@x.org"]),
        *(["ann@x.org", "bob@x.org"], ["cy@x.org", "di@x.org"], [" "], []),
    ],
    "number": [["1"], ["2"], [" 2"], ["x"], ["X"], ["1", "x"], []],
    "sports": [["Golf"], ["Chess"], [" Chess"], ["Golf", "", "Judo"], ["7"], ["Golf", "Golf"], []],
    "visits": [["1"], ["5"], [" 7 "], ["-3"], ["007"], ["+2", "3"], [""], []],
    "score": [["1.50"], ["2"], ["-.25"], ["3.", "0.5"], []],
    "since": [["1700000000000"], ["2024-02-29"], ["2023-02-29", "2024-02-29T10:00:00Z"], []],
    "visitedchannel": [["news"], ["news"], ["news", "app"], []],
}
MALFORMED: Mapping[str, list[Values]] = {
    "email": [["nobody"], ["ann@x.org", "x"]],
    "sports": [["no\0no"]],
    "visits": [["twelve"], ["1.5"], ["2147483648"], ["-2147483648"], ["1", "1e3"]],
    "score": [["1,5"], ["NaN"], ["1" * 60]],
    "since": [["2023-02-30"], ["yesterday"]],
}
#: The same for ours, whose stores hold no empty values.
IDENTIFYING: Mapping[str, list[Values]] = {
    "email": [values for values in USUAL["email"] if values != [" "]],
    "card": USUAL["number"],
    "visitedchannel": [["shop"], ["shop", "app"], ["", "app"], []],
}
NUMBERS = [["4"], ["40"], ["40", "2"], []]
HELD: Mapping[str, list[Values]] = {
    "SELECT": [["Golf"], ["Judo", "Chess"], ["7"], []],
    "DATETIME": [["1700000000000"], []],
    "RANGE": NUMBERS,
    "DECIMAL": NUMBERS,
    "CURRENCY": NUMBERS,
}

#: Our targets: what is mapped to each, and types that it may have if it is there already.
TARGETS: Mapping[str, tuple[Given, list[str]]] = {
    "Sports": ({"from": "sports"}, ["SELECT", "RANGE"]),
    "Visits": ({"from": "visits"}, ["RANGE", "SELECT", "DECIMAL", "CURRENCY"]),
    "Score": ({"from": "score"}, ["DECIMAL", "RANGE", "SELECT"]),
    "Since": ({"from": "since"}, ["DATETIME", "SELECT", "RANGE"]),
    "MoreSports": ({"from": "sports"}, ["SELECT"]),
    "MoreVisits": ({"from": "visits"}, ["RANGE"]),
    "Segments": ({"segments": True}, ["SELECT", "RANGE"]),
    "Label": ({"text": "reader"}, ["SELECT", "RANGE"]),
}
#: What else may be mapped to a target, if the strategy lets several mappings meet there.
BESIDE: Mapping[str, Given] = {
    "MoreSports": {"segments": True},
    "Score": {"from": "visits"},
    "Label": {"from": "sports"},
}
SUMMED = {"Visits", "Score", "MoreVisits"}
STRATEGIES = ["SET", "SET_IF_EMPTY", "ADD", "REMOVE"]
RESTRICTIONS = ["ALL_PROFILES"] * 3 + ["EXISTING_PROFILES_ONLY", "NEW_PROFILES_ONLY"]
TRANSFORMS: Mapping[str, list[Any]] = {
    "sports": [
        *([], [], [], ["lower"], ["trim", "upper"], ["first"]),
        [{"values": {"Golf": "Chess", "7": "eight"}}],
        ["lower", {"values": {"golf": "8"}, "default": "9"}],
    ],
    "since": [[], [], [{"date": "YYYY"}], ["first", {"date": "DD-MM-YYYY HH:mm"}]],
}


@dataclass(frozen=True)
class Edit:
    """Something changed one of our profiles between two runs: which, by its place, and to what.

    An empty list takes the property away; ``consented``, ``refused`` and ``zone`` are its consent.
    """

    place: int
    changes: Given


@dataclass(frozen=True)
class Chapter:
    """One run: what it finds there, and what has changed among ours since the run before."""

    edits: Sequence[Edit]
    theirs: Sequence[Given]
    settings: Given
    goal: Given
    parts: int
    page_size: int
    ranged: bool


@dataclass(frozen=True)
class World:
    """Our tenant at the beginning, and one run after another."""

    our_types: Mapping[str, str]
    ours: Sequence[Given]
    chapters: Sequence[Chapter]


class Dice:
    """Bytes that Hypothesis drew, each to pick from a list. The first of a list is byte 0."""

    def __init__(self, drawn: bytes) -> None:
        self._drawn = iter(drawn)

    def pick(self, some: Sequence[Any]) -> Any:
        """One of a few things."""
        return some[next(self._drawn) % len(some)]


def dice(bytes_needed: int) -> st.SearchStrategy[Dice]:
    """That many throws."""
    return st.binary(min_size=bytes_needed, max_size=bytes_needed).map(Dice)


def their_profile(thrown: Dice, name: str, *, malformed: bool) -> Given | None:
    """One of their profiles, or None; at most 12 throws."""
    there = thrown.pick([False, True, True])
    given = {
        "id": name,
        "segments": thrown.pick([[EVERYBODY], [EVERYBODY, "few"], ["few"], [EVERYBODY]]),
        **thrown.pick(CONSENTS),
    }
    if modified := thrown.pick([1, 2, 3, None]):
        given["modified"] = modified
    for key, usual in USUAL.items():
        bad = MALFORMED.get(key, []) if malformed else []
        given[key] = thrown.pick([*usual, *bad])
    return given if there else None


def our_profile(thrown: Dice, name: str, types: Mapping[str, str]) -> Given | None:
    """One of ours, without empty lists, as a store holds it, or None; at most 16 throws."""
    there = thrown.pick([False, True, True])
    consent = thrown.pick(CONSENTS)
    held = {key: thrown.pick(lists) for key, lists in held_values(types).items()}
    given = {"id": name, **consent, **{key: values for key, values in held.items() if values}}
    return given if there else None


def held_values(types: Mapping[str, str]) -> dict[str, list[Values]]:
    """``{our property: lists of values}`` that it may hold."""
    return {key: IDENTIFYING.get(key) or HELD[kind] for key, kind in types.items()}


def goal(thrown: Dice) -> Given:
    """An import goal, at most 64 throws. Its limits stop a run that receives nothing."""
    links = thrown.pick(LINKS)
    unmatched = thrown.pick(["skip", "create", "create"])
    drawn = [(thrown.pick([False, True]), mappings(thrown, target)) for target in TARGETS]
    mapped = [mapping for there, some in drawn if there for mapping in some]
    return {
        "segments": thrown.pick(["all", "all", [EVERYBODY], ["few"]]),
        "links": links,
        "unmatched": unmatched if links else "skip",
        "mappings": mapped or [{"from": "sports", "to": "MoreSports", "overwrite": True}],
        "limits": {"max_rejected_share": 1, "max_drop_share": 1},
    }


def mappings(thrown: Dice, target: str) -> list[Given]:
    """One mapping to a target, or two; 6 throws."""
    source, _ = TARGETS[target]
    strategy = thrown.pick(["SUM", "SUM", *STRATEGIES] if target in SUMMED else STRATEGIES)
    restriction = thrown.pick(RESTRICTIONS)
    whole = {
        **source,
        "to": target,
        "strategy": strategy,
        "restriction": restriction,
        "overwrite": thrown.pick([True, True, True, False]),
    }
    if transforms := thrown.pick(TRANSFORMS.get(source.get("from", ""), [[]])):
        whole["transforms"] = transforms
    clears = thrown.pick([False, False, True])
    if clears and strategy == "SET" and "from" in source and restriction != "NEW_PROFILES_ONLY":
        whole["clear_when_absent"] = True
    beside = thrown.pick([None, BESIDE.get(target)])
    if beside is None or strategy == "SET":
        return [whole]
    return [whole, {**beside, "to": target, "strategy": strategy, "overwrite": True}]


def edit(thrown: Dice, types: Mapping[str, str]) -> Edit:
    """A change of one property, or of the consent, of one of ours; 3 throws."""
    place = thrown.pick(range(8))
    what = thrown.pick([*types.items(), None])
    if what is None:
        return Edit(place, thrown.pick(CONSENTS))
    (values,) = held_values(dict([what])).values()
    return Edit(place, {what[0]: thrown.pick(values)})


@st.composite
def their_profiles(draw: st.DrawFn, *, malformed: bool) -> list[Given]:
    """What they expose."""
    found = [their_profile(draw(dice(12)), name, malformed=malformed) for name in NAMES]
    return [given for given in found if given]


@st.composite
def first_chapters(draw: st.DrawFn, *, malformed: bool) -> Chapter:
    """The first run."""
    return Chapter(
        edits=(),
        theirs=draw(their_profiles(malformed=malformed)),
        settings=draw(dice(1)).pick(SETTINGS),
        goal=goal(draw(dice(64))),
        **pulling(draw(dice(3))),
    )


def pulling(thrown: Dice) -> Any:
    """How a run is pulled and split, which must make no difference."""
    return {
        "parts": thrown.pick([1, 2, 3, 4]),
        "page_size": thrown.pick([3, 2, 1]),
        "ranged": thrown.pick([True, True, False]),
    }


@st.composite
def next_chapters(
    draw: st.DrawFn, before: Chapter, types: Mapping[str, str], *, malformed: bool
) -> Chapter:
    """The run after another one: the same again, with changes on one side, on both, or on none."""
    changed = [edit(thrown, types) for thrown in draw(st.lists(dice(3), max_size=3))]
    after = replace(before, edits=changed, **pulling(draw(dice(3))))
    what = draw(dice(2))
    if what.pick([False, True]):
        after = replace(after, theirs=draw(their_profiles(malformed=malformed)))
    if what.pick([False, False, True]):
        after = replace(after, goal=goal(draw(dice(64))), settings=draw(dice(1)).pick(SETTINGS))
    return after


@st.composite
def worlds(
    draw: st.DrawFn, *, runs: int = 1, malformed: bool = False, creates: bool = True
) -> World:
    """Our tenant, and up to so many runs of a connection, which may create profiles."""
    types = {**OURS, **existing_targets(draw(dice(16)))}
    found = [our_profile(draw(dice(16)), name, types) for name in NAMES]
    told = [draw(first_chapters(malformed=malformed))]
    for _ in range(draw(st.integers(1, runs - 1)) if runs > 1 else 0):
        told.append(draw(next_chapters(told[-1], types, malformed=malformed)))
    if not creates:
        told = [replace(one, goal={**one.goal, "unmatched": "skip"}) for one in told]
    return World(types, [given for given in found if given], told)


def existing_targets(thrown: Dice) -> dict[str, str]:
    """``{target: type}`` of targets that our tenant has before the first run; 16 throws."""
    drawn = {
        target: (thrown.pick([False, False, True]), thrown.pick(types))
        for target, (_, types) in TARGETS.items()
    }
    return {target: kind for target, (there, kind) in drawn.items() if there}
