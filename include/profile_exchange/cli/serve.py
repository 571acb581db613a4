"""``exchange serve``: the exposure API as a service of its own."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profile_exchange.domain.errors import ConfigurationError, FatalError, Problem

if TYPE_CHECKING:
    import ssl

    import uvicorn

APP = "profile_exchange.exposure.app:create_app"
#: Uvicorn's, with bounds on how long a head may take to come and on open connections.
PROTOCOL = "profile_exchange.exposure.patience:PatientProtocol"
DEFAULT_PORT = 8200
BACKLOG = 2048
#: A partner stores a page before it asks for the next one, on the same connection.
KEEP_ALIVE_SECONDS = 30
#: How long answers that are on their way may take when the service is told to stop.
GRACE_SECONDS = 30

#: Everything to stderr. Uvicorn's own access log is off, because it has query strings in it.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"profile_exchange": {"level": "INFO"}, "uvicorn": {"level": "INFO"}},
}


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = DEFAULT_PORT,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that answer side by side.")
    ] = 1,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM file with the certificate chain, for HTTPS.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file with its private key.")] = None,
    *,
    grace: Annotated[
        int, typer.Option(min=1, help="Seconds for answers under way when it is told to stop.")
    ] = GRACE_SECONDS,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy",
            help="A proxy in front ends HTTPS. It must pass the Host header on; which proxies "
            "are believed is in FORWARDED_ALLOW_IPS.",
        ),
    ] = False,
) -> None:
    """Serve the exposure API.

    One service answers for every hosted tenant; the Host header of a request chooses which.
    Plain HTTP is served on loopback only, or behind a proxy that ends HTTPS. Told to stop, it
    takes no new request, finishes those under way, and ends with exit code 0.
    """
    _refuse_plain_http(host, encrypted=certificate is not None or behind_proxy)
    encryption = _encryption(certificate, key)
    _share_limits(workers)
    _refuse_missing_folders()
    listening = _listen(host, port)
    scheme = "https" if encryption else "http"
    where, bound_port = listening.getsockname()[:2]
    shown = f"[{where}]" if ":" in where else where
    typer.echo(f"The exposure API listens on {scheme}://{shown}:{bound_port}", err=True)
    _run(_configuration(workers, grace, encryption, behind_proxy=behind_proxy), listening)


def _refuse_plain_http(host: str, *, encrypted: bool) -> None:
    if not encrypted and not _is_loopback(host):
        raise ConfigurationError(
            f"Plain HTTP on {host} would show profiles and secrets to the network: give "
            "--certificate and --key, or --behind-proxy if a proxy in front ends HTTPS."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _encryption(certificate: Path | None, key: Path | None) -> dict[str, str]:
    """Uvicorn's options for HTTPS, tried out; none for plain HTTP."""
    import ssl

    if certificate is None and key is None:
        return {}
    if certificate is None or key is None:
        raise ConfigurationError("HTTPS takes both --certificate and --key: give the other one.")
    try:
        # A password keeps a locked key from asking for one on the terminal.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, key, password=""
        )
    except OSError as error:
        reason = _unusable(error) if isinstance(error, ssl.SSLError) else _reason(error)
        raise ConfigurationError(
            f"The certificate {certificate} and the key {key} cannot be used: {reason}."
        ) from None
    return {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}


def _unusable(error: ssl.SSLError) -> str:
    """What is wrong with two files that can be read; OpenSSL only says where it noticed."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is that of another certificate"
    return "they have to be a certificate and a key without a password, in PEM, in this order"


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that an address that cannot be had is known before anything starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise FatalError(
            f"Cannot listen on {host} port {port}: {_reason(error)}. "
            "Choose another with --host and --port."
        ) from None
    listening.set_inheritable(True)
    return listening


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program does already"
    # Python adds the address in brackets, which the sentence has already.
    return (error.strerror or "the address is unknown").partition(" (while")[0].lower()


def _configuration(
    workers: int, grace: int, encryption: dict[str, str], *, behind_proxy: bool
) -> uvicorn.Config:
    import uvicorn

    return uvicorn.Config(
        APP,
        factory=True,
        http=PROTOCOL,
        workers=workers,
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=behind_proxy,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace,
        **encryption,  # type: ignore[arg-type]
    )


def _share_limits(workers: int) -> None:
    """Tell the workers how many they are: the limits of a connection are the whole service's.

    Raises `ConfigurationError` for a wrong setting, once, instead of by every worker.
    """
    from profile_exchange.config.settings import PREFIX, settings

    os.environ[f"{PREFIX}WORKERS"] = str(workers)
    settings.cache_clear()
    at_once = settings().requests_at_once
    if at_once < workers:
        raise ConfigurationError(
            f"{workers} workers cannot share {PREFIX}REQUESTS_AT_ONCE={at_once}: start at most "
            f"{at_once} with --workers, or raise the limit."
        )


def _refuse_missing_folders() -> None:
    """Raise `ConfigurationError` where every request would be answered 500.

    Secrets may all be variables: their folder has to be there where somebody names one.
    """
    from profile_exchange.config.settings import PREFIX, settings

    told = settings()
    wanted = {"tenants_dir", "connections_dir", *({"secrets_dir"} & told.model_fields_set)}
    missing = [
        Problem("", 0, f"{PREFIX}{name.upper()}", f"there is no folder {getattr(told, name)}.")
        for name in sorted(wanted)
        if not getattr(told, name).is_dir()
    ]
    if missing:
        raise ConfigurationError(missing)


def _run(configuration: uvicorn.Config, listening: socket.socket) -> None:
    """Serve until the process is told to stop."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    class Workers(Multiprocess):
        """Refuses who comes while the workers finish: the socket is theirs and this process's."""

        def terminate_all(self) -> None:
            listening.close()
            super().terminate_all()

    if configuration.workers == 1:
        # Having finished everything, uvicorn sends itself the signal that it was sent.
        signal.signal(signal.SIGTERM, lambda *_: None)
        uvicorn.Server(configuration).run(sockets=[listening])
    else:
        Workers(configuration, sockets=[listening]).run()
