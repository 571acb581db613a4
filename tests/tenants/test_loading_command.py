"""``exchange load`` as a person types it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import app
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile


@pytest.fixture
def shop(store_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store of the sample tenant harbor-goods, as its secret says."""
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", store_url)
    return store_url


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    file = tmp_path / "customers.csv"
    rows = [f"{UUID(int=number)},c{number}@example.com,0{number}" for number in range(1, 4)]
    file.write_text("\n".join(["id,email,loyalty_card", *rows]))
    return file


def load(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["load", *map(str, arguments)])


def profiles(url: str) -> int:
    with engine_for(url).connect() as connection:
        return connection.execute(select(func.count()).select_from(profile)).scalar_one()


def test_a_file_is_loaded_and_the_counts_are_told(shop: str, customers: Path) -> None:
    first = load("harbor-goods", customers)
    assert (first.exit_code, first.stdout) == (
        0,
        "Harbor Goods: 3 profiles created, 0 replaced, 0 unchanged.\n",
    )
    assert load("harbor-goods", customers).stdout.endswith("0 replaced, 3 unchanged.\n")
    assert profiles(shop) == 3


def test_several_values_stand_between_the_chosen_separator(shop: str, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("email\na@example.com;b@example.com\n")
    assert load("harbor-goods", file, "--separator", ";").exit_code == 0
    with engine_for(shop).connect() as connection:
        stored = connection.execute(select(profile.c.properties)).scalar_one()
    assert stored == {"email": ["a@example.com", "b@example.com"]}


def test_a_refused_file_is_one_sentence_and_exit_code_2(shop: str, customers: Path) -> None:
    customers.write_text(customers.read_text().replace(str(UUID(int=3)), "nobody"))
    refused = load("harbor-goods", customers)
    assert refused.exit_code == 2
    assert refused.stdout == ""
    sentence = refused.stderr.strip().splitlines()[-1]
    assert sentence.startswith("exchange: customers.csv, row 3, column 'id': it is not a UUID")
    assert "Traceback" not in refused.stderr
    assert profiles(shop) == 0


@pytest.mark.parametrize(
    ("tenant", "file", "sentence"),
    [
        ("harbor-good", "customers.csv", "Did you mean 'harbor-goods'?"),
        ("harbor-goods", "nowhere.csv", "nowhere.csv: it cannot be read"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_told(
    shop: str, customers: Path, tenant: str, file: str, sentence: str
) -> None:
    refused = load(tenant, customers.with_name(file))
    assert refused.exit_code == 2
    assert sentence in refused.stderr


def test_what_has_no_name_is_told_as_it_is(shop: str) -> None:
    refused = load("harbor-goods", Path("/"))
    assert refused.exit_code == 2
    assert "exchange: /: its name must end in" in refused.stderr


def test_help_says_which_columns_a_file_has() -> None:
    told = load("--help").stdout
    for word in ("TENANT", "FILE", "--separator", "consentedObjectives", ".parquet"):
        assert word in told
