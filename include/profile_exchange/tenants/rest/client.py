"""The HTTP of REST API v2: tokens, retries, and answers turned into the domain's errors.

Redirects are not followed, so a token goes to the configured host only; certificates are
always verified. 408, 429, 5xx and broken streams are tried again with jittered backoff, which
honours ``Retry-After`` within a cap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

from profile_exchange.domain.errors import (
    CredentialsRefused,
    NoLongerExposed,
    ProtocolViolation,
    SourceUnavailable,
    WrongHost,
)
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.wire import Token, read

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
#: Renew a token this many seconds before it expires.
TOKEN_MARGIN = 30.0
ATTEMPTS = 8
MAX_WAIT = 60.0

Query = list[tuple[str, str]]


class _Backoff(wait_base):
    """What the other side asks for, up to `MAX_WAIT`; else exponential with jitter."""

    def __init__(self, multiplier: float) -> None:
        self._jittered = wait_random_exponential(multiplier=multiplier, max=MAX_WAIT)

    def __call__(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, SourceUnavailable) else None
        return min(asked, MAX_WAIT) if asked is not None else self._jittered(state)


class RestClient:
    """A session with one tenant. Not thread-safe; close it, or use it as a context manager."""

    def __init__(
        self,
        credentials: TenantCredentials,
        *,
        attempts: int = ATTEMPTS,
        backoff: float = 0.5,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._token = ""
        self._token_until = 0.0
        self._server_time: datetime | None = None
        self._http = httpx.Client(
            base_url=f"{credentials.base_url}/rest/v2",
            headers={"Host": credentials.host, "Accept": "application/json"},
            timeout=TIMEOUT,
            follow_redirects=False,
            transport=transport,
        )
        self._retrying = Retrying(
            retry=retry_if_exception_type(SourceUnavailable),
            stop=stop_after_attempt(attempts),
            wait=_Backoff(backoff),
            reraise=True,
        )

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    @property
    def host(self) -> str:
        """The tenant's host name, for messages."""
        return self._credentials.host

    @property
    def server_time(self) -> datetime | None:
        """The time by the tenant's clock when it last answered; None if it did not say."""
        return self._server_time

    def authenticate(self) -> None:
        """Get a fresh token. Raises `CredentialsRefused` when key and secret are not accepted."""
        self._retrying(self._fetch_token)

    def get(self, path: str, query: Query, parse: Callable[[bytes], Any]) -> Any:
        """The parsed answer to a GET; a body that breaks off is asked for again."""
        return self._retrying(self._get_once, path, query, parse)

    def _get_once(self, path: str, query: Query, parse: Callable[[bytes], Any]) -> Any:
        response = self._authorised(path, query)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # Expired or revoked in the middle of a pull: the same request again, once.
            self._token = ""
            response = self._authorised(path, query)
        _raise_for(response, self.host, path)
        return parse(response.content)

    def _authorised(self, path: str, query: Query) -> httpx.Response:
        if not self._token or self._clock() >= self._token_until:
            self._fetch_token()
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._send("GET", path, params=query, headers=headers)

    def _fetch_token(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        response = self._send("POST", "/oauth/token", data=form)
        if response.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED}:
            raise CredentialsRefused(
                f"{self.host} does not accept the consumer key and secret: ask the other tenant "
                "for new ones, and put them into the Airflow connection."
            )
        _raise_for(response, self.host, "/oauth/token")
        token = read(response.content, Token, "/oauth/token")
        self._token = token.access_token
        self._token_until = self._clock() + max(token.expires_in - TOKEN_MARGIN, 1)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path.lstrip("/"), **options)
        except httpx.TransportError as error:
            raise SourceUnavailable(
                f"{self.host} does not answer at {self._credentials.base_url} "
                f"({type(error).__name__}): check that it is up and reachable from here."
            ) from None
        self._server_time = _date(response.headers)
        return response


def _date(headers: Mapping[str, str]) -> datetime | None:
    """The ``Date`` header of an answer, if there is one that can be read."""
    try:
        told = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _raise_for(response: httpx.Response, host: str, path: str) -> None:
    status = response.status_code
    if status == httpx.codes.OK:
        return
    if status in {408, 425, 429} or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise SourceUnavailable(
            f"{host} answered {status} to {path}: it is busy or out of order; trying again.",
            retry_after=_retry_after(response.headers),
        )
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise CredentialsRefused(
            f"{host} does not let these credentials read {path} ({status}): ask the other tenant "
            "whether they are still valid and what they allow."
        )
    if status == httpx.codes.NOT_FOUND:
        raise NoLongerExposed(
            f"{host} does not expose {path} (404): ask the other tenant, or take it out of the "
            "import goal."
        )
    if status == httpx.codes.MISDIRECTED_REQUEST or response.is_redirect:
        raise WrongHost(
            f"What answers for {host} is another host ({status}): correct partner.host and the "
            "Airflow connection."
        )
    raise ProtocolViolation(
        f"{host} answered {status} to {path}, which REST API v2 does not describe for this "
        "request: check the versions of both sides."
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a ``Retry-After`` header; dates in it are not worth understanding."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else None
