"""Taylor Times: readers of a paper.

The shares of broken values are small: together they stay well below the share of rejected
profiles at which an import stops.
"""

from __future__ import annotations

import numpy as np

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
    CITIES,
    ENDLESS_SECTION,
    FIRST_NAMES,
    NEWSLETTERS,
    SECTIONS,
    SUBSCRIPTIONS,
    amounts,
    subsets,
)

TENANT = "taylor-times"
BROKEN = 0.01
ENDLESS_SECTIONS = 0.001
#: Subscribers of whom nothing is known that an import would write.
PAPER_ONLY = 0.03
ANSWERS = {"partner_sharing": (0.72, 0.13), "personalisation": (0.5, 0.1)}

_FIRST_NAME = PropertyValues("first_name", ([name] for name in FIRST_NAMES))
_CITY = PropertyValues("city", ([city] for city in CITIES))
_AGE = PropertyValues("age", ([str(age)] for age in range(16, 95)), BROKEN_NUMBERS)
_SUBSCRIPTION = PropertyValues("subscription", ([kind] for kind in SUBSCRIPTIONS))
_SINCE = PropertyValues("subscribed_since", ([day] for day in DAYS), BROKEN_DATES)
_SECTION = PropertyValues(
    "favourite_section",
    (list({one: None, other: None}) for one in SECTIONS for other in SECTIONS),
    [ENDLESS_SECTION],
)
_NEWSLETTERS = PropertyValues("newsletters", subsets(NEWSLETTERS))
_ARTICLES = PropertyValues("articles_read", ([str(n)] for n in range(400)), BROKEN_NUMBERS)
_SCORE = PropertyValues("engagement_score", ([one] for one in amounts(100)), BROKEN_DECIMALS)
_VALUE = PropertyValues("lifetime_value", ([one] for one in amounts(600)), BROKEN_DECIMALS)
_CHANNELS = PropertyValues("visitedchannel", [["website"], ["website", "app"]])


def columns(seed: int, profiles: Numbers) -> ProfileColumns:
    """The profiles with these numbers."""
    draws, people = Draws(seed, TENANT), People(seed)
    created, modified = timestamps(draws, profiles)
    consented, refused = objectives(draws, profiles, ANSWERS)
    return ProfileColumns(
        ids=people.reader_ids(profiles),
        created_at=created,
        modified_at=modified,
        privacy_legislation=zones(draws, profiles),
        consented_objectives=consented,
        refused_objectives=refused,
        properties=[
            *_about_the_person(draws, people, profiles),
            *_about_reading(draws, profiles),
            _CHANNELS.draw(draws, profiles, missing=0.05),
        ],
    )


def _about_the_person(draws: Draws, people: People, profiles: Numbers) -> list[Texts]:
    readers = people.readers(profiles)
    names = people.first_names(readers)
    return [
        mail_fragments(draws, people, profiles, readers),
        _subscriber_numbers(draws, profiles, readers),
        _FIRST_NAME.draw(draws, profiles, missing=0.15, choices=names),
        _CITY.draw(draws, profiles, missing=0.3),
        _AGE.draw(draws, profiles, missing=0.4, broken=BROKEN),
        _VALUE.draw(draws, profiles, missing=0.5, broken=BROKEN),
    ]


def _subscriber_numbers(draws: Draws, profiles: Numbers, readers: Numbers) -> Texts:
    start = opening("subscriber_number")
    missing = draws.happens("no subscriber number", profiles, 0.45)
    return texts(
        ABSENT if left_out else f"{start}{reader:010d}{CLOSING}"
        for left_out, reader in zip(missing.tolist(), readers.tolist(), strict=True)
    )


def _about_reading(draws: Draws, profiles: Numbers) -> list[Texts]:
    paper_only = draws.happens("paper only", profiles, PAPER_ONLY)
    sections = draws.below("section", profiles, len(SECTIONS))
    other = draws.below("other section", profiles, len(SECTIONS))
    other = np.where(draws.happens("two sections", profiles, 0.1), other, sections)
    read = np.minimum(draws.below("read", profiles, 400), draws.below("read?", profiles, 400))
    letters = draws.below("letters", profiles, 256) & draws.below("letters?", profiles, 256)
    return [
        _SUBSCRIPTION.draw(draws, profiles, missing=0.45),
        _SECTION.draw(
            draws,
            profiles,
            missing=0.25,
            broken=ENDLESS_SECTIONS,
            absent=paper_only,
            choices=sections * len(SECTIONS) + other,
        ),
        _NEWSLETTERS.draw(draws, profiles, missing=0.2, absent=paper_only, choices=letters),
        _SINCE.draw(draws, profiles, missing=0.3, broken=BROKEN, absent=paper_only),
        _ARTICLES.draw(
            draws, profiles, missing=0.12, broken=BROKEN, absent=paper_only, choices=read
        ),
        _SCORE.draw(draws, profiles, missing=0.2, broken=BROKEN, absent=paper_only),
    ]
