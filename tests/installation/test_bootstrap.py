"""From nothing but git, make and Python: what is missing is told in one line."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from profile_exchange.config.settings import PROJECT_ROOT

FIND = PROJECT_ROOT / "scripts" / "find-python"
SH = shutil.which("sh") or "/bin/sh"


def python_named(folder: Path, name: str, answer: int) -> Path:
    """A program that is called Python and says whether its version serves: 0 yes, 1 no."""
    program = folder / name
    program.write_text(f"#!{SH}\nexit {answer}\n")
    program.chmod(0o755)
    return program


def find(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), **variables}
    return subprocess.run(
        [SH, str(FIND)], env=environment, check=False, capture_output=True, text=True
    )


def test_the_newest_python_that_serves_is_found(tmp_path: Path) -> None:
    python_named(tmp_path, "python3.11", 0)
    newest = python_named(tmp_path, "python3.12", 0)
    python_named(tmp_path, "python3", 0)
    assert find(tmp_path).stdout.strip() == str(newest)


def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    python_named(tmp_path, "python3.13", 127)
    serves = python_named(tmp_path, "python3", 0)
    assert find(tmp_path).stdout.strip() == str(serves)


@pytest.mark.parametrize("answers", [{}, {"python3": 1}])
def test_no_python_that_serves_is_one_line(tmp_path: Path, answers: dict[str, int]) -> None:
    for name, answer in answers.items():
        python_named(tmp_path, name, answer)
    found = find(tmp_path)
    assert found.returncode == 1
    assert re.fullmatch(r"No Python 3\.11, 3\.12 or 3\.13 is on the PATH: [^\n]+\n", found.stderr)


def test_a_python_that_is_asked_for_and_too_old_is_one_line(tmp_path: Path) -> None:
    old = python_named(tmp_path, "old", 1)
    python_named(tmp_path, "python3.12", 0)
    found = find(tmp_path, PYTHON=str(old))
    assert found.returncode == 1
    assert found.stderr == f"PYTHON={old} is not a Python 3.11, 3.12 or 3.13: name one that is.\n"


def test_this_python_serves() -> None:
    found = find(Path("/nowhere"), PYTHON=sys.executable)
    assert found.stdout.strip() == sys.executable


def copy_of_scripts(folder: Path) -> Path:
    (folder / "scripts").mkdir()
    for name in ("bootstrap.py", "clean.py"):
        shutil.copy(PROJECT_ROOT / "scripts" / name, folder / "scripts" / name)
    return folder / "scripts"


def script(name: str) -> ModuleType:
    """A script as a module."""
    path = PROJECT_ROOT / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compiling() -> ModuleType:
    """The script that compiles packages, as a module."""
    return script("compile_packages")


def test_what_no_service_imports_is_not_compiled(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    for name in ("one.py", "one.txt", "deep/two.py", "deep/tests/three.py", "celery/four.py"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch()
    found = {Path(path).relative_to(site).as_posix() for path in compiling().sources(str(site))}
    assert found == {"one.py", "deep/two.py"}


def test_what_cannot_be_compiled_is_passed_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, template = tmp_path / "good.py", tmp_path / "template.py"
    good.write_text("answer = 42\n")
    template.write_text("class {{ name }}:\n")
    for source in (template, good):
        compiling().compile_one(str(source))
    assert Path(importlib.util.cache_from_source(str(good))).exists()
    assert not Path(importlib.util.cache_from_source(str(template))).exists()
    assert capfd.readouterr() == ("", "")


def compiling_program(folder: Path, compile_file: str) -> list[str]:
    """The command that compiles packages with another way to compile a file."""
    shutil.copy(PROJECT_ROOT / "scripts" / "compile_packages.py", folder)
    head = "import os, pathlib, time\ndef compile_file(*_, **__):\n"
    (folder / "compileall.py").write_text(f"{head}    {compile_file}\n")
    return [sys.executable, str(folder / "compile_packages.py")]


def test_compiling_ends_when_one_of_its_processes_is_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        compiling_program(tmp_path, "os.kill(os.getpid(), 9)"),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"make: a process that compiled packages was killed[^\n]+\n", done.stderr)


def test_what_compiles_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    note = "pathlib.Path(str(os.getpid())).touch(); time.sleep(60)"
    with subprocess.Popen(compiling_program(tmp_path, note), cwd=tmp_path) as program:
        while not (noted := [int(path.name) for path in tmp_path.glob("[0-9]*")]):
            time.sleep(0.05)
        workers = [psutil.Process(pid) for pid in noted]
        program.kill()
    _, remaining = psutil.wait_procs(workers, timeout=20)
    assert not [worker for worker in remaining if worker.status() != psutil.STATUS_ZOMBIE]


def made_for(place: Path, folder: Path) -> None:
    """Have a folder's environment be as if it was made in some place."""
    (folder / ".venv").mkdir(exist_ok=True)
    made = f"home = /usr/bin\ncommand = /usr/bin/python3 -m venv --clear {place}/.venv\n"
    (folder / ".venv" / "pyvenv.cfg").write_text(made)


def bootstrap_without_uv(folder: Path) -> subprocess.CompletedProcess[str]:
    """Make an environment whose lock has no uv, which tells whether uv was looked for there."""
    scripts = copy_of_scripts(folder)
    (folder / "requirements.txt").write_text("rich==14.0.0 \\\n    --hash=sha256:00\n")
    return subprocess.run(
        [sys.executable, str(scripts / "bootstrap.py")], check=False, capture_output=True, text=True
    )


