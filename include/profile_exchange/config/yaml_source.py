"""YAML files with a memory of where everything stood, so that an error names its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from profile_exchange.domain.errors import ConfigurationError, Problem

#: A place in a document: keys and list positions from the top.
KeyPath = tuple[str | int, ...]

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlDocument:
    """A parsed YAML mapping, and the line (from 1) of every key and list item in it."""

    file: str
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """The line of a place; of its nearest known parent if it is not in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at a place in this file."""
        return Problem(file=self.file, line=self.line(path), key=dotted(path), message=message)


def dotted(path: KeyPath) -> str:
    """``("import", "links", 0)`` as ``import.links[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_yaml(path: Path, root: Path | None = None) -> YamlDocument:
    """Read one YAML file whose top is a mapping.

    Raises `ConfigurationError` with the file and line when it is not readable YAML, repeats a
    key, or is no mapping.
    """
    name = _shown(path, root)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigurationError([Problem(name, 0, "", f"cannot be read: {reason}.")]) from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        problems = list(_repeated_keys(node, name)) if node else []
        if problems:
            raise ConfigurationError(problems)
        data = loader.construct_document(node) if node else {}
    except yaml.YAMLError as error:
        raise ConfigurationError([_yaml_problem(error, name)]) from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        message = "the file must be a mapping of keys to values."
        raise ConfigurationError([Problem(name, 1, "", message)])
    return YamlDocument(name, data, dict(_lines(node, ())))


def _shown(path: Path, root: Path | None) -> str:
    try:
        return str(path.relative_to(root or Path.cwd()))
    except ValueError:
        return str(path)


def _yaml_problem(error: yaml.YAMLError, name: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "cannot be read"
    return Problem(name, mark.line + 1 if mark else 0, "", f"this is not YAML: {what}.")


def _lines(node: yaml.Node | None, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, key.value)
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            inner = (*path, position)
            yield inner, value.start_mark.line + 1
            yield from _lines(value, inner)


def _repeated_keys(node: yaml.Node, name: str, path: KeyPath = ()) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            if key.value in seen:
                line = key.start_mark.line + 1
                yield Problem(name, line, dotted(inner), "this key stands here twice; keep one.")
            seen.add(key.value)
            yield from _repeated_keys(value, name, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _repeated_keys(value, name, (*path, position))
