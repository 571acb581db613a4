"""The shape of the package: what may import what, what things are called, how long they are."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.project import PACKAGE, ROOT, modules

LONGEST_MODULE = 400
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
#: What takes long to import, and no DAG file may need to be parsed.
HEAVY = {"pandas", "numpy", "pyarrow", "great_expectations", "psycopg", "fastapi", "alembic"}


def test_imports_point_the_way_that_the_design_says() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def imported_by(module: Path) -> Iterator[str]:
    """Every module that is imported anywhere in a module."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield node.module or ""


@pytest.mark.parametrize("module", sorted((PACKAGE / "domain").glob("*.py")), ids=lambda m: m.name)
def test_the_domain_knows_the_standard_library_only(module: Path) -> None:
    for name in imported_by(module):
        own = name.startswith("profile_exchange.domain")
        assert own or name.split(".")[0] in sys.stdlib_module_names, name


def test_one_module_imports_great_expectations() -> None:
    importing = {
        module.relative_to(PACKAGE).as_posix()
        for module in modules()
        if any(name.split(".")[0] == "great_expectations" for name in imported_by(module))
    }
    assert importing == {"pipeline/evaluating.py"}


@pytest.mark.parametrize("folder", ["include/profile_exchange", "tests", "dags", "plugins"])
def test_names_say_what_is_inside(folder: str) -> None:
    paths = (ROOT / folder).rglob("*")
    assert [path for path in paths if path.stem.lower() in NAMES_THAT_SAY_NOTHING] == []


def test_a_module_can_be_read_in_one_sitting() -> None:
    lengths = {module: len(module.read_text(encoding="utf-8").splitlines()) for module in modules()}
    too_long = {path.name: lines for path, lines in lengths.items() if lines > LONGEST_MODULE}
    assert too_long == {}


def modules_after(code: str, folder: Path) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after running some code."""
    report = "import json, sys; print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=ROOT,
        env={**os.environ, "AIRFLOW_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_reading_the_configuration_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "from profile_exchange.config.registry import read_all; read_all().check()"
    known = modules_after(code, tmp_path)
    assert "yaml" in known
    assert known & {*HEAVY, "sqlalchemy", "airflow", "httpx"} == set()


def test_parsing_the_dag_file_imports_nothing_heavy(tmp_path: Path) -> None:
    known = modules_after("import runpy; runpy.run_path('dags/connections.py')", tmp_path)
    assert "airflow" in known
    assert known & HEAVY == set()
