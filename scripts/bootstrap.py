"""Make the environment in .venv from the pinned requirements.

Runs on the Python that is there, with nothing but the standard library. uv does the work; it
comes from the same pinned and hashed requirements as everything else.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
COMPILE = ROOT / "scripts" / "compile_packages.py"
NEEDED_BYTES = 1_500_000_000
INTERRUPTED = 130


class Refused(Exception):
    """The environment cannot be made; the message is one sentence for a person."""


def main() -> int:
    """Make or complete the environment; 0 when it is there."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dev", action="store_true", help="also what tests and checks need")
    try:
        make_environment(dev=options.parse_args().dev)
    except Refused as refused:
        print(f"make: {refused}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"make: {VENV} cannot be written ({error.strerror}).", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make: interrupted; the next make goes on from here.", file=sys.stderr)
        return INTERRUPTED
    return 0


def make_environment(*, dev: bool) -> None:
    """Each part is left alone where it is already as it should be."""
    # An interrupted install leaves a part of uv, which is there and does not run.
    if not (is_made_here() and succeeds(str(UV), "--version")):
        check_machine()
        with step("Making .venv"):
            make_venv()
    lock = ROOT / ("requirements-dev.txt" if dev else "requirements.txt")
    with step(f"Installing {lock.name}"):
        uv("pip", "install", "--require-hashes", "--requirement", str(lock))
        if not dev:
            uv("pip", "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    if not dev:
        with step("Compiling what the services import"):
            # Nothing depends on it: Python compiles what it does not find compiled.
            succeeds(str(PYTHON), str(COMPILE))
    # The Makefile reads whose it is, and asks for another where the checkout was moved.
    (VENV / (".installed-dev" if dev else ".installed")).write_text(f"{ROOT}\n")


def is_made_here() -> bool:
    """Whether .venv is this folder's: its scripts name their Python by the whole path."""
    try:
        configuration = (VENV / "pyvenv.cfg").read_text()
    except FileNotFoundError:
        return False
    command = re.search(r"^command = (.+)$", configuration, re.MULTILINE)
    return command is None or command.group(1).endswith(f" {VENV}")


def check_machine() -> None:
    """Say at once what would fail later, and less clearly."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Refused(
            f"{sys.executable} has no venv module: install the package python{version}-venv."
        )
    if not os.access(ROOT, os.W_OK):
        raise Refused(f"{ROOT} cannot be written: clone into a folder of your own.")
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        raise Refused(
            f"the disk of {ROOT} is full: {free // 10**6} MB are free and "
            f"{NEEDED_BYTES // 10**6} MB are needed."
        )


def make_venv() -> None:
    """An environment with uv in it, with the help of the pip that is there or of its own."""
    with pinned("uv") as requirement:
        install = ("install", "--quiet", "--force-reinstall", "--require-hashes")
        install = (*install, "--requirement", str(requirement))
        if importlib.util.find_spec("pip"):
            run(sys.executable, "-m", "venv", *clear(), "--without-pip", str(VENV))
            if succeeds(sys.executable, "-m", "pip", "--python", str(PYTHON), *install):
                return
        run(sys.executable, "-m", "venv", *clear(), str(VENV))
        run(str(PYTHON), "-m", "pip", *install)


def clear() -> tuple[str, ...]:
    """What makes venv start over, where the last one is broken, moved or of another Python."""
    if not is_made_here():
        return ("--clear",)
    same = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return () if succeeds(str(PYTHON), "-c", same) else ("--clear",)


@contextmanager
def pinned(package: str) -> Iterator[Path]:
    """A requirements file with one package, pinned and hashed as in requirements.txt."""
    pattern = rf"^{package}==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+"
    found = re.search(pattern, (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    if found is None:
        raise Refused(f"requirements.txt does not pin {package}: see `make lock`.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(found.group().rstrip("\\\n ") + "\n")
        yield file


def uv(*arguments: str) -> None:
    """Run uv on the environment, with its own progress display where there is a terminal."""
    shown = sys.stderr.isatty()
    quiet = () if shown else ("--quiet",)
    command = (str(UV), *arguments[:2], "--python", str(PYTHON), *quiet, *arguments[2:])
    run(*command, shown=shown)


def run(*command: str, shown: bool = False) -> None:
    """Run a command that says itself what is wrong; without ``shown``, only once it has ended.

    Ctrl-C reaches the command too, and a Python that is interrupted early says so at length.
    """
    errors = None if shown else subprocess.PIPE
    done = subprocess.run(command, cwd=ROOT, check=False, stderr=errors)
    if done.returncode:
        print((done.stderr or b"").decode(errors="replace"), end="", file=sys.stderr)
        raise Refused(f"{Path(command[0]).name} {command[1]} failed; the reason stands above.")


def succeeds(*command: str) -> bool:
    """Whether a command is there and did what it should; what it says is of no interest."""
    try:
        return not subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode
    except OSError:
        return False


@contextmanager
def step(name: str) -> Iterator[None]:
    """Tell what is being done, and how long it took."""
    print(f"  {name:<44}", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print()
        raise
    print(f"{time.monotonic() - began:6.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
