"""What can go wrong, told by what happens next.

::

    ExchangeError
    ├── FatalError              somebody has to change something; never retried
    │   ├── ConfigurationError  a YAML file, a setting or a secret's name
    │   ├── InvalidRefinement   a filter over profiles cannot be read
    │   ├── CredentialsRefused  the other tenant does not accept key and secret
    │   ├── WrongHost           the credentials belong to, or reach, another host
    │   ├── NoLongerExposed     a segment, property or identifier left the grant
    │   ├── GrantOutdated       our own grant names what our tenant does not have any more
    │   ├── CredentialsEnding   our partner's last consumer key ends, or has ended
    │   ├── ProtocolViolation   the other tenant's answer is not the published API
    │   │   └── RequestRefused  it does not take what it was asked for (400, 501)
    │   ├── TargetRefused       a target property must not be written
    │   ├── LimitExceeded       the gate stopped the run before anything was written
    │   ├── StoreRefused        the database did not accept a statement of ours
    │   ├── StoreKeepsOut       it answers, and accepts no user, password or database of ours
    │   ├── RunRefused          a person said no at the gate
    │   │   └── RunExpired      nobody answered in time
    │   ├── RunOvertaken        another run of the same connection holds the pen
    │   └── CountsDisagree      the fates do not add up to what was received
    └── TransientError          retried with backoff; the run resumes where it was
        ├── SourceUnavailable   408, 429, 5xx, a broken stream, a refused connection
        ├── StoreUnavailable    the database is away
        │   └── StoreTooSlow    it broke off a statement that took longer than was allowed
        └── NotTold             a mail server, or a notifier, did not take what was to be told

What is wrong with one profile is no exception: it is that profile's fate.

Every message says what happened, where, and what to do; none carries a property value,
a token or a secret, because messages reach logs, mails and task states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ExchangeError(Exception):
    """Anything the exchange reports to a person in one sentence."""


class FatalError(ExchangeError):
    """Retrying cannot help; somebody has to change something."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the configuration, and where.

    ``line`` counts from 1; 0 is the file as a whole. ``file`` and ``key`` are empty where
    there is none, as for a setting.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.key, self.message) if part)


class ConfigurationError(FatalError):
    """A YAML file, a setting or the name of a secret is wrong.

    Carries every problem found, so that a person mends a file in one go; a message alone is
    a problem that is in no file.
    """

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem(file="", line=0, key="", message=problems)]
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[list[Problem]]]:
        return type(self), (list(self.problems),)


class InvalidRefinement(FatalError):
    """A refinement is not in the published grammar, or too large.

    ``path`` is where: keys and list positions from the refinement's top.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> tuple[type[InvalidRefinement], tuple[str, tuple[str | int, ...]]]:
        return type(self), (str(self), self.path)


class CredentialsRefused(FatalError):
    """The other tenant does not accept this consumer key and secret."""


class WrongHost(FatalError):
    """The credentials are for, or lead to, a host other than the configured one."""


class NoLongerExposed(FatalError):
    """Something that the import goal names is not, or no longer, exposed."""


class GrantOutdated(FatalError):
    """The expose goal names a segment, property or objective that the tenant does not have."""


class CredentialsEnding(FatalError):
    """The last consumer key with which our partner can do something ends, or has ended."""


class ProtocolViolation(FatalError):
    """The other tenant's answer cannot be read as the published REST API v2."""


class RequestRefused(ProtocolViolation):
    """A tenant does not take a request as it is: something that it names is not there for us."""


class TargetRefused(FatalError):
    """A target property must not be written by this connection."""


class LimitExceeded(FatalError):
    """The gate compared the run with its limits and stopped it before any write."""


class RunRefused(FatalError):
    """A run was not approved at the gate, or is a preview: it must not write."""


class RunExpired(RunRefused):
    """Nobody let the run through the gate in time."""


class StoreRefused(FatalError):
    """The database did not accept a statement. Always a defect of ours, or a foreign schema."""


class StoreKeepsOut(FatalError):
    """The database answers, and does not accept the user, the password or the database's name."""


class RunOvertaken(FatalError):
    """Another run of the same connection has taken over; this one must not write."""


class CountsDisagree(FatalError):
    """The fates do not add up to the profiles received. Always a defect of ours."""


class TransientError(ExchangeError):
    """Trying again later can help.

    ``retry_after`` is the number of seconds the other side asked for, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceUnavailable(TransientError):
    """The other tenant does not answer, answers that it is busy, or breaks off."""


class StoreUnavailable(TransientError):
    """The database does not answer."""


class StoreTooSlow(StoreUnavailable):
    """The database broke a statement off: it took too long, or somebody ended it."""


class NotTold(TransientError):
    """A mail server or a notifier did not take what was to be told. The run itself is untouched."""
