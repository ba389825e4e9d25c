"""Traced values that outlive their function are found wherever they were kept and however they are used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphc

KEPT: list[Any] = []
SPACE = SimpleNamespace(value=None)


def _kept(value: Any) -> Any:
    KEPT[:] = [value]
    return KEPT[0]


def _by_default(x: Any, seen: list[Any] = []) -> Any:  # noqa: B006  (a mutable default is the point)
    seen.append(x)
    _kept(seen.pop())
    return x * 2


def _in_attribute(x: Any) -> Any:
    SPACE.value = x + 1
    _kept(SPACE.value)
    return x * 2


def _in_generator(x: Any) -> Any:
    def values() -> Iterator[Any]:
        yield x
        yield x + 1

    generator = values()
    next(generator)
    _kept(generator)
    return x * 2


def _in_closure(x: Any) -> Any:
    _kept(lambda: x * 3)
    return x * 2


def _in_exception(x: Any) -> Any:
    error = RuntimeError("kept", x)
    _kept(error)
    return x * 2


def _view(x: Any) -> Any:
    _kept((x.reshape(-1)[::-1]).T)
    return x * 2


def _element_of_array(x: Any) -> Any:
    _kept(np.array([x[0], x[1]]))
    return x * 2


def _after_write(x: Any) -> Any:
    y = x.copy()
    row = y[:1]
    y[0] = 5.0
    _kept(row)
    return x * 2


def _of_inner_function(x: Any) -> Any:
    def inner(y: Any) -> Any:
        _kept(y * 2)
        return np.sum(y * y)

    return graphc.grad(inner)(x)


def _of_pullback(x: Any) -> Any:
    _, pullback = graphc.vjp(np.sin, x)
    _kept(pullback)
    return x * 2


def _of_thread(x: Any) -> Any:
    thread = threading.Thread(target=_kept, args=(x,))
    thread.start()
    thread.join()
    return x * 2


# What makes a value of what was kept.
LEAKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "default": (_by_default, lambda kept: kept),
    "attribute": (_in_attribute, lambda kept: kept),
    "generator": (_in_generator, lambda kept: next(kept)),
    "closure": (_in_closure, lambda kept: kept()),
    "exception": (_in_exception, lambda kept: kept.args[1]),
    "view": (_view, lambda kept: kept),
    "object array": (_element_of_array, lambda kept: kept[1]),
    "view after a write": (_after_write, lambda kept: kept),
    "inner function": (_of_inner_function, lambda kept: kept),
    "pullback": (_of_pullback, lambda kept: kept(np.ones(3))[0]),
    "thread": (_of_thread, lambda kept: kept),
}
USES: dict[str, Callable[[Any], Any]] = {
    "operator": lambda value: value + 1,
    "reflected operator": lambda value: 2.0 * value,
    "array operator": lambda value: np.ones(3) * value,
    "function": np.sum,
    "ufunc": np.sin,
    "method": lambda value: value.sum(),
    "index": lambda value: value[...] + 0,
    "reduction": np.max,
    "stack": lambda value: np.stack([value, value]),
    "captured": lambda value: graphc.compile(lambda y: y + value)(np.ones(3)),
    "argument": lambda value: graphc.compile(lambda y: y)(value),
    "differentiated": lambda value: graphc.grad(np.sum)(value),
    "result": lambda value: graphc.compile(lambda y: value)(1.0),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("leak", LEAKS)
def test_a_leaked_value_is_found_at_its_next_use(leak: str, use: str) -> None:
    function, unwrap = LEAKS[leak]
    graphc.compile(function)(np.ones(3))
    with pytest.raises(graphc.LeakedTracerError) as caught:
        USES[use](unwrap(KEPT[0]))
    first, *_ = str(caught.value).splitlines()
    assert first == "a traced value was used after the function it belongs to had returned"


def test_a_leaked_value_can_be_looked_at() -> None:
    graphc.compile(_in_attribute)(np.ones(3))
    assert repr(SPACE.value) == "<traced f64[3]>" and SPACE.value.shape == (3,)


def test_a_value_used_by_another_thread_while_tracing_is_found() -> None:
    found: list[BaseException] = []

    def work(x: Any) -> None:
        try:
            x + 1
        except graphc.LeakedTracerError as error:
            found.append(error)

    def function(x: Any) -> Any:
        thread = threading.Thread(target=work, args=(x,))
        thread.start()
        thread.join()
        return x * 2

    np.testing.assert_array_equal(graphc.compile(function)(np.ones(2)), [2.0, 2.0])
    assert len(found) == 1


def test_a_failed_trace_leaves_nothing_open() -> None:
    def failing(x: Any) -> Any:
        _kept(x)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        graphc.compile(failing)(1.0)
    with pytest.raises(graphc.LeakedTracerError):
        KEPT[0] + 1
    assert graphc.compile(lambda x: x + 1)(1.0) == 2.0
