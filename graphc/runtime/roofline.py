"""The cost of a program beside the limits of this machine, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphc.dataclass import dataclass
from graphc.errors import ArgumentError
from graphc.ir.dims import Dim, evaluate, symbols_of
from graphc.lower.cost import KernelCost
from graphc.runtime.limits import Limits


@dataclass(frozen=True)
class Cost:
    """What one call takes: per kernel, and the memory of the whole program in bytes. Prints as a table."""

    kernels: tuple[KernelCost, ...]
    arguments: Dim
    results: Dim
    arena: Dim  # intermediate arrays and packed matrices
    limits: Limits

    @property
    def flops(self) -> Dim:
        """Arithmetic of all kernels, counted in additions."""
        return sum((kernel.flops for kernel in self.kernels), 0)

    @property
    def moved(self) -> Dim:
        """Bytes that all kernels read and write."""
        return sum((kernel.moved for kernel in self.kernels), 0)

    @property
    def peak_memory(self) -> Dim:
        """Bytes of arguments, captured arrays, results and arena together."""
        return self.arguments + self.results + self.arena

    @property
    def seconds(self) -> float | None:
        """The roofline time of all kernels on one core; None while a size is unknown."""
        times = [self.seconds_of(kernel) for kernel in self.kernels]
        known = [time for time in times if time is not None]
        return sum(known) if len(known) == len(times) else None

    def seconds_of(self, kernel: KernelCost) -> float | None:
        """max(flops / peak, bytes / bandwidth) of one kernel on one core (Williams et al. 2009).

        It is a lower bound: flops that are an upper bound do not enter.
        """
        flops, moved, held = 0 if kernel.at_most else kernel.flops, kernel.moved, self.peak_memory
        if not (isinstance(flops, int) and isinstance(moved, int) and isinstance(held, int)):
            return None
        return self.limits.seconds(flops, moved, working_set=held, double=kernel.double)

    def at(self, **sizes: int) -> Cost:
        """The cost for these sizes: `cost.at(N=1000)`."""
        dims = (self.peak_memory, *(d for c in self.kernels for d in (c.flops, c.read, c.written)))
        missing = sorted({name for dim in dims for name in symbols_of(dim)} - set(sizes))
        if missing:
            raise ArgumentError(f"cost: sizes {', '.join(missing)} are missing")
        return replace(
            self,
            kernels=tuple(kernel.at(sizes) for kernel in self.kernels),
            arguments=evaluate(self.arguments, sizes),
            results=evaluate(self.results, sizes),
            arena=evaluate(self.arena, sizes),
        )

    def __str__(self) -> str:
        rows = [("kernel", "flops", "bytes", "flops/byte", "roofline", "operations")]
        for c in self.kernels:
            operations = " ".join(c.operations)
            times = seconds_text(self.seconds_of(c))
            flops = _bound((c,)) + _number(c.flops)
            rows.append((c.name, flops, _number(c.moved), _ratio(c.intensity), times, operations))
        if len(self.kernels) > 1:
            total = (
                _bound(self.kernels) + _number(self.flops),
                _number(self.moved),
                "",
                seconds_text(self.seconds),
                "",
            )
            rows.append(("total", *total))
        memory = f"{_number(self.arguments)} arguments + {_number(self.results)} results"
        peak = f"peak memory: {memory} + {_number(self.arena)} arena = {_number(self.peak_memory)} bytes"
        return "\n".join([*aligned(rows), peak, self._machine()])

    def _machine(self) -> str:
        l = self.limits
        how = "measured on this machine" if l.measured else "not measured yet: see `graphc doctor`"
        return (
            f"one core: {l.gflops_f32:.0f} GFLOP/s f32, {l.gflops_f64:.0f} f64; "
            f"memory {l.memory_bandwidth:.0f} GB/s, first cache {l.l1_bandwidth:.0f} ({how})"
        )


def _bound(kernels: Sequence[KernelCost]) -> str:
    """What the flops of these kernels are a bound of, in front of the number."""
    most, least = any(c.at_most for c in kernels), any(c.at_least for c in kernels)
    return "about " if most and least else "≤ " if most else "≥ " if least else ""


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The first and the last column start at the left, numbers end at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        name, *numbers, last = row
        cells = [text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *cells, last]).rstrip())
    return lines


def _number(dim: Dim) -> str:
    return f"{dim:,}".replace(",", " ") if isinstance(dim, int) else str(dim)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def seconds_text(seconds: float | None) -> str:
    """Three digits in a unit that suits them."""
    if seconds is None:
        return "-"
    for unit, scale in (("ns", 1e9), ("µs", 1e6), ("ms", 1e3)):
        if seconds * scale < 1000:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:.3g} s"
