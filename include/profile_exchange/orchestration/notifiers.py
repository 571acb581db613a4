"""Other notifiers of Airflow's, named by their import paths and imported when they are used."""

from __future__ import annotations

from importlib import import_module

from airflow.sdk import BaseNotifier

from profile_exchange.domain.errors import ConfigurationError, NotTold
from profile_exchange.domain.notifications import ConfiguredNotifier


def use(configured: ConfiguredNotifier, told: dict[str, str], *, run_id: str, dag_id: str) -> None:
    """Let a notifier tell a run's outcome; its templates find ``told`` under ``exchange``.

    They find the two ids and nothing else: a task's context leads to every connection and variable
    of Airflow's, and whoever writes a connection's file need not know those.

    Raises `ConfigurationError` for what cannot be imported, or is no notifier, and `NotTold` when
    it fails. Neither repeats the arguments, which may hold more than ids.
    """
    notifier = _made(configured)
    try:
        notifier({"exchange": told, "run_id": run_id, "dag_id": dag_id})
    except Exception as error:
        raise NotTold(
            f"The notifier {configured.type} failed ({type(error).__name__}): check its arguments "
            "under notifications, and the Airflow connection that it uses."
        ) from None


def _made(configured: ConfiguredNotifier) -> BaseNotifier:
    kind = _class_of(configured.type)
    try:
        return kind(**configured.kwargs)
    except Exception as error:
        raise ConfigurationError(
            f"The notifier {configured.type} cannot be made with its arguments "
            f"({type(error).__name__}): correct its kwargs under notifications."
        ) from None


def _class_of(path: str) -> type[BaseNotifier]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The notifier {path} cannot be imported ({type(error).__name__}): install the package "
            "that has it where Airflow runs tasks, or correct its type under notifications."
        ) from None
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise ConfigurationError(
            f"{path} is not one of Airflow's notifiers: name a class that extends BaseNotifier "
            "under notifications."
        )
    return found
