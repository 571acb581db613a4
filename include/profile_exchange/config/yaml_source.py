"""YAML files with a memory of where everything stood, so that an error names its line.

What is read is plain data, by YAML 1.2's core rules: ``on``, ``yes``, dates, times and numbers
with a leading zero are text, tags are refused. No file can do more than be wrong: how large
it is, how deep it nests and how far its aliases unfold have limits.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from profile_exchange.domain.errors import ConfigurationError, Problem

#: A place in a document: keys and list positions from the top.
KeyPath = tuple[str | int, ...]
#: Something wrong at a place.
Finding = tuple[KeyPath, str]

#: Limits on a file: its size, how deep it nests, and what it holds once aliases are unfolded.
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_VALUES = 100_000
MAX_CHARACTERS = 4 * MAX_BYTES

# Scalars are told apart by `_scalar`, so the loader that resolves nothing is the right one.
_Loader: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN_KEY = re.compile(r"[\w.:-]{1,63}")
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OPENED = ("while scanning a quoted scalar", "while parsing a flow")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9]{1,30}[.][0-9]{0,30}|[.][0-9]{1,30})([eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True)
class YamlDocument:
    """A parsed YAML mapping, and the line (from 1) of every key and list item in it.

    ``mistakes`` are keys that are not in the data, for they stand there twice or are no text.
    """

    file: str
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int]
    mistakes: tuple[Problem, ...] = ()

    def line(self, path: KeyPath) -> int:
        """The line of a place; of its nearest known parent if it is not in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def written(self, path: KeyPath) -> KeyPath:
        """A place without the parts that are not in the file, such as a list of one left out."""
        place: KeyPath = ()
        for part in path:
            if (*place, part) in self.lines:
                place = (*place, part)
        return place

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at a place in this file."""
        return Problem(file=self.file, line=self.line(path), key=dotted(path), message=message)

    def problems(self, findings: Iterable[Finding]) -> list[Problem]:
        """Findings about this file and its mistakes as problems, in the order of its lines."""
        found = {self.problem(self.written(path), message) for path, message in findings}
        return sorted({*self.mistakes, *found})


def dotted(path: KeyPath) -> str:
    """``("import", "links", 0)`` as ``import.links[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _PLAIN_KEY.fullmatch(part) else shortened(part)
            text += f".{key}" if text else key
    return text


def shortened(value: object, longest: int = 60) -> str:
    """A value from a file as a message shows it: quoted, on one line, cut off when long."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= longest else f"{text[: longest - 1]}…")


def read_yaml(path: Path, root: Path | None = None) -> YamlDocument:
    """Read one YAML file whose top is a mapping.

    Keys that it repeats or that are no text are left out and told as the document's mistakes, so
    that they hide no mistake in the rest. Raises `ConfigurationError` with the file and line when
    it cannot be read, is no plain YAML, is too large, or is no mapping.
    """
    name = shown(path, root)
    return _document(_text(path, name), name)


def read_text(text: str, name: str) -> YamlDocument:
    """What a file of this name says if this is in it. Raises for a document's mistakes, too."""
    document = _document(text, name)
    if document.mistakes:
        raise ConfigurationError(document.mistakes)
    return document


def _document(text: str, name: str) -> YamlDocument:
    node = composed(text, name)
    builder = _Builder(name)
    data = builder.value(node, ()) if node else None
    if builder.problems:
        raise ConfigurationError(sorted({*builder.problems, *builder.mistakes}))
    if data is None:
        raise _problem(name, 1, "the file is empty.")
    if not isinstance(data, dict):
        mapping = Problem(name, 1, "", "the file must be a mapping of keys to values.")
        raise ConfigurationError(sorted({mapping, *builder.mistakes}))
    return YamlDocument(name, data, builder.lines, tuple(sorted(builder.mistakes)))


def shown(path: Path, root: Path | None = None) -> str:
    """A file's name as messages show it: relative to ``root`` (the working folder) if inside."""
    with contextlib.suppress(ValueError, OSError):
        path = path.relative_to(root or Path.cwd())
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else repr(text)


def _text(path: Path, name: str) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _problem(name, 0, "this is not a file.")
        if status.st_size > MAX_BYTES:
            raise _problem(name, 0, f"the file is larger than {MAX_BYTES // 1024} KB.")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _problem(name, 0, "the file is not UTF-8 text.") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise _problem(name, 0, f"the file cannot be read: {reason}.") from None
    return text


def _problem(name: str, line: int, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(name, line, "", message)])


