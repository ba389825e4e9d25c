"""Derivatives of functions along directions, compiled when called, or part of the trace around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.api.compile import Compiled, unbind
from graphc.api.differentiable import (
    Argnums,
    RecordedAt,
    check_argnums,
    check_pair,
    check_real,
    check_scalar,
    converted,
    like,
    matching,
    plain_settings_of,
    positions_of,
    record_at,
    remembered,
    settings_of,
)
from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient, pullback, zeros
from graphc.errors import ArgumentError
from graphc.ir.graph import Graph
from graphc.ops.base import apply
from graphc.ops.stop import StopGradient
from graphc.runtime.registry import default_backend
from graphc.trace import tree
from graphc.trace.complex_numbers.parts import conjugated
from graphc.trace.context import current
from graphc.trace.tracer import Tracer, as_tracer


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Compiled:
    """The function (…) -> ∂f/∂argument, for a real scalar f; a tuple of gradients for a tuple of `argnums`.

    Gradients have the tree structure, dtypes and shapes of their arguments; those of arguments that
    do not matter are zero. For complex z = x + iy it is ∂f/∂x - i ∂f/∂y, as in JAX: f grows fastest along its
    conjugate. With `has_aux`, f returns (value, aux) and the result is (gradient, aux).
    """
    return _gradient_function(f, argnums, has_aux, False, default_backend())


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Compiled:
    """The function (…) -> (f, ∂f/∂argument), as `grad`; ((f, aux), gradient) with `has_aux`."""
    return _gradient_function(f, argnums, has_aux, True, default_backend())


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(y, pullback) with y = f(*xs) and pullback(g) = one gradient Σ g·∂y/∂x per x.

    `g` has the structure and shapes of y. Where values are complex, Re Σ g·dy = Re Σ gradient·dx, without
    conjugates, as in JAX. Outside a compiled function, pullback runs f again.
    """
    function, bound = unbind(f)
    if current() is not None:
        at = record_at(function, (*bound, *xs), {}, range(len(bound), len(bound) + len(xs)))
        y = at.result(at.call(at.forward))
        return y, lambda g: _pull(at, g)
    forward, backward = _vjp_functions(f, default_backend())
    return forward(*xs), lambda g: backward(*bound, g, *xs)


