"""Long formulas as functions of their own: written once per module and vector type, then called."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from graphc.backends.cpu.llvm import Code, suffix


def helper(
    code: Code,
    name: str,
    body: Callable[..., ir.Value],
    args: Sequence[ir.Value],
    result: ir.Type | None = None,
) -> ir.Value:
    """Calls the module's internal function `body`, writing it first if it is not there yet."""
    symbol = f"graphc_{name}_{suffix(args[0].type)}"
    function = code.module.globals.get(symbol)
    if function is None:
        inner = Code(
            code.module, symbol, [a.type for a in args], result=result or args[0].type, internal=True
        )
        inner.ret(body(inner, *inner.args))
        function = inner.function
    return code.b.call(function, list(args))