def composed(text: str, name: str) -> yaml.Node | None:
    """The nodes of a text, which know where they stand; None when there are none.

    Raises `ConfigurationError` for what is no YAML, holds control characters or is too large.
    """
    if len(text) > MAX_BYTES:
        raise _problem(name, 0, f"the file is larger than {MAX_BYTES // 1024} KB.")
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _problem(name, line, "there is a control character here; remove it.")
    loader = _Loader(text)
    try:
        _check_shape(text, name)
        node: yaml.Node | None = loader.get_single_node()
    except yaml.YAMLError as error:
        raise _yaml_problem(error, text, name) from None
    finally:
        loader.dispose()
    return node


def _check_shape(text: str, name: str) -> None:
    """Look at size and nesting before nodes are made: libyaml recurses until its stack is full."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _too_deep(event.start_mark, name)
        if number > 2 * MAX_VALUES:
            raise _too_large(event.start_mark, name)


def _too_deep(mark: Any, name: str) -> ConfigurationError:
    return _problem(name, mark.line + 1, f"this nests deeper than {MAX_DEPTH} levels.")


def _too_large(mark: Any, name: str) -> ConfigurationError:
    message = f"the file holds more than {MAX_VALUES:,} values, or its aliases unfold to as many."
    return _problem(name, mark.line + 1, message)


def _yaml_problem(error: yaml.YAMLError, text: str, name: str) -> ConfigurationError:
    context, problem = getattr(error, "context", None), getattr(error, "problem", None)
    mark = getattr(error, "problem_mark", None)
    if context and context.startswith(_OPENED):  # what was never closed begins there
        mark = getattr(error, "context_mark", mark)
    what = ", ".join(part for part in (context, problem) if part) or "it cannot be parsed"
    hint = _hint(context or "", problem or "", _line_at(text, mark))
    return _problem(name, mark.line + 1 if mark else 1, f"this is not YAML: {what}.{hint}")


def _line_at(text: str, mark: Any) -> str:
    lines = text.splitlines()
    return lines[mark.line] if mark and mark.line < len(lines) else ""


def _hint(context: str, problem: str, line: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return " Indent with blanks, not with tabs."
    if "an alias" in context or "an anchor" in context or "cannot start any token" in problem:
        return " Put text that starts with a sign such as * & @ or % in quotes."
    if problem.startswith("mapping values are not allowed"):
        return " Look at the indentation, and put text with a colon in it in quotes."
    return ""


@dataclass
class _Builder:
    """Turns nodes into plain data, and notes lines and problems on the way.

    What only costs a key is a mistake; with a problem, what is read is not what was meant.
    """

    file: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    mistakes: list[Problem] = field(default_factory=list)
    values: int = 0
    characters: int = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        """The plain value of a node at a place."""
        self._count(node, path)
        if node.tag not in _PLAIN_TAGS:
            self._note(node, path, f"tags such as {shortened(node.tag)} are not read here.")
        elif isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, path))
        elif isinstance(node, yaml.SequenceNode):
            return list(self._items(node, path))
        elif isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        return None

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in _PLAIN_TAGS:
                self.mistakes.append(self._problem(key_node, path, "a key must be text."))
                continue
            key = self._text(key_node, path)
            place = (*path, key)
            if key in seen:
                twice = "this key stands here twice; keep one."
                self.mistakes.append(self._problem(key_node, place, twice))
                continue
            seen.add(key)
            self.lines[place] = key_node.start_mark.line + 1
            yield key, self.value(value_node, place)

    def _items(self, node: yaml.SequenceNode, path: KeyPath) -> Iterator[Any]:
        for position, item in enumerate(node.value):
            place = (*path, position)
            self.lines[place] = item.start_mark.line + 1
            yield self.value(item, place)

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = self._text(node, path)
        if node.style:  # quoted, or a block: text, whatever it looks like
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _text(self, node: yaml.ScalarNode, path: KeyPath) -> str:
        text = str(node.value)
        self.characters += len(text)
        if self.characters > MAX_CHARACTERS:
            raise _too_large(node.start_mark, self.file)
        # The file itself is clean; an escape in double quotes can still stand for anything.
        if _UNPRINTABLE.search(text):
            self._note(node, path, "this text holds a control character; remove it.")
        return text

    def _count(self, node: yaml.Node, path: KeyPath) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            raise _too_large(node.start_mark, self.file)
        if len(path) > MAX_DEPTH:
            raise _too_deep(node.start_mark, self.file)

    def _note(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(self._problem(node, path, message))

    def _problem(self, node: yaml.Node, path: KeyPath, message: str) -> Problem:
        return Problem(self.file, node.start_mark.line + 1, dotted(path), message)
