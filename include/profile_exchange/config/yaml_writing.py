"""YAML in the manner of this project: on one line what fits, in quotes what has to be.

What is written reads back as the same data by `yaml_source.read_text`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from io import StringIO
from textwrap import dedent, indent
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

#: How long a mapping or a list may be, in characters, to stand on one line.
LONGEST_LINE = 80
#: Signs at which `yaml_source` or an editor would end a line.
_BREAKS = "\r\x85\u2028\u2029"
#: What may stand without quotes, if the library agrees: parsers differ about signs at its start.
_PLAIN = re.compile(r"\w([\w ./%@+()=*&',;!-]|:(?=\w))*")


class _Representer(RoundTripRepresenter):
    """Numbers and nothing as `yaml_source` reads them, which knows no ``1e-07``."""

    def represent_float(self, data: float) -> Any:
        number = format(Decimal(repr(data)), "f")
        number = number if "." in number else f"{number}.0"
        return self.represent_scalar("tag:yaml.org,2002:float", number)

    def represent_none(self, data: None) -> Any:  # noqa: ARG002 -- as it is called
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(float, _Representer.represent_float)
_Representer.add_representer(type(None), _Representer.represent_none)


def written(data: Mapping[str, Any]) -> str:
    """A mapping as a whole file; what takes several lines is set apart by an empty one."""
    entries = [entry(key, value) for key, value in data.items()]
    return "".join(f"\n{text}" if "\n " in text else text for text in entries)


def entry(key: str, value: Any) -> str:
    """A key with its value, as lines of a block mapping."""
    return _dumped({key: value}, in_flow=False)


def item(value: Any) -> str:
    """An item of a list, as lines of a block sequence."""
    return dedent(_dumped([value], in_flow=False))


def in_a_flow(value: Any) -> str:
    """A value on one line, as it can stand between braces or brackets."""
    return _dumped([value], in_flow=True).strip()[1:-1]


def pair_in_a_flow(key: str, value: Any) -> str:
    """A key and its value on one line, as they can stand between braces."""
    return _dumped({key: value}, in_flow=True).strip()[1:-1]


def shifted(lines: str, columns: int) -> str:
    """Lines further to the right."""
    return indent(lines, " " * columns)


def fits_on_a_line(value: Any) -> bool:
    """Whether a mapping or a list is short and simple enough for one line."""
    inner = list(value.values()) if isinstance(value, Mapping) else value
    plain = all(not isinstance(each, Mapping) and _is_flat(each) for each in inner)
    return plain and len(in_a_flow(value)) <= LONGEST_LINE


def _is_flat(value: Any) -> bool:
    within = value if isinstance(value, list) else [value]
    return not any(isinstance(each, Mapping | list) or "\n" in str(each) for each in within)


def _dumped(value: Any, *, in_flow: bool) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.width = 2**20
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(_flow(value) if in_flow else _block(value), stream)
    return stream.getvalue()


def _flow(value: Any) -> Any:
    node = _node(value, _flow)
    if isinstance(node, CommentedMap | CommentedSeq):
        node.fa.set_flow_style()
    return node


def _block(value: Any) -> Any:
    return _node(value, lambda inner: _flow(inner) if _is_line(inner) else _block(inner))


def _is_line(value: Any) -> bool:
    return isinstance(value, Mapping | list) and fits_on_a_line(value)


def _node(value: Any, inner: Any) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap((_scalar(key), inner(each)) for key, each in value.items())
    if isinstance(value, list):
        return CommentedSeq(inner(each) for each in value)
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if any(sign in value for sign in _BREAKS):
        return DoubleQuotedScalarString(value)
    if "\n" in value:
        return LiteralScalarString(value)
    return value if _PLAIN.fullmatch(value) else SingleQuotedScalarString(value)
