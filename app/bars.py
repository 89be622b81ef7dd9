"""Progress of commands: bars on a terminal, a line each ten seconds elsewhere."""

from __future__ import annotations

from typing import Any

from rich.progress import Progress, TaskID

from app.console import err
from core.progress import Lines


class Bars(Progress):
    """Rich's bars, which vanish when the work is done; without a terminal, lines of how far the latest of them is."""

    def __init__(self) -> None:
        super().__init__(console=err, transient=True, disable=not err.is_terminal)
        self._lines = Lines()

    def update(self, task_id: TaskID, **changes: Any) -> None:
        super().update(task_id, **changes)
        self._tell(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._tell(task_id)

    def _tell(self, task_id: TaskID) -> None:
        if self.disable:
            self._lines.tell(lambda: self._line(task_id))

    def _line(self, task_id: TaskID) -> str:
        task = next(one for one in self.tasks if one.id == task_id)
        done = f"{task.completed:,.0f}" if task.total is None else f"{task.percentage:.0f} %"
        return f"  {task.description}: {done}"
