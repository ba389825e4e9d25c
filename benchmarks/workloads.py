"""The workloads of the comparison: one function of arrays each, written for every peer.

A workload makes its arrays, its NumPy function (also what graphc compiles) and, where a peer exists, the
peer's own idiomatic form. Results are checked against NumPy in double precision before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Call = Callable[[], Any]


@dataclass(frozen=True)
class Workload:
    """`make(peer)` returns a call without arguments, or None where the peer has no form of it."""

    name: str
    make: dict[str, Callable[[], Call]]
    check: Callable[[Any], np.ndarray]  # the result of a call -> one array, for comparison
    tolerance: float = 2e-3
    notes: str = ""
    tags: Sequence[str] = field(default_factory=tuple)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _first(result: Any) -> np.ndarray:
    while isinstance(result, tuple | list):
        result = result[0]
    return np.asarray(result, np.float64)


def elementwise(name: str, function: Callable[..., Any], arrays: list[np.ndarray], **peers: Any) -> Workload:
    """A workload whose NumPy function graphc compiles as it is; `jax`, `torch`: the peer's function."""
    return Workload(name, _forms(function, arrays, peers), _first)


def _forms(function: Callable[..., Any], arrays: list[np.ndarray], peers: dict[str, Any]) -> dict[str, Any]:
    def graphc_form() -> Call:
        import graphc

        compiled = graphc.compile(peers.get("graphc", function), threads=1)
        return lambda: compiled(*arrays)

    def jax_form() -> Call:
        import jax

        compiled = jax.jit(peers["jax"]())
        on_device = [jax.device_put(a) for a in arrays]
        return lambda: jax.block_until_ready(compiled(*on_device))

    def torch_form() -> Call:
        import torch

        return peers["torch"](*[torch.from_numpy(np.asarray(a)) for a in arrays])

    forms: dict[str, Any] = {"graphc": graphc_form}
    if peers.get("numpy", True):
        forms["numpy"] = lambda: lambda: function(*arrays)
    if "jax" in peers:
        forms["jax"] = jax_form
    if "torch" in peers:
        forms["torch"] = torch_form
    return forms


# ---- rows


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def layernorm(x: Any, g: Any, b: Any) -> Any:
    m = np.mean(x, axis=1, keepdims=True)
    d = x - m
    v = np.mean(d * d, axis=1, keepdims=True)
    return d / np.sqrt(v + 1e-5) * g + b


def logsumexp(x: Any) -> Any:
    m = np.max(x, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(x - m), axis=1)) + m[:, 0]


def chain(x: Any) -> Any:
    """Ten elementwise operations."""
    y = np.tanh(x) * x
    y = np.exp(-y * y) + x
    y = y * y + 1.0
    return np.sqrt(y) * x


def _torch_gradient(forward: Callable[..., Any]) -> Callable[..., Call]:
    """The gradient of Σ forward(xs) · w for the last array w, for all others."""

    def form(*tensors: Any) -> Call:
        *xs, w = [t.clone() for t in tensors]
        leaves = [x.requires_grad_() for x in xs]

        def call() -> Any:
            for x in leaves:
                x.grad = None
            forward(*leaves).backward(w)
            return tuple(x.grad for x in leaves)

        return call

    return form


def _gradient_peers(
    function: Callable[..., Any], count: int, jax_function: Any, torch_function: Any
) -> dict[str, Any]:
    """Forms of the gradient of Σ f(xs) · w for xs."""

    def graphc_function(*arrays: Any) -> Any:
        import graphc

        loss = lambda *a: np.sum(function(*a[:-1]) * a[-1])  # noqa: E731
        return graphc.grad(loss, argnums=tuple(range(count)))(*arrays)

    def jax_maker() -> Any:
        import jax
        import jax.numpy as jnp

        inner = jax_function()
        return jax.grad(lambda *a: jnp.sum(inner(*a[:-1]) * a[-1]), argnums=tuple(range(count)))

    return {
        "graphc": graphc_function,
        "numpy": False,
        "jax": jax_maker,
        "torch": _torch_gradient(torch_function),
    }


def _jax_of(function: Callable[..., Any]) -> Callable[[], Any]:
    """The same formula on jax.numpy."""

    def make() -> Any:
        import types

        import jax.numpy as jnp

        scope = {**function.__globals__, "np": jnp}
        return types.FunctionType(function.__code__, scope, function.__name__)

    return make


