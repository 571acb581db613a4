"""One module makes what is printed, so that no name is taken for markup and nothing is cut off."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.project import PACKAGE

#: What takes a bare string for markup, or cuts off what does not fit.
CALLS = {"Table", "Console", "add_row", "add_column"}


def called(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = node.func
            yield name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")


def test_tables_and_consoles_are_made_in_one_place() -> None:
    modules = sorted((PACKAGE / "cli").glob("*.py"))
    making = [path.name for path in modules if CALLS & set(called(path.read_text("utf-8")))]
    assert making == ["tables.py"]
