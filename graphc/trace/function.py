"""From a Python function to a graph: run it once on stand-ins for its arguments."""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from graphc.dataclass import dataclass
from graphc.errors import GraphcError, ShapeError, TraceError, UnsupportedError, has_line, located, with_line
from graphc.ir.dims import equality_askers
from graphc.ir.graph import Graph, Node
from graphc.ir.rewrite import inline
from graphc.ir.types import ArrayType
from graphc.trace.aliasing import ARGUMENT
from graphc.trace.context import LIBRARIES, current, object_array, tracing
from graphc.trace.scipy_switch import open_scipy
from graphc.trace.sizes import refuse_unknown_equality
from graphc.trace.tracer import Tracer, Weak, lift

_PACKAGE = os.path.dirname(os.path.dirname(__file__))


@dataclass(frozen=True)
class Abstract:
    """The type of one argument: an array, or a Python scalar where `weak` is float, int or bool.

    An array that is `owned` is the function's own to write to: nobody else sees its memory.
    """

    type: ArrayType
    weak: Weak = None
    owned: bool = False


@dataclass(frozen=True)
class Traced:
    """A recorded function of flat arguments.

    `graph` takes the arguments, then `captured`: arrays and outer traced values the function closed over.
    """

    graph: Graph
    captured: tuple[Any, ...]
    results: tuple[Abstract, ...]


def trace(
    function: Callable[..., Sequence[Any]], arguments: Sequence[Abstract], names: Sequence[str] = ()
) -> Traced:
    """Records `function`, which takes one value per argument and returns a flat sequence of values."""
    open_scipy()
    with tracing() as context:
        stand_ins = [
            Tracer(context, context.new_input(a.type), a.weak, None if a.owned else ARGUMENT)
            for a in arguments
        ]
        results = list(_run(function, stand_ins))
        nodes = tuple(lift(context, result) for result in results)
        abstract = tuple(Abstract(n.array_type, _weak(r)) for n, r in zip(nodes, results, strict=True))
        context.check_captured()
        inputs = tuple(context.inputs)
        captured = tuple(value for value, _ in context.captured.values())
    labels = (*names, *(f"captured{i}" for i in range(len(captured)))) if names else ()
    return Traced(Graph(inputs, nodes, tuple(labels)), captured, abstract)


def call_graph(graph: Graph, args: Sequence[Any]) -> tuple[Any, ...]:
    """`graph` applied to values of the innermost trace, recorded there."""
    trace_ = current()
    assert trace_ is not None, "a graph is called inside a trace"
    nodes: tuple[Node, ...] = tuple(lift(trace_, arg) for arg in args)
    return tuple(Tracer(trace_, node) for node in inline(trace_.builder, graph, nodes))


def _run(function: Callable[..., Sequence[Any]], arguments: list[Tracer]) -> Sequence[Any]:
    """What `function` returns, with the errors that NumPy raises instead of ours put right."""
    try:
        return function(*arguments)
    except ShapeError as error:
        # Sizes know nothing of the program that asks them.
        line = _line_of(error.__traceback__)
        if line is None or has_line(error):
            raise
        raise ShapeError(with_line(error, line)) from None
    except ValueError as error:
        # NumPy hides an error of `__float__` behind "setting an array element with a sequence".
        if isinstance(error.__cause__, GraphcError):
            raise error.__cause__ from None
        raise
    except IndexError as error:
        if not str(error).startswith("only integers, slices") or _in_package(error.__traceback__):
            raise
        raise TraceError(
            located(
                "a concrete array indexed by a traced value",
                _line_of(error.__traceback__),
                "Index a traced copy of it: np.asarray(array, like=index)[index]. To write to it, start from "
                "np.zeros_like(x) or graphc.zeros(shape).",
            )
        ) from None
    except TypeError as error:
        if str(error).startswith("Multiple namespaces for array inputs"):
            raise UnsupportedError(
                located(
                    "a function of SciPy given a traced and a concrete array",
                    _line_of(error.__traceback__),
                    "Make the concrete one traced as well: np.asarray(array, like=x).",
                )
            ) from None
        if not _of_objects(str(error)) or _in_package(error.__traceback__):
            raise
        raise object_array(
            f"a NumPy function that sees traced values as objects: {error}", _line_of(error.__traceback__)
        ) from None


def _of_objects(message: str) -> bool:
    """Whether NumPy complains of objects: what functions without a protocol make of traced values."""
    starts = (
        "loop of ufunc does not support argument",
        "Iterator operand or requested dtype holds references",
    )
    return message.startswith(starts) or "dtype('O')" in message


def _in_package(traceback: TracebackType | None) -> bool:
    """Whether the error was raised by graphc itself, not by NumPy's C code in the user's line."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _line_of(traceback: TracebackType | None) -> str | None:
    """The innermost line of the traceback that is not in a library: where the user called it."""
    line = None
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith(LIBRARIES):
            text = linecache.getline(name, traceback.tb_lineno).strip()
            line = f"{os.path.basename(name)}:{traceback.tb_lineno}" + (f", {text}" if text else "")
        traceback = traceback.tb_next
    return line


def _weak(value: Any) -> Weak:
    if isinstance(value, Tracer):
        return value.weak
    return type(value) if type(value) in (bool, int, float) else None


equality_askers[:] = [refuse_unknown_equality]  # the user's comparisons of sizes, see there
