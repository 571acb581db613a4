"""The addresses of the pages of a list of profiles, which its answers link to.

They are made from what was asked for and not from the address that it was asked with, in which a
partner may write whatever it likes: an answer can have hundreds of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from profile_exchange.exposure.asked import Asked
from profile_exchange.exposure.refusals import invalid_request

#: The addresses of all ranges have at most so many characters together.
MOST_CHARACTERS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Addresses:
    """The list that they lead to, and what else is asked for with each page: as text, once."""

    of_list: str
    count: str
    kept: str

    @classmethod
    def of(cls, request: Request, asked: Asked) -> Addresses:
        """The addresses for a request. Refuses one for more ranges than can be told."""
        of_list = str(request.url.replace(query=""))
        found = cls(of_list, f"&count={asked.count}", f"&{urlencode(asked.kept)}".rstrip("&"))
        if asked.ranges * (len(of_list) + len(found.kept)) > MOST_CHARACTERS:
            raise invalid_request(
                "The addresses of the ranges would be too long together: ask for fewer ranges, "
                "or with a shorter refinement."
            )
        return found

    def page(self, cursor: str) -> str:
        """The address of a page that is as long as the one asked for."""
        return self.range(cursor) + self.count

    def range(self, cursor: str) -> str:
        """The address of a range. How large its pages are is for its reader to say."""
        return f"{self.of_list}?{urlencode({'cursor': cursor})}{self.kept}"
