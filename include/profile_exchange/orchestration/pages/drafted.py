"""What a draft says, in the shape that the form shows: a file may say anything in any place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from profile_exchange.config.drafts import Data, value_at


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a draft says at its keys, such as ``import.mappings[0].to``."""

    data: Data

    def said(self, name: str, otherwise: Any = "") -> Any:
        """What stands there, whatever it is."""
        value = value_at(self.data, name)
        return otherwise if value is None else value

    def rows(self, name: str) -> list[Any]:
        """The items of a list; of anything else, none."""
        value = value_at(self.data, name)
        return value if isinstance(value, list) else []

    def listed(self, name: str) -> list[str]:
        """Those items of a list that are text."""
        return [each for each in self.rows(name) if isinstance(each, str)]

    def part(self, name: str) -> Data:
        """A mapping; of anything else, nothing."""
        value = value_at(self.data, name)
        return value if isinstance(value, dict) else {}
