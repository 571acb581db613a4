"""Which user the embedded server runs as: PostgreSQL refuses to run as root.

An ordinary user stays who they are. Root becomes ``nobody``; where the installation is in a
folder that only root can enter, root stays root outside and has another number inside a user
namespace of the server's own.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from profile_exchange.domain.errors import FatalError

_CLONE_NEWUSER = 0x10000000


class NoServerUser(FatalError):
    """There is no user that could run PostgreSQL here."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """How a program of the server is started: as ``user``, or after calling ``before``."""

    user: str | None = None
    before: Callable[[], None] | None = None

    @property
    def owner(self) -> str | None:
        """Who has to own the server's folder, if not the one who starts it."""
        return self.user


def server_user(folder: Path, program: Path) -> ServerUser:
    """The user for a server whose files are in ``folder``; ``program`` is one of its binaries.

    Data that is there stays with the user who owns it. Raises `NoServerUser`.
    """
    if os.geteuid() != 0:
        return ServerUser()
    as_nobody = ServerUser(user=_nobody().pw_name)
    in_namespace = ServerUser(before=_enter_user_namespace)
    data = folder / "data"
    if data.exists():
        return in_namespace if data.stat().st_uid == 0 else as_nobody
    if _everybody_can_enter(folder) and _everybody_can_enter(program):
        return as_nobody
    if _works(in_namespace, program):
        return in_namespace
    raise NoServerUser(
        f"PostgreSQL does not run as root, and user nobody cannot enter {folder}: "
        "run as an ordinary user, or clone into a folder that every user can enter."
    )


def _everybody_can_enter(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _works(user: ServerUser, program: Path) -> bool:
    try:
        done = subprocess.run(
            [str(program), "--version"],
            check=False,
            capture_output=True,
            preexec_fn=user.before,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise NoServerUser(
            "PostgreSQL does not run as root, and there is no user nobody: run as an ordinary user."
        ) from None


def _enter_user_namespace() -> None:
    """Be somebody else in the eyes of the program that follows, and root in the kernel's."""
    inside, outside = _nobody(), (os.geteuid(), os.getegid())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text(f"{inside.pw_uid} {outside[0]} 1")
    (process / "gid_map").write_text(f"{inside.pw_gid} {outside[1]} 1")
