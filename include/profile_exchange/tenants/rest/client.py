"""A session with a tenant over REST API v2: tokens, retries, and the domain's errors.

Redirects are not followed, so a token goes to the configured host only, which has to prove by
its certificate that it is that host. 408, 425, 429, 5xx and broken streams are tried again with
jittered backoff, which honours ``Retry-After`` within a cap.

An error leaves this module without the frames it came through: they hold secrets and profiles.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.stop import stop_after_delay
from tenacity.wait import wait_base, wait_random, wait_random_exponential

from profile_exchange import __version__
from profile_exchange.domain.errors import (
    ExchangeError,
    ProtocolViolation,
    SourceUnavailable,
    WrongHost,
)
from profile_exchange.tenants.rest.answers import Answer, raise_for, raise_for_token, unpacked
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.network import (
    FAILURES,
    Deadline,
    Patience,
    certificate_refused,
    open_pool,
)
from profile_exchange.tenants.rest.wire import Token, read

#: Renew a token this many seconds before it expires.
TOKEN_MARGIN = 30.0
#: How long a token is taken to live when its issuer does not say.
LIFETIME = 3600
MAX_WAIT = 60.0
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_BEARER = re.compile(r"[\x21-\x7e]+")

#: 413 comes with the answers to the entries that were processed.
_WITH_BODY = {HTTPStatus.OK, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}

Query = list[tuple[str, str]]


class _Backoff(wait_base):
    """What the other side asks for and a little more, up to `MAX_WAIT`; else exponential."""

    def __init__(self, multiplier: float) -> None:
        self._jittered = wait_random_exponential(multiplier=multiplier, max=MAX_WAIT)
        self._a_little = wait_random(0, multiplier)

    def __call__(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, SourceUnavailable) else None
        if asked is None:
            return self._jittered(state)
        # Many tasks are told the same: they do not all come back at the same moment.
        return min(asked, MAX_WAIT) + self._a_little(state)


class RestClient:
    """A session with one tenant. Not thread-safe; close it, or use it as a context manager."""

    def __init__(
        self,
        credentials: TenantCredentials,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._patience = patience or Patience()
        self._clock = clock
        self._token = ""
        self._token_until = 0.0
        self._server_time: datetime | None = None
        self._deadline = Deadline()
        self._pool = open_pool(credentials, self._deadline)
        self._base = f"{credentials.base_url.rstrip('/')}/rest/v2"
        self._headers = {
            "Host": credentials.host,
            "Accept": "application/json",
            # Firewalls in front of a tenant may refuse who does not say what it is.
            "User-Agent": f"profile-exchange/{__version__}",
            "Accept-Encoding": _encoding(credentials),
        }
        self._extensions = {"timeout": self._patience.timeouts}
        self._retrying = Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=stop_after_attempt(self._patience.attempts)
            | stop_after_delay(self._patience.give_up),
            wait=_Backoff(self._patience.backoff),
            reraise=True,
        )

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.close()

    @property
    def host(self) -> str:
        """The tenant's host name, for messages."""
        return self._credentials.host

    @property
    def credentials(self) -> TenantCredentials:
        """Whom the session is with, and where that is configured."""
        return self._credentials

    @property
    def server_time(self) -> datetime | None:
        """The time by the tenant's clock when it last answered; None if it did not say."""
        return self._server_time

    def authenticate(self) -> None:
        """Get a fresh token. Raises `CredentialsRefused` when key and secret are not accepted."""
        self._try(self._fetch_token)

    def get(self, path: str, query: Query, parse: Callable[[bytes], Any]) -> Any:
        """The parsed answer to a GET; a body that breaks off is asked for again."""
        return self._try(self._get_once, path, query, parse)

    def put(self, path: str, content: bytes, parse: Callable[[bytes], Any]) -> Any:
        """The parsed answer to a PUT that may be repeated; one that breaks off is asked again."""

        def once() -> Any:
            answer = self.put_once(path, [], content)
            raise_for(answer, self._credentials, path)
            return parse(answer.body)

        return self._try(once)

    def put_once(self, path: str, query: Query, content: bytes) -> Answer:
        """The answer to a PUT, whatever its status; whether to repeat it is the caller's matter.

        A token that has expired is renewed: who is not let in has done nothing. Raises
        `SourceUnavailable` when it is not known whether the request was processed.
        """
        try:
            answer = self._authorised(path, query, "PUT", content)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._token = ""
                answer = self._authorised(path, query, "PUT", content)
        except ExchangeError as error:
            raise error.with_traceback(None) from None
        return answer

    def _try(self, request: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self._retrying(request, *arguments)
        except ExchangeError as error:
            raise error.with_traceback(None) from None

    def _get_once(self, path: str, query: Query, parse: Callable[[bytes], Any]) -> Any:
        answer = self._authorised(path, query)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # Expired or revoked in the middle of a pull: the same request again, once.
            self._token = ""
            answer = self._authorised(path, query)
        raise_for(answer, self._credentials, path)
        return parse(answer.body)

    def _authorised(
        self, path: str, query: Query, method: str = "GET", content: bytes | None = None
    ) -> Answer:
        if not self._token or self._clock() >= self._token_until:
            self._fetch_token()
        headers = {"Authorization": f"Bearer {self._token}"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return self._send(method, f"{path}?{urlencode(query)}", headers, content)

    def _fetch_token(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._send("POST", TOKEN_PATH, headers, urlencode(form).encode())
        raise_for_token(answer, self._credentials)
        token = read(answer.body, Token, TOKEN_PATH)
        if not _BEARER.fullmatch(token.access_token):
            raise ProtocolViolation(
                f"{self.host} issued a token that no header can carry: ask that tenant."
            )
        self._token = token.access_token
        lifetime = LIFETIME if token.lifetime is None else token.lifetime
        self._token_until = self._clock() + max(lifetime - TOKEN_MARGIN, 1)

    def _send(
        self, method: str, target: str, headers: dict[str, str], content: bytes | None = None
    ) -> Answer:
        self._deadline.start(self._patience.total)
        try:
            with self._pool.stream(
                method,
                f"{self._base}{target}",
                headers=list((self._headers | headers).items()),
                content=content,
                extensions=self._extensions,
            ) as response:
                answer = self._received(response)
        except FAILURES as error:
            # The client keeps a tunnel that broke off, and waits when it has kept ten of them.
            self._pool.close()
            raise self._unreachable(error) from None
        self._server_time = answer.date
        return answer

    def _received(self, response: Any) -> Answer:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }
        if response.status not in _WITH_BODY:
            return Answer(response.status, headers)
        encoding = headers.get("content-encoding", "")
        body = unpacked(self.host, response.iter_stream(), encoding, self._patience.size)
        return Answer(response.status, headers, body)

    def _unreachable(self, error: Exception) -> ExchangeError:
        address, reason = self._credentials.base_url, type(error).__name__
        if certificate_refused(error):
            return WrongHost(
                f"What answers at {address} does not prove that it is {self.host}: its "
                "certificate is for another host, has expired, or comes from an authority that "
                "this machine does not trust. Correct the address, or have the certificate mended."
            )
        return SourceUnavailable(
            f"{self.host} does not answer at {address} ({reason}): check that it is up and "
            "reachable from here."
        )


def _encoding(credentials: TenantCredentials) -> str:
    """On this machine there is no bandwidth to save, only the work of packing."""
    return "identity" if credentials.is_plain else "gzip"