def row_workloads() -> list[Workload]:
    import importlib.util

    rng = _rng()
    x = rng.standard_normal((4096, 1024), dtype=np.float32)
    w = rng.standard_normal((4096, 1024), dtype=np.float32)
    v = rng.standard_normal(4096, dtype=np.float32)
    g, b = np.ones(1024, np.float32), np.zeros(1024, np.float32)
    has_torch = importlib.util.find_spec("torch") is not None
    if has_torch:
        import torch

        t_softmax = lambda x: torch.softmax(x, 1)  # noqa: E731
        t_norm = lambda x, g, b: torch.nn.functional.layer_norm(x, (1024,), g, b)  # noqa: E731
        t_lse = lambda x: torch.logsumexp(x, 1)  # noqa: E731
    else:
        t_softmax = t_norm = t_lse = None

    def eager(f: Any) -> Any:
        return lambda *ts: lambda: f(*ts)

    cases = [
        ("softmax 4096x1024", softmax, [x], w, t_softmax),
        ("layernorm 4096x1024", layernorm, [x, g, b], w, t_norm),
        ("logsumexp 4096x1024", logsumexp, [x], v, t_lse),
    ]
    out = []
    for name, f, arrays, seed, t in cases:
        out.append(elementwise(name, f, arrays, jax=_jax_of(f), torch=eager(t)))
        peers = _gradient_peers(f, len(arrays), _jax_of(f), t)
        out.append(elementwise(name + " gradient", f, [*arrays, seed], **peers))
    return out


def chain_workloads() -> list[Workload]:
    rng = _rng()
    out = []
    for n in (1_000, 100_000, 10_000_000):
        x = rng.standard_normal(n, dtype=np.float32)
        w = np.ones(n, np.float32)

        def torch_chain(x: Any) -> Any:
            import torch

            y = torch.tanh(x) * x
            y = torch.exp(-y * y) + x
            y = y * y + 1.0
            return torch.sqrt(y) * x

        eager = lambda t, f=torch_chain: lambda: f(t)  # noqa: E731
        out.append(elementwise(f"chain of 10 ops, {n:.0e}", chain, [x], jax=_jax_of(chain), torch=eager))
        peers = _gradient_peers(chain, 1, _jax_of(chain), torch_chain)
        out.append(elementwise(f"chain of 10 ops, {n:.0e}, gradient", chain, [x, w], **peers))
    return out


def matmul_workloads() -> list[Workload]:
    def product(a: Any, b: Any) -> Any:
        return a @ b

    def eager(a: Any, b: Any) -> Call:
        return lambda: a @ b

    rng = _rng()
    out = []
    for n in (128, 256, 512, 1024, 2048):
        pair = [rng.standard_normal((n, n), dtype=np.float32) for _ in range(2)]
        out.append(elementwise(f"matmul {n}", product, pair, jax=lambda: product, torch=eager))
    return out


def scalar_workloads() -> list[Workload]:
    """Call overhead: graphc and NumPy only get Python numbers or tiny arrays."""

    def polynomial(x: Any, y: Any) -> Any:
        return y * (x**2 + x)

    def four(a: Any, b: Any, c: Any, d: Any) -> Any:
        return a * b + c * d

    def squared(w: Any, x: Any, y: Any) -> Any:
        return (w @ x - y) ** 2

    def graphc_form(function: Callable[..., Any], args: list[Any]) -> Callable[[], Call]:
        def form() -> Call:
            import graphc

            compiled = graphc.compile(function)
            return lambda: compiled(*args)

        return form

    def value_and_gradients(function: Callable[..., Any], args: list[Any]) -> Callable[[], Call]:
        def form() -> Call:
            import graphc

            compiled = graphc.value_and_grad(function, argnums=tuple(range(len(args))))
            return lambda: compiled(*args)

        return form

    def jax_value_and_gradients(function: Callable[..., Any], args: list[Any]) -> Callable[[], Call]:
        def form() -> Call:
            import jax

            compiled = jax.jit(jax.value_and_grad(function, argnums=tuple(range(len(args)))))
            return lambda: jax.block_until_ready(compiled(*args))

        return form

    def jax_form(function: Callable[..., Any], args: list[Any]) -> Callable[[], Call]:
        def form() -> Call:
            import jax

            compiled = jax.jit(function)
            return lambda: jax.block_until_ready(compiled(*args))

        return form

    small = [_rng().standard_normal(16, dtype=np.float32) for _ in range(4)]
    vector = [np.array([0.5, -1.0]), np.array([2.0, 1.0]), 0.25]
    rows = []
    for name, function, args in (
        ("y(x²+x), floats", polynomial, [2.0, 1.0]),
        ("a·b+c·d, 4 arrays", four, small),
    ):
        make = {"graphc": graphc_form(function, args), "jax": jax_form(function, args)}
        make["numpy"] = lambda f=function, a=args: lambda: f(*a)
        rows.append(Workload(name, make, _first))
    for name, function, args in (
        ("y(x²+x) value + gradients", polynomial, [2.0, 1.0]),
        ("(w·x-y)² value + gradients", squared, vector),
    ):
        make = {"graphc": value_and_gradients(function, args), "jax": jax_value_and_gradients(function, args)}
        rows.append(Workload(name, make, _first))
    return rows
