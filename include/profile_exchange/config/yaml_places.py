"""Where the keys of a mapping and the items of a list stand in a text, and how to change them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from profile_exchange.config.yaml_writing import (
    entry,
    in_a_flow,
    item,
    pair_in_a_flow,
    shifted,
)


@dataclass(frozen=True, slots=True)
class Change:
    """``new`` instead of what stands from ``start`` up to ``end``, in characters."""

    start: int
    end: int
    new: str


class Children:
    """What is in a collection, child by child; in a flow they stand between brackets or braces."""

    def __init__(
        self, text: str, node: yaml.CollectionNode, spans: Sequence[tuple[int, int]]
    ) -> None:
        self._text = text
        self._spans = spans
        self._in_flow = bool(node.flow_style)
        self._column = spans[0][0] - _line_start(text, spans[0][0])

    def value(self, number: int) -> yaml.Node:
        """The node of a child's value."""
        raise NotImplementedError

    def replaced(self, number: int, value: Any) -> Change:
        """Another value for a child."""
        raise NotImplementedError

    def outgrown(self, number: int) -> bool:
        """Whether a child's value is a line that can be made several."""
        node = self.value(number)
        written = self._text[node.start_mark.index : end_of(self._text, node)]
        return bool(getattr(node, "flow_style", False)) and not self._in_flow and "#" not in written

    def without(self, gone: Collection[int]) -> Iterator[Change]:
        """Some of the children, but not all of them, taken out."""
        for first, last in _runs(sorted(gone)):
            if self._in_flow:
                yield self._out_of_flow(first, last)
            else:
                yield from self._out_of_lines(first, last)

    def inserted(self, told: Mapping[int, list[str]]) -> Iterator[Change]:
        """New children, by the position of the kept one that they come behind; -1 is none."""
        for behind, texts in told.items():
            yield (self._into_flow if self._in_flow else self._into_lines)(behind, texts)

    def _out_of_flow(self, first: int, last: int) -> Change:
        if last + 1 < len(self._spans):
            return Change(self._spans[first][0], self._spans[last + 1][0], "")
        return Change(self._spans[first - 1][1], self._spans[last][1], "")

    def _out_of_lines(self, first: int, last: int) -> Iterator[Change]:
        start = self._spans[first][0]
        if not self._begins_its_line(first):
            yield Change(start, self._spans[last + 1][0], "")
            return
        for number in range(first, last + 1):
            start, end = self._spans[number]
            yield Change(_line_start(self._text, start), _line_end(self._text, end) + 1, "")

    def _begins_its_line(self, number: int) -> bool:
        start = self._spans[number][0]
        return not self._text[_line_start(self._text, start) : start].strip()

    def _into_lines(self, behind: int, texts: list[str]) -> Change:
        lines = shifted("".join(texts), self._column)
        if behind >= 0:
            place = _line_end(self._text, self._spans[behind][1])
            return Change(place, place, "\n" + lines.rstrip("\n"))
        start = self._spans[0][0]
        if self._begins_its_line(0):
            return Change(_line_start(self._text, start), _line_start(self._text, start), lines)
        return Change(start, start, lines.lstrip(" ") + " " * self._column)

    def _into_flow(self, behind: int, texts: list[str]) -> Change:
        if behind >= 0:
            place = self._spans[behind][1]
            return Change(place, place, "".join(f", {text}" for text in texts))
        start = self._spans[0][0]
        return Change(start, start, "".join(f"{text}, " for text in texts))


class Keys(Children):
    """The keys of a mapping with their values."""

    def __init__(self, text: str, node: yaml.MappingNode) -> None:
        self._pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        spans = [(key.start_mark.index, self._end(text, key, value)) for key, value in node.value]
        super().__init__(text, node, spans)

    @staticmethod
    def _end(text: str, key: yaml.Node, value: yaml.Node) -> int:
        return max(key.end_mark.index, end_of(text, value))

    def value(self, number: int) -> yaml.Node:
        """The node of the value."""
        return self._pairs[number][1]

    def told(self, key: str, value: Any) -> str:
        """A new key with its value, as it is written here."""
        return pair_in_a_flow(key, value) if self._in_flow else entry(key, value)

    def replaced(self, number: int, value: Any) -> Change:
        """All that stands behind the colon; a comment there stays."""
        key, old = self._pairs[number]
        end = self._spans[number][1]
        if self._in_flow:
            written = self._text[key.start_mark.index : key.end_mark.index]
            return Change(key.start_mark.index, end, f"{written}: {in_a_flow(value)}")
        behind_colon = self._text.index(":", key.end_mark.index) + 1
        comment = self._text[behind_colon : old.start_mark.index].rstrip()
        told = shifted(entry("k", value), self._column).strip().removeprefix("k:")
        if told.startswith("\n"):
            return Change(behind_colon, end, comment + told)
        if comment and "\n" in told:  # a text of several lines would take the comment in
            told = f" {in_a_flow(value)}"
        return Change(behind_colon, end, told + comment)


class Items(Children):
    """The items of a list, with their dashes where they have some."""

    def __init__(self, text: str, node: yaml.SequenceNode) -> None:
        self._nodes: list[yaml.Node] = node.value
        spans = [(self._start(text, node, each), end_of(text, each)) for each in node.value]
        super().__init__(text, node, spans)

    @staticmethod
    def _start(text: str, node: yaml.SequenceNode, item_node: yaml.Node) -> int:
        """Where the item begins: at the nearest dash in the column of the list."""
        start: int = item_node.start_mark.index
        if node.flow_style:
            return start
        line = _line_start(text, start)
        column = node.start_mark.column
        while text[line + column : line + column + 1] != "-" and line:
            line = _line_start(text, line - 1)
        return line + column

    def value(self, number: int) -> yaml.Node:
        """The node of the item."""
        return self._nodes[number]

    def told(self, value: Any) -> str:
        """A new item, as it is written here."""
        return in_a_flow(value) if self._in_flow else item(value)

    def replaced(self, number: int, value: Any) -> Change:
        """The whole item."""
        start, end = self._spans[number]
        if self._in_flow:
            return Change(start, end, in_a_flow(value))
        return Change(start, end, shifted(item(value), self._column).strip())


def end_of(text: str, node: Any) -> int:
    """Where a node's own text ends, without the comments and empty lines that come behind it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (last, last)
        return max(key.end_mark.index if key is not value else 0, end_of(text, value))
    start: int = node.start_mark.index
    return start + len(text[start : node.end_mark.index].rstrip())


def _line_start(text: str, place: int) -> int:
    return text.rfind("\n", 0, max(place, 0)) + 1


def _line_end(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """``[1, 2, 4]`` as ``(1, 2), (4, 4)``."""
    for first in (number for number in numbers if number - 1 not in numbers):
        last = first
        while last + 1 in numbers:
            last += 1
        yield first, last
