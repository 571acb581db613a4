"""Harbor Goods: customers of a shop, some of whom read Taylor Times."""

from __future__ import annotations

from profile_exchange.sample.draws import Draws, Numbers
from profile_exchange.sample.fragments import (
    ABSENT,
    CLOSING,
    ProfileColumns,
    PropertyValues,
    Texts,
    opening,
    texts,
)
from profile_exchange.sample.histories import DAYS, objectives, timestamps, zones
from profile_exchange.sample.mails import mail_fragments
from profile_exchange.sample.people import People
from profile_exchange.sample.vocabulary import (
    BROKEN_DATES,
    BROKEN_DECIMALS,
    BROKEN_NUMBERS,
    FIRST_NAMES,
    INTERESTS,
    amounts,
    subsets,
)

TENANT = "harbor-goods"
BROKEN = 0.01
ANSWERS = {"partner_data": (0.7, 0.12)}

_FIRST_NAME = PropertyValues("first_name", ([name] for name in FIRST_NAMES))
_SHOE_SIZE = PropertyValues(
    "shoe_size", ([f"{half / 2:g}"] for half in range(70, 97)), BROKEN_DECIMALS
)
_ORDERS = PropertyValues("orders", ([str(n)] for n in range(60)), BROKEN_NUMBERS)
_SPENT = PropertyValues("spent", ([one] for one in amounts(900)), BROKEN_DECIMALS)
_INTERESTS = PropertyValues("interests", subsets(INTERESTS))
_LAST_ORDER = PropertyValues("last_order", ([f"{day}T12:00:00Z"] for day in DAYS), BROKEN_DATES)
_CHANNELS = PropertyValues("visitedchannel", [["webshop"], ["webshop", "till"]])


def columns(seed: int, profiles: Numbers) -> ProfileColumns:
    """The profiles with these numbers."""
    draws, people = Draws(seed, TENANT), People(seed)
    created, modified = timestamps(draws, profiles)
    consented, refused = objectives(draws, profiles, ANSWERS)
    return ProfileColumns(
        ids=people.customer_ids(profiles),
        created_at=created,
        modified_at=modified,
        privacy_legislation=zones(draws, profiles),
        consented_objectives=consented,
        refused_objectives=refused,
        properties=[
            *_about_the_person(draws, people, profiles),
            *_about_shopping(draws, profiles),
            _CHANNELS.draw(draws, profiles, missing=0.05),
        ],
    )


def _about_the_person(draws: Draws, people: People, profiles: Numbers) -> list[Texts]:
    customers = people.customers(profiles)
    names = people.first_names(customers)
    return [
        mail_fragments(draws, people, profiles, people.mail_owners(profiles)),
        _loyalty_cards(draws, profiles),
        _newspaper_subscriptions(draws, profiles, customers),
        _FIRST_NAME.draw(draws, profiles, missing=0.2, choices=names),
        _SHOE_SIZE.draw(draws, profiles, missing=0.5, broken=BROKEN),
    ]


def _loyalty_cards(draws: Draws, profiles: Numbers) -> Texts:
    start = opening("loyalty_card")
    missing = draws.happens("no loyalty card", profiles, 0.3)
    return texts(
        ABSENT if left_out else f"{start}HG-{number:09d}{CLOSING}"
        for left_out, number in zip(missing.tolist(), profiles.tolist(), strict=True)
    )


def _newspaper_subscriptions(draws: Draws, profiles: Numbers, customers: Numbers) -> Texts:
    """The subscriber number that a customer told the shop, some with a blank before it."""
    start = opening("newspaper_subscription")
    missing = draws.happens("no newspaper subscription", profiles, 0.65)
    blank = draws.happens("blank before subscription", profiles, 0.06)
    return texts(
        ABSENT if left_out else f"{start}{' ' if typed else ''}{customer:010d}{CLOSING}"
        for left_out, typed, customer in zip(
            missing.tolist(), blank.tolist(), customers.tolist(), strict=True
        )
    )


def _about_shopping(draws: Draws, profiles: Numbers) -> list[Texts]:
    half = 1 << len(INTERESTS)
    wanted = draws.below("wanted", profiles, half) & draws.below("wanted?", profiles, half)
    return [
        _ORDERS.draw(draws, profiles, missing=0.1, broken=BROKEN),
        _SPENT.draw(draws, profiles, missing=0.25, broken=BROKEN),
        _INTERESTS.draw(draws, profiles, missing=0.3, choices=wanted),
        _LAST_ORDER.draw(draws, profiles, missing=0.3, broken=BROKEN),
    ]
