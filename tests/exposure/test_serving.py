"""``exchange serve``: the real service in its own process, with and without HTTPS."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from profile_exchange.cli.serve import serve
from profile_exchange.config.settings import settings
from profile_exchange.domain.errors import ConfigurationError, ExchangeError
from profile_exchange.store.database import engine_for
from profile_exchange.tenants.postgres.credentials import IssuedCredential, issue
from tests.exposure.conftest import HOST, Installation

EXCHANGE = str(Path(sys.executable).with_name("exchange"))
PATIENCE = 60

Service = Callable[..., tuple[str, subprocess.Popen[str]]]


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a service sets in this process is taken back afterwards."""
    monkeypatch.setenv("EXCHANGE_WORKERS", "1")
    yield
    settings.cache_clear()


@pytest.fixture
def service(installation: Installation) -> Iterator[Service]:
    """Starts ``exchange serve`` with options; tells its address and its process."""
    with ExitStack() as running:
        yield lambda *options: running.enter_context(serving(installation, options))


@contextmanager
def serving(
    installation: Installation, options: tuple[str, ...]
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``exchange serve`` with options: its address and its process."""
    told = installation.settings.model_dump(
        include={"tenants_dir", "connections_dir", "secrets_dir", *installation.limits}
    )
    variables = {f"EXCHANGE_{name.upper()}": str(value) for name, value in told.items()}
    process = subprocess.Popen(
        [EXCHANGE, "serve", "--port", "0", *options],
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        # It listens before it says so; whoever comes before it is ready waits in the queue.
        address = re.search(r"https?://\S+", process.stderr.readline())
        assert address is not None
        yield address.group(), process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


def token_for(client: httpx.Client, issued: IssuedCredential) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": issued.key,
        "client_secret": issued.secret,
    }
    return client.post("/rest/v2/oauth/token", data=form).raise_for_status().json()["access_token"]


def test_several_workers_answer_side_by_side_and_stop_when_told(
    installation: Installation, service: Service
) -> None:
    keys = sorted(installation.add() for _ in range(20))
    address, process = service("--workers", "2")
    issued = issue(installation.store, "harbor-goods", now=dt.datetime.now(dt.UTC))
    with httpx.Client(base_url=address, headers={"Host": HOST}, timeout=PATIENCE) as client:
        client.headers["Authorization"] = f"Bearer {token_for(client, issued)}"
        with ThreadPoolExecutor(8) as threads:
            pages = list(threads.map(lambda _: follow(client), range(8)))
    assert pages == [keys] * 8
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    lines = [line for line in log.splitlines() if "exposure.access" in line]
    assert len(lines) == 1 + 8 * 7
    assert not any(told in log for told in (issued.secret, "cursor=", "count=3&"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_page_under_way_is_finished_and_nobody_else_let_in(
    installation: Installation, service: Service, workers: str
) -> None:
    address, process, reader = reading(installation, service, "--workers", workers)
    with reader:
        process.send_signal(signal.SIGTERM)
        refused = until_refused(address)
        body = rest(reader)
    _, log = process.communicate(timeout=PATIENCE)
    assert refused
    assert len(json.loads(body)["profiles"]) == MANY
    assert process.returncode == 0, log


def test_a_reader_who_takes_nothing_is_waited_for_so_long_and_no_longer(
    installation: Installation, service: Service
) -> None:
    _, process, reader = reading(installation, service, "--grace", "1")
    with reader:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE)
    assert "timeout graceful shutdown exceeded" in log
    assert process.returncode == 0


MANY = 1000


def reading(
    installation: Installation, service: Service, *options: str
) -> tuple[str, subprocess.Popen[str], socket.socket]:
    """A service, and a reader of a page that is too large for the buffers on its way."""
    fill(installation, MANY)
    address, process = service(*options)
    issued = issue(installation.store, "harbor-goods", now=dt.datetime.now(dt.UTC))
    with httpx.Client(base_url=address, headers={"Host": HOST}, timeout=PATIENCE) as client:
        token = token_for(client, issued)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(PATIENCE)
    reader.connect(("127.0.0.1", int(address.rpartition(":")[2])))
    path = f"/rest/v2/segments/everybody/profiles?count={MANY}"
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"
    reader.sendall(head.encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return address, process, reader


def fill(installation: Installation, profiles: int) -> None:
    """Profiles of three thousand letters each."""
    statement = text(
        "insert into tenant.profile (id, created_at, modified_at, properties)"
        " select gen_random_uuid(), now(), now(), jsonb_build_object("
        "'visitedchannel', '[\"web\"]'::jsonb, 'section', jsonb_build_array(repeat('x', 3000)))"
        " from generate_series(1, :number)"
    )
    with engine_for(installation.store).begin() as database:
        database.execute(statement, {"number": profiles})


def until_refused(address: str) -> bool:
    """Wait until whoever comes is refused; one who comes too early is answered."""
    for _ in range(PATIENCE * 10):
        try:
            httpx.get(f"{address}/healthz", timeout=PATIENCE)
        except httpx.ConnectError:
            return True
        except httpx.TransportError:  # let in at the last moment, and not answered
            continue
    return False


def rest(reader: socket.socket) -> bytes:
    """The body of an answer whose first bytes have been read."""
    with reader.makefile("rb") as file:
        head = b"".join(iter(file.readline, b"\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        return file.read(int(length.group(1)))


def test_the_limits_of_a_connection_are_those_of_all_workers_together(
    installation: Installation, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_REQUESTS_PER_SECOND", "0.01")
    monkeypatch.setenv("EXCHANGE_REQUESTS_AT_ONCE", "2")
    address, _ = service("--workers", "2")
    issued = issue(installation.store, "harbor-goods", now=dt.datetime.now(dt.UTC))
    with httpx.Client(base_url=address, headers={"Host": HOST}, timeout=PATIENCE) as client:
        headers = {"Host": HOST, "Authorization": f"Bearer {token_for(client, issued)}"}
    alone = {"headers": {**headers, "Connection": "close"}, "timeout": PATIENCE}
    answers = [httpx.get(f"{address}/rest/v2/objectives", **alone) for _ in range(30)]
    let_in = [answer for answer in answers if answer.status_code == 200]
    assert 1 <= len(let_in) <= 2


def test_more_workers_than_requests_at_once_are_refused(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_REQUESTS_AT_ONCE", "2")
    with pytest.raises(ConfigurationError, match="3 workers cannot share"):
        serve(port=0, workers=3)


@pytest.mark.parametrize("name", ["EXCHANGE_TENANTS_DIR", "EXCHANGE_SECRETS_DIR"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_served(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    assert not_served() == f"exchange: {name}: there is no folder {tmp_path / 'nowhere'}.\n"


def test_a_wrong_setting_is_told_before_anything_is_served() -> None:
    assert not_served("--workers", "40").startswith("exchange: 40 workers cannot share ")


def not_served(*options: str) -> str:
    """All that ``exchange serve`` says, when it ends instead of serving."""
    done = subprocess.run(
        [EXCHANGE, "serve", "--port", "0", *options],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def follow(client: httpx.Client) -> list[str]:
    found: list[str] = []
    asked: dict[str, Any] = {"count": 3}
    while True:
        answer = client.get("/rest/v2/segments/everybody/profiles", params=asked)
        page = answer.raise_for_status().json()
        found += [one["id"] for one in page["profiles"]]
        if "nextCursor" not in page:
            return found
        asked["cursor"] = page["nextCursor"]


def test_https_is_served_with_a_certificate(service: Service, pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    options = ("--certificate", str(certificate), "--key", str(key))
    address, _ = service("--host", "0.0.0.0", *options)  # noqa: S104 - that is what is tried
    port = address.rpartition(":")[2]
    context = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(verify=context, timeout=PATIENCE) as client:
        answer = client.get(f"https://127.0.0.1:{port}/healthz", extensions={"sni_hostname": HOST})
    assert answer.json() == {"status": "ok"}


def test_behind_a_proxy_links_lead_to_where_the_partner_came_from(
    installation: Installation, service: Service
) -> None:
    installation.add()
    address, _ = service("--behind-proxy")
    issued = issue(installation.store, "harbor-goods", now=dt.datetime.now(dt.UTC))
    proxied = {"Host": HOST, "X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=address, headers=proxied, timeout=PATIENCE) as client:
        client.headers["Authorization"] = f"Bearer {token_for(client, issued)}"
        [first] = client.get("/rest/v2/segments/everybody/profiles").json()["links"]
    assert first["href"].startswith(f"https://{HOST}/rest/v2/")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104
def test_plain_http_is_for_loopback_only(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--behind-proxy"):
        serve(host=host)


def test_a_certificate_that_cannot_be_used_is_told_before_anything_is_served(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = pair
    other = tmp_path / "other.pem"
    for wrong in ((certificate, None), (None, key), (certificate, other), (key, certificate)):
        with pytest.raises(ConfigurationError, match="certificate"):
            serve(certificate=wrong[0], key=wrong[1])


def test_a_certificate_and_a_key_that_do_not_go_together_are_told_in_words(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = pair
    another, text = tmp_path / "another.pem", tmp_path / "text.pem"
    another.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    text.write_text("Hello.")
    with pytest.raises(ConfigurationError, match="the key is that of another certificate"):
        serve(certificate=certificate, key=another)
    for wrong in ((key, certificate), (text, text), (certificate, text)):
        with pytest.raises(ConfigurationError, match="a certificate and a key without a password"):
            serve(certificate=wrong[0], key=wrong[1])
    with pytest.raises(ConfigurationError, match="no such file or directory"):
        serve(certificate=certificate, key=tmp_path / "none.pem")


def test_an_address_that_is_taken_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ExchangeError, match=f"port {port}: another program"):
            serve(port=port)


def test_an_address_that_is_not_here_is_one_sentence() -> None:
    with pytest.raises(ExchangeError, match=r"Cannot listen on nowhere\.invalid port 1: "):
        serve(host="nowhere.invalid", port=1, behind_proxy=True)
