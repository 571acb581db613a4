"""What a run's configuration asks for, and that nothing in it is taken for what it is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.orchestration import resolving


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Asks whether a run with a configuration is a preview."""

    def is_preview(conf: dict[str, Any] | None, **params: Any) -> bool:
        context = {"params": params, "dag_run": SimpleNamespace(conf=conf)}
        monkeypatch.setattr(resolving, "get_current_context", lambda: context)
        return resolving.is_preview()

    return is_preview


def test_a_run_is_a_preview_where_that_is_asked_for(asked: Any) -> None:
    assert asked({"preview": True}, preview=False)
    assert asked({}, preview=True)
    assert not asked(None, preview=False)
    assert not asked({"preview": False})


@pytest.mark.parametrize("key", ["Preview", "previw", "PREVIEW", "is_preview", "dry-preview"])
def test_what_only_resembles_a_preview_is_no_import(asked: Any, key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{key}.* Did you mean 'preview'\?"):
        asked({key: True}, preview=False)


def test_what_nothing_reads_is_refused_too(asked: Any) -> None:
    with pytest.raises(ConfigurationError, match="the key 'segments', which no run reads"):
        asked({"segments": ["subscribers"]}, preview=False)
    with pytest.raises(ConfigurationError, match="'preview' and neither true nor false"):
        asked({"preview": "true"}, preview=False)


@pytest.mark.parametrize("key", ["openlineage", "airflow/task_span_detail_level"])
def test_what_airflow_itself_adds_is_let_be(asked: Any, key: str) -> None:
    assert asked({key: {"parentRunId": "1"}, "preview": True})
    assert not asked({key: {"parentRunId": "1"}})
