"""Every error graphc raises: what happened with the values involved, where the user wrote it, what to do."""

from __future__ import annotations


class GraphcError(Exception):
    """Base of all errors of graphc."""


def located(message: str, source: str | None, remedy: str | None = None) -> str:
    """The full text of an error: message, the user's line, the remedy."""
    lines = [message]
    if source:
        lines.append(f"  at {source}")
    if remedy:
        lines.append(f"  {remedy}")
    return "\n".join(lines)


def has_line(error: GraphcError) -> bool:
    """Whether the error names a line of the user's."""
    return "\n  at " in str(error)


def with_line(error: GraphcError, source: str) -> str:
    """The text of an error that names no line, with this one."""
    message, *rest = str(error).split("\n")
    return "\n".join([message, f"  at {source}", *rest])


class TraceError(GraphcError, TypeError):
    """The function asked a traced value for something only numbers have (a branch, an int, a buffer)."""


class LeakedTracerError(TraceError):
    """A traced value was used after the function it belongs to had returned."""


class UnsupportedError(GraphcError, TypeError):
    """A NumPy function, or a way of calling one, that graphc does not cover."""


class ShapeError(GraphcError, ValueError):
    """Shapes that do not fit each other."""


class DTypeError(GraphcError, TypeError):
    """Types that do not fit an operation, or that graphc does not compute with."""


class ArgumentError(GraphcError, TypeError):
    """A compiled function was called with arguments it cannot take."""


class DonationError(GraphcError, ValueError):
    """A donated argument cannot be overwritten: it is read-only or shares memory with another array."""


class DifferentiationError(GraphcError, TypeError):
    """A derivative was asked of something that has none."""


class VerificationError(GraphcError, AssertionError):
    """A pass or a lowering step produced an invalid program: a defect of graphc."""


class ParseError(GraphcError, ValueError):
    """Text that is not a graph or a type."""


class CompilationError(GraphcError, RuntimeError):
    """The backend could not produce machine code."""


class LoadError(GraphcError, ValueError):
    """An exported library cannot be loaded: damaged, made for another machine, or not what it should be."""


class ConvergenceError(GraphcError, ArithmeticError):
    """An iterative method did not converge."""
