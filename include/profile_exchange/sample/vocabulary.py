"""The words of the sample: invented people, places and things, as awkward as real ones.

Quotes, backslashes, tabs, emoji and several scripts are here on purpose. Mail domains are those
that are reserved for examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

#: For mail addresses: plain ASCII.
GIVEN_NAMES = (
    *("Ada", "Amir", "Anneke", "Beatriz", "Bram", "Carlos", "Chiara", "Daan", "Dilan", "Elif"),
    *("Emma", "Farid", "Femke", "Giulia", "Hana", "Hugo", "Ines", "Ivan", "Jana", "Joris"),
    *("Kenji", "Laila", "Lars", "Leonie", "Lotte", "Mads", "Maeve", "Marta", "Mei", "Milan"),
    *("Nadia", "Nils", "Noor", "Olga", "Oscar", "Pablo", "Petra", "Quinn", "Rosa", "Ruben"),
    *("Sanne", "Sofia", "Stefan", "Tariq", "Tess", "Ugo", "Vera", "Wout", "Yara", "Zeynep"),
)
FAMILY_NAMES = (
    *("Abebe", "Bakker", "Bianchi", "Castro", "Cohen", "Demir", "Dubois", "Eriksen", "Fischer"),
    *("Garcia", "Haddad", "Ito", "Jansen", "Kaya", "Kowalska", "Larsen", "Lopez", "Marchetti"),
    *("Meyer", "Moreau", "Nagy", "Novak", "Okafor", "Olsen", "Patel", "Pereira", "Quispe"),
    *("Rossi", "Santos", "Schmidt", "Silva", "Tanaka", "Toth", "Umar", "Visser", "Weber"),
    *("Wright", "Yilmaz", "Zhang", "Zuidema"),
)
MAIL_DOMAINS = ("example.com", "example.org", "example.net")

FIRST_NAMES = (
    *GIVEN_NAMES,
    *("Zoë", "Søren", "Ján", "Łucja", "Ørjan", "Ğülay", "Мария", "Ελένη", "美咲", "李雷", "नीना"),
    *(
        "D'Arcy",
        'Billy "Ace"',
        "Ann\\Marie",
        "Tab\there",
        "Two\nLines",
        "Sam 🎈",
        "null",
        "<b>Bo</b>",
    ),
)
CITIES = (
    *("Amsterdam", "Antwerp", "Boston", "Chicago", "Copenhagen", "Ghent", "Lisbon", "Rotterdam"),
    *(
        "'s-Hertogenbosch",
        "São Paulo",
        "Kraków",
        "Zürich",
        "Θεσσαλονίκη",
        "Київ",
        "東京",
        "القاهرة",
    ),
)

SECTIONS = (
    *("Sports", "Sports", "Sports", "Politics", "Business", "Arts & Culture", "Science"),
    *("Travel", "Économie", 'The "Long" Read', "Food\\Drink", "Weather", "経済"),
)
#: Longer than the sample connection's expectation allows.
ENDLESS_SECTION = "Letters to the editor, and what became of them in the days that followed"
NEWSLETTERS = (
    *("Morning Briefing", "Evening Wrap", "Match Day", "Café Wissenschaft", 'Books "& more"'),
    *("Markets\tDaily", "C:\\Tech", "Weekend ☕"),
)
SUBSCRIPTIONS = ("Digital", "Digital Plus", "Weekend Paper", "Every Day", "Student")

INTERESTS = (
    *("Running & hiking", "Gardening", 'Vinyl 12"', "C:\\retro\\games", "Tea\tbiscuits"),
    *("Kitchen", "Müsli", "DIY", "サッカー", "Cycling", "Toys", "Sneakers 👟"),
)

#: What people and programs write where a whole number, a number or a date belongs.
BROKEN_NUMBERS = ("twelve", "1e9x", "12,5,0", "n/a", "--3", "99999999999999")
BROKEN_DECIMALS = ("high", "1e9x", "3.14.15", "n/a", "½", "12 %")
BROKEN_DATES = ("yesterday", "31/12/2020", "2021-3-7", "20:15", "n/a", "0000-00-00 ??")
BROKEN_MAILS = ("%s.example.com", "%s@", "%s@example", "%s at example.org", "%s@@example.net")


def subsets(words: Sequence[str]) -> Iterator[list[str]]:
    """Every subset; the one at place ``p`` holds the words whose bit is set in ``p``."""
    for place in range(1 << len(words)):
        yield [word for bit, word in enumerate(words) if place >> bit & 1]


def amounts(limit: int) -> Iterator[str]:
    """``0.00``, ``0.01`` … up to, not including, ``limit``."""
    return (f"{cents // 100}.{cents % 100:02d}" for cents in range(limit * 100))
