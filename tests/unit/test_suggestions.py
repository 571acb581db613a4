"""What the form of a new connection suggests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_exchange.config.forms import is_object_id
from profile_exchange.domain.connection import IdentifierPair, Strategy
from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.domain.suggestions import (
    free_name,
    imported_name,
    suggested_links,
    suggested_mappings,
    suggested_strategy,
)


def identifier(key: str, name: str = "", kind: FilterType = FilterType.SELECT) -> ProfileProperty:
    return ProfileProperty(key, name or key, kind, indexed=True)


@pytest.mark.parametrize(
    ("partner", "label", "name"),
    [
        ("Taylor Times", "Sports", "TaylorTimes_Sports"),
        ("taylor-times & co.", "favourite_section", "TaylorTimesCo_FavouriteSection"),
        ("Журнал", "Sports", "the-journal_Sports"),
    ],
)
def test_imported_data_is_named_after_whom_it_comes_from(
    partner: str, label: str, name: str
) -> None:
    assert imported_name(partner, label, "the-journal") == name


@given(st.text(), st.text(), st.sets(st.text(), max_size=3))
def test_whatever_the_names_are_an_id_comes_of_them(
    partner: str, label: str, taken: set[str]
) -> None:
    name = imported_name(partner, label, "journal")
    assert is_object_id(free_name(name, {name, *taken}))


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert free_name("A_B", {"A_B", "A_B_2"}) == "A_B_3"


@pytest.mark.parametrize(
    ("name", "kind", "strategy"),
    [
        ("Subscribed since", FilterType.DATETIME, Strategy.SET_IF_EMPTY),
        ("Last order", FilterType.DATETIME, Strategy.SET),
        ("Newsletters", FilterType.SELECT, Strategy.ADD),
        ("Address", FilterType.SELECT, Strategy.SET),
        ("Favourite section", FilterType.SELECT, Strategy.SET),
        ("Visits", FilterType.RANGE, Strategy.SET),
    ],
)
def test_a_strategy_goes_with_the_property(name: str, kind: FilterType, strategy: Strategy) -> None:
    assert suggested_strategy(ProfileProperty("id", name, kind)) is strategy


def test_mappings_go_to_free_names_and_leave_out_what_identifies() -> None:
    sources = [
        identifier("email"),
        ProfileProperty("visitedchannel", "Visited channels"),
        ProfileProperty("sports", "Sports"),
        ProfileProperty("sports_2", "Sports"),
    ]
    found = suggested_mappings("Taylor Times", sources, {"TaylorTimes_Sports"}, "tt")
    assert [(each.source, each.target) for each in found] == [
        ("sports", "TaylorTimes_Sports_2"),
        ("sports_2", "TaylorTimes_Sports_3"),
    ]


def test_links_join_what_is_called_the_same() -> None:
    theirs = [
        identifier("E-mail", kind=FilterType.EMAIL),
        identifier("card", "Loyalty card"),
        identifier("number", "Subscriber number"),
        ProfileProperty("phone", "Phone"),
    ]
    ours = [
        identifier("mail_address", kind=FilterType.EMAIL),
        identifier("loyalty", "Loyalty card"),
        identifier("phone"),
    ]
    assert suggested_links(theirs, ours) == [
        IdentifierPair("card", "loyalty"),
        IdentifierPair("E-mail", "mail_address"),
    ]


def test_no_link_is_guessed_between_several() -> None:
    mails = [identifier("work", kind=FilterType.EMAIL), identifier("home", kind=FilterType.EMAIL)]
    assert suggested_links(mails, [identifier("mail", kind=FilterType.EMAIL)]) == []
