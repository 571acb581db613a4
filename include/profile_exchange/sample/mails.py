"""Mail addresses: one for each person, written by each tenant in its own careless way."""

from __future__ import annotations

import numpy as np

from profile_exchange.sample.draws import Draws, Numbers
from profile_exchange.sample.fragments import (
    ABSENT,
    CLOSING,
    NEXT_VALUE,
    Texts,
    escaped,
    opening,
    texts,
)
from profile_exchange.sample.people import People
from profile_exchange.sample.vocabulary import (
    BROKEN_MAILS,
    FAMILY_NAMES,
    FIRST_NAMES,
    GIVEN_NAMES,
    MAIL_DOMAINS,
)

MISSING = 0.08
BLANKS_AROUND = 0.08
SECOND_MAILS = 0.04
BROKEN = 0.007

#: Lower case, as a name is written, and upper case for the rest.
_CASE_SHARES = (0.7, 0.22)
_CASES = (str.lower, str, str.upper)
_BLANKS = (("", ""), (" ", ""), ("", " "), ("  ", "  "), ("\t", ""), ("", "\n"))
_BEFORE = texts(opening("email") + escaped(before) for before, _ in _BLANKS)
_AFTER = texts(escaped(after) + CLOSING for _, after in _BLANKS)


def _in_cases(written: list[str]) -> Texts:
    return texts(case(one) for case in _CASES for one in written)


_GIVEN = [GIVEN_NAMES[place % len(GIVEN_NAMES)] for place in range(len(FIRST_NAMES))]
_LOCALS = _in_cases([f"{given}.{family}" for given in _GIVEN for family in FAMILY_NAMES])
_DOMAINS = _in_cases([f"@{domain}" for domain in MAIL_DOMAINS])


def mail_fragments(draws: Draws, people: People, profiles: Numbers, owners: Numbers) -> Texts:
    """The ``email`` property of a tenant's profiles, whose addresses are those of ``owners``."""
    case = draws.among("mail case", profiles, _CASE_SHARES)
    family = people.below("family name", owners, len(FAMILY_NAMES))
    names = people.first_names(owners) * len(FAMILY_NAMES) + family
    domains = people.below("mail domain", owners, len(MAIL_DOMAINS))
    blanks = draws.below("which blanks", profiles, len(_BLANKS))
    blanks *= draws.happens("blanks", profiles, BLANKS_AROUND)
    fragments: Texts = (
        _BEFORE[blanks]
        + _LOCALS[case * len(_GIVEN) * len(FAMILY_NAMES) + names]
        + texts(map(str, owners.tolist()))
        + _DOMAINS[case * len(MAIL_DOMAINS) + domains]
        + _AFTER[blanks]
    )
    _spoil(fragments, draws, profiles, owners)
    return fragments


def _spoil(fragments: Texts, draws: Draws, profiles: Numbers, owners: Numbers) -> None:
    """Give some profiles a second address, a malformed one, or none."""
    second = draws.happens("second mail", profiles, SECOND_MAILS)
    for place in np.flatnonzero(second).tolist():
        other = f"{NEXT_VALUE}reader{owners[place]}@{MAIL_DOMAINS[2]}{CLOSING}"
        fragments[place] = fragments[place].removesuffix(CLOSING) + other
    broken = draws.happens("broken mail", profiles, BROKEN)
    patterns = draws.below("which broken mail", profiles, len(BROKEN_MAILS))
    for place in np.flatnonzero(broken).tolist():
        mail = BROKEN_MAILS[patterns[place]] % f"reader{owners[place]}"
        fragments[place] = f"{opening('email')}{mail}{CLOSING}"
    fragments[draws.happens("no mail", profiles, MISSING)] = ABSENT