def jvp(f: Callable[..., Any], xs: Any, ts: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """(y, ty) with y = f(*xs) and ty = Σ ∂y/∂x · t: the derivative of f along `ts`, by forward mode.

    `xs` is a tuple or list of arguments (anything else is the only argument), and `ts` is a tree like it, of
    shapes like its own. `ty` is a tree like y; for results that are no real numbers it holds zeros. With
    `has_aux`, f returns (y, aux) and the result is (y, ty, aux).

    Raises ArgumentError where `ts` does not fit `xs`, DifferentiationError for integers among `xs`.
    """
    if current() is not None:
        function, bound = unbind(f)
        result: tuple[Any, ...] = _push(function, bound, xs, ts, has_aux)
        return result
    derived = _jvp_function(f, has_aux, default_backend())
    return tuple(derived(xs, ts))


def hvp(f: Callable[..., Any], xs: Any, ts: Any) -> Any:
    """The Hessian of a real scalar f at `xs`, times `ts`: Σⱼ ∂²f/∂xᵢ∂xⱼ · tⱼ, one product for each of `xs`.

    `xs` and `ts` are as for `jvp`; the result is a tree like `xs`. It is the derivative of the gradient along
    `ts`, forward over reverse mode, at a small multiple of the cost of f; no Hessian is made.
    """
    if current() is not None:
        function, bound = unbind(f)
        return _product(function, bound, xs, ts)
    return _hvp_function(f, default_backend())(xs, ts)


def stop_gradient(x: Any) -> Any:
    """`x`, a constant to every derivative; x may be a tree."""
    return tree.tree_map(_stop, x)


def _stop(leaf: Any) -> Any:
    if not isinstance(leaf, Tracer):
        return leaf
    stopped = apply(StopGradient(), leaf)
    return Tracer(stopped.owner, stopped.node, leaf.weak)


@remembered
def _gradient_function(
    f: Callable[..., Any], argnums: Argnums, has_aux: bool, with_value: bool, backend: str
) -> Compiled:
    """The compiled function behind `grad` and `value_and_grad`."""
    check_argnums(argnums)
    function, bound = unbind(f)

    def derived(*args: Any, **kwargs: Any) -> Any:
        at = record_at(function, args, kwargs, positions_of(argnums, len(bound), len(args)))
        check_scalar(at.recorded, has_aux)
        count = len(at.recorded.traced.results)
        outputs = at.call(gradient(at.forward, range(len(at.inputs))))
        gradients = conjugated(at.arguments(outputs[count:]))
        chosen = gradients[0] if isinstance(argnums, int) else gradients
        result = at.result(outputs[:count])
        if with_value:
            return result, chosen
        return (chosen, result[1]) if has_aux else chosen

    return Compiled(f, like(function, derived), bound, settings_of(f, backend))


@remembered
def _vjp_functions(f: Callable[..., Any], backend: str) -> tuple[Compiled, Compiled]:
    """The compiled functions (*xs) -> y and (*bound, g, *xs) -> gradients."""
    function, bound = unbind(f)

    def backward(*args: Any) -> Any:
        g, xs = args[len(bound)], args[len(bound) + 1 :]
        at = record_at(function, (*bound, *xs), {}, range(len(bound), len(bound) + len(xs)))
        return _pull(at, g)

    settings = settings_of(f, backend)
    forward = (
        f if isinstance(f, Compiled) and not f.settings.donate else Compiled(f, function, bound, settings)
    )
    return forward, Compiled(f, backward, (), plain_settings_of(f, backend))


@remembered
def _jvp_function(f: Callable[..., Any], has_aux: bool, backend: str) -> Compiled:
    """The compiled function (*bound, xs, ts) -> (y, ty) or (y, ty, aux)."""
    function, bound = unbind(f)

    def derived(*args: Any) -> Any:
        return _push(function, args[: len(bound)], args[-2], args[-1], has_aux)

    return Compiled(f, derived, bound, plain_settings_of(f, backend))


@remembered
def _hvp_function(f: Callable[..., Any], backend: str) -> Compiled:
    """The compiled function (*bound, xs, ts) -> products."""
    function, bound = unbind(f)

    def derived(*args: Any) -> Any:
        return _product(function, args[: len(bound)], args[-2], args[-1])

    return Compiled(f, derived, bound, plain_settings_of(f, backend))


def _push(
    function: Callable[..., Any], bound: tuple[Any, ...], xs: Any, ts: Any, has_aux: bool
) -> tuple[Any, ...]:
    """What `jvp` returns, recorded in the current trace."""
    at, tangents = _with_tangents(function, bound, xs, ts)
    outputs = at.forward.outputs
    values = at.call(pushforward(at.forward, range(len(at.inputs))), tangents)
    y, moving = at.result(values[: len(outputs)]), iter(values[len(outputs) :])
    ty = at.result([next(moving) if n.array_type.dtype.kind == "f" else as_tracer(zeros(n)) for n in outputs])
    if not has_aux:
        return y, ty
    check_pair(at.recorded)
    return y[0], ty[0], y[1]


def _product(function: Callable[..., Any], bound: tuple[Any, ...], xs: Any, ts: Any) -> Any:
    """What `hvp` returns, recorded in the current trace."""
    check_real("hvp", xs)
    at, tangents = _with_tangents(function, bound, xs, ts)
    check_scalar(at.recorded, has_aux=False)
    first = gradient(at.forward, range(len(at.inputs)))
    slopes = Graph(first.inputs, first.outputs[len(at.forward.outputs) :])
    values = at.call(pushforward(slopes, range(len(at.inputs))), tangents)
    products = at.arguments(values[len(at.inputs) :])
    if isinstance(xs, list):
        return list(products)
    return products if isinstance(xs, tuple) else products[0]


def _with_tangents(
    function: Callable[..., Any], bound: tuple[Any, ...], xs: Any, ts: Any
) -> tuple[RecordedAt, list[Any]]:
    """`function` recorded at `xs`, and the tangents of its inputs."""
    given = tuple(xs) if isinstance(xs, tuple | list) else (xs,)
    at = record_at(function, (*bound, *given), {}, range(len(bound), len(bound) + len(given)))
    structures = [tree.flatten(x)[1] for x in (xs, ts)]
    if structures[0] != structures[1]:
        raise ArgumentError(
            f"the tangents have the structure {tree.show(structures[1])}, "
            f"but the arguments have the structure {tree.show(structures[0])}"
        )
    leaves = at.leaves.take(tuple(ts) if isinstance(ts, tuple | list) else (ts,))
    return at, [
        converted(f"the tangent of {name}", t, name, x.node.array_type)
        for name, t, x in zip(at.names, leaves, at.inputs, strict=True)
    ]


def _pull(at: RecordedAt, g: Any) -> tuple[Any, ...]:
    """One gradient per argument, given the cotangent of the result."""
    outputs = at.forward.outputs
    seeded = [i for i, node in enumerate(outputs) if node.array_type.dtype.kind == "f"]
    cotangents = matching("the cotangent", conjugated(g), at.recorded)
    derived = pullback(at.forward, range(len(at.inputs)), seeded)
    values = at.call(derived, [cotangents[i] for i in seeded])
    gradients: tuple[Any, ...] = conjugated(at.arguments(values[len(outputs) :]))
    return gradients