def test_a_lock_without_uv_is_one_line(tmp_path: Path) -> None:
    done = bootstrap_without_uv(tmp_path)
    assert done.returncode == 1
    assert done.stderr == "make: requirements.txt does not pin uv: see `make lock`.\n"


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_uv_of_which_only_a_part_is_there_is_installed_again(tmp_path: Path, mode: int) -> None:
    part = tmp_path / ".venv" / "bin" / "uv"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"\x7fELF")
    part.chmod(mode)
    made_for(tmp_path, tmp_path)
    assert "requirements.txt does not pin uv" in bootstrap_without_uv(tmp_path).stderr


def bootstrap_with(uv: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Make an environment in which a shell script is uv."""
    scripts = copy_of_scripts(folder)
    program = folder / ".venv" / "bin" / "uv"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!{SH}\n[ "$1" = --version ] && exit\n{uv}\n')
    program.chmod(0o755)
    made_for(folder, folder)
    # A background command of a script starts with Ctrl-C ignored, and so do these tests in one.
    heeded = "import runpy, signal as s, sys; s.signal(s.SIGINT, s.default_int_handler); "
    heeded += "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", heeded, str(scripts / "bootstrap.py")],
        check=False,
        capture_output=True,
        text=True,
    )


def test_an_interrupted_install_is_one_line(tmp_path: Path) -> None:
    done = bootstrap_with("echo Traceback >&2; kill -INT $PPID; sleep 5", tmp_path)
    assert done.returncode == 130
    assert done.stderr == "make: interrupted; the next make goes on from here.\n"


def test_an_install_that_fails_says_why(tmp_path: Path) -> None:
    done = bootstrap_with("echo error: no network >&2; exit 2", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: no network\nmake: uv pip failed; the reason stands above.\n"


def test_an_environment_says_which_folder_it_is_for(tmp_path: Path) -> None:
    assert bootstrap_with("exit 0", tmp_path).returncode == 0
    assert (tmp_path / ".venv" / ".installed").read_text() == f"{tmp_path}\n"


@pytest.mark.parametrize(("place", "options"), [("here", ()), ("elsewhere", ("--clear",))])
def test_an_environment_of_a_checkout_that_was_moved_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, options: tuple[str, ...]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    made_for(tmp_path / place, here)
    bootstrap = script("bootstrap")
    monkeypatch.setattr(bootstrap, "VENV", here / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    assert bootstrap.clear() == options


def test_a_uv_that_was_moved_is_not_made_use_of(tmp_path: Path) -> None:
    uv = tmp_path / ".venv" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.symlink_to(shutil.which("true") or "/bin/true")
    made_for(tmp_path / "elsewhere", tmp_path)
    assert "requirements.txt does not pin uv" in bootstrap_without_uv(tmp_path).stderr


@pytest.mark.parametrize(("place", "to_do"), [("", 0), ("/elsewhere", 1)])
def test_make_installs_where_the_checkout_was_moved(tmp_path: Path, place: str, to_do: int) -> None:
    copy_of_scripts(tmp_path)
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    shutil.copy(PROJECT_ROOT / "scripts" / "compile_packages.py", tmp_path / "scripts")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".installed").write_text(f"{tmp_path}{place}\n")
    asked = [shutil.which("make") or "make", "--question", "-C", str(tmp_path), "install"]
    done = subprocess.run(asked, check=False, capture_output=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == to_do


def test_the_lock_pins_uv_and_what_builds_the_project() -> None:
    lock = (PROJECT_ROOT / "requirements.txt").read_text()
    for package in ("uv", "hatchling"):
        assert re.search(rf"^{package}==\S+ \\\n    --hash=sha256:\w{{64}}", lock, re.MULTILINE)


def test_clean_removes_both_folders(tmp_path: Path) -> None:
    scripts = copy_of_scripts(tmp_path)
    for folder in (".venv", "var"):
        (tmp_path / folder / "deep").mkdir(parents=True)
    subprocess.run([sys.executable, str(scripts / "clean.py")], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["scripts"]


def test_what_clean_cannot_remove_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refused(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder / "postgres"))

    (tmp_path / "var").mkdir()
    clean = script("clean")
    monkeypatch.setattr(clean, "ROOT", tmp_path)
    monkeypatch.setattr(clean.shutil, "rmtree", refused)
    assert clean.main() == 1
    problem = f"make: {tmp_path / 'var'} cannot be removed (Permission denied).\n"
    assert capsys.readouterr().err == problem


def test_clean_refuses_while_an_installation_runs(tmp_path: Path) -> None:
    from profile_exchange.installation import record
    from profile_exchange.installation.layout import Layout

    scripts = copy_of_scripts(tmp_path)
    layout = Layout(tmp_path / "var")
    layout.make()
    with record.held(layout):
        done = subprocess.run(
            [sys.executable, str(scripts / "clean.py")],
            check=False,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert "an installation runs here" in done.stderr
    assert layout.lock.exists()


def test_make_says_what_there_is() -> None:
    make = shutil.which("make")
    assert make
    done = subprocess.run(
        [make, "--no-print-directory", "-C", str(PROJECT_ROOT)],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    shown = set(re.findall(r"^  make (\w+)", done.stdout, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert shown == set(phony.group(1).split())
