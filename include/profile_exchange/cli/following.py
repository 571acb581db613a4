"""Following a run: a progress bar for each step, or lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from profile_exchange.domain.fates import APPROVE, Step
from profile_exchange.installation.airflow_api import RunState, TaskState


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How many of a step's tasks are done; a step that is not mapped has one."""

    step: str
    done: int
    total: int
    state: str

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen in this step."""
        return self.done == self.total


_STEPS = [step.value for step in Step]
_GATE = _STEPS.index(Step.GATE) + 1
_ORDER = (*_STEPS[:_GATE], APPROVE, *_STEPS[_GATE:])


def progress_of(tasks: Iterable[TaskState]) -> Iterator[StepProgress]:
    """The progress of each step, in the order of the DAG; tasks of no step come last."""
    by_task: dict[str, list[TaskState]] = {name: [] for name in _ORDER}
    for task in tasks:
        by_task.setdefault(task.task, []).append(task)
    for step, instances in by_task.items():
        if instances:
            done = sum(instance.finished for instance in instances)
            yield StepProgress(step, done, len(instances), _state(instances))


_RANKED = (
    *("failed", "upstream_failed", "up_for_retry", "awaiting_input"),
    *("running", "queued", "scheduled"),
)


def _state(instances: list[TaskState]) -> str:
    """What a person wants to know first of several states."""
    states = {instance.state or "waiting" for instance in instances}
    ranked = (
        "failed",
        "upstream_failed",
        "up_for_retry",
        "awaiting_input",
        "running",
        "queued",
        "scheduled",
    )
    return next((state for state in ranked if state in states), min(states))


def follow(states: Iterable[RunState], console: Console) -> RunState:
    """Show the states of a run as they come, and return the last one."""
    shown = _Bars(console) if console.is_terminal else _Lines(console)
    last = None
    with shown:
        for last in states:
            shown.update(progress_of(last.tasks))
    if last is None:
        raise ValueError("A run has at least one state.")
    return last


_COLORS = {"failed": "red", "upstream_failed": "red", "up_for_retry": "yellow", "success": "green"}


class _Bars:
    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
        )
        self._progress = Progress(*columns, console=console)
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, steps: Iterable[StepProgress]) -> None:
        for step in steps:
            if step.step not in self._bars:
                self._bars[step.step] = self._progress.add_task(step.step, state="")
            color = _COLORS.get(step.state, "cyan")
            self._progress.update(
                self._bars[step.step],
                completed=step.done,
                total=step.total,
                state=f"[{color}]{step.state.replace('_', ' ')}[/]",
            )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[str] = set()

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return

    def update(self, steps: Iterable[StepProgress]) -> None:
        for step in steps:
            if step.finished and step.step not in self._told:
                self._told.add(step.step)
                line = f"  {step.step:<18} {step.done}/{step.total} {step.state}"
                self._console.print(line, highlight=False, markup=False)
