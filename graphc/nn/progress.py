"""The progress bar of training."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from graphc.nn.trainer import History


class Progress:
    """Shows epochs, batches and the loss while training; a context manager, silent if not `enabled`."""

    def __init__(self, epochs: int, batches: int, *, enabled: bool) -> None:
        self.epochs, self.batches = epochs, batches
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._enabled = enabled

    def __enter__(self) -> Progress:
        if self._enabled:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("loss {task.fields[loss]}"),
            )
            self._bar.start()
            self._task = self._bar.add_task("training", total=self.epochs * self.batches, loss="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, loss: float) -> None:
        """One batch is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1, loss=f"{loss:.4f}")

    def end_epoch(self, epoch: int, history: History) -> None:
        """One epoch is done: a line with what was measured."""
        if self._bar is None:
            return
        parts = [f"epoch {epoch + 1}/{self.epochs}", f"loss {history.loss[-1]:.4f}"]
        if history.validation_loss:
            parts.append(f"validation loss {history.validation_loss[-1]:.4f}")
        parts += [f"{name} {values[-1]:.4f}" for name, values in history.metrics.items() if values]
        self._bar.console.print("  ".join(parts), highlight=False)
