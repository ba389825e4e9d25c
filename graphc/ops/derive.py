"""Writes `graphc/ops/derivatives.py`: `python -m graphc.ops.derive`.

Each elementwise op states its meaning as a SymPy expression. The local gradient is `sympy.diff` of it. Where
that form would overflow, cancel or cost more than needed, the op states a better one (`gradients`), which is
accepted only if it equals SymPy's at random points to forty digits. SymPy is imported here and in tests,
never when graphc is used.
"""

from __future__ import annotations

import ast
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

from graphc.ops import elementwise  # noqa: F401  (registers the ops)
from graphc.ops.base import ALL_OPS, AbstractElementwise

OPERANDS = ("x", "y", "z")
NAMES = (*OPERANDS, "r")
DIGITS = 50

# How SymPy's functions are called in NumPy; every other name is an op that NumPy lacks.
NUMPY_NAMES = {
    "Abs": "absolute",
    "Heaviside": "heaviside",
    **{f"a{f}": f"arc{f}" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}


@cache
def symbol(name: str) -> Any:
    """The real SymPy symbol of an operand or of the result r."""
    import sympy

    return sympy.Symbol(name, real=True)


@cache
def meanings() -> dict[str, Any]:
    """What names in expressions and gradients mean to SymPy, where that is not its function of that name."""
    import sympy

    def step(name: str, rounded: Any) -> Any:
        """A function with derivative 0, wherever it has one."""

        def evaluate(self: Any, precision: int) -> Any:
            return rounded(self.args[0].evalf(precision)) if self.args[0].is_number else None

        def fdiff(self: Any, argindex: int = 1) -> Any:
            return sympy.Integer(0)

        body = {"fdiff": fdiff, "_eval_evalf": evaluate}
        return type(name, (sympy.Function,), body)

    return {
        **{name: symbol(name) for name in NAMES},
        "floor": step("floor", sympy.floor),
        "trunc": step("trunc", lambda x: sympy.sign(x) * sympy.floor(abs(x))),
        "hypot": lambda a, b: sympy.sqrt(a**2 + b**2),
        "expm1": lambda a: sympy.exp(a) - 1,
        "log1p": lambda a: sympy.log(1 + a),
        "exp2": lambda a: sympy.Integer(2) ** a,
        "expit": lambda a: 1 / (1 + sympy.exp(-a)),
        "copysign": lambda a, b: abs(a) * sympy.sign(b),
        "ldexp": lambda a, n: a * 2**n,
        "mul_or_zero": lambda a, b: a * b,
        "mul_zeros_win": lambda a, b: a * b,
        "select": lambda condition, a, b: (
            a if condition is True else sympy.Piecewise((a, condition), (b, True))
        ),
        "psi": sympy.digamma,
        "trigamma": sympy.trigamma,
        "erfcx": lambda a: sympy.exp(a**2) * sympy.erfc(a),
        "gamma_density": lambda a, t: t ** (a - 1) * sympy.exp(-t) / sympy.gamma(a),
        "i0": lambda a: sympy.besseli(0, a),
        "i1": lambda a: sympy.besseli(1, a),
        "i0e": lambda a: sympy.besseli(0, a) * sympy.exp(-abs(a)),
        "k0": lambda a: sympy.besselk(0, a),
        "k1": lambda a: sympy.besselk(1, a),
        "k0e": lambda a: sympy.besselk(0, a) * sympy.exp(a),
        "k1e": lambda a: sympy.besselk(1, a) * sympy.exp(a),
        "i1e": lambda a: sympy.besseli(1, a) * sympy.exp(-abs(a)),
    }


def derivatives_of(op: type[AbstractElementwise]) -> tuple[str | None, ...]:
    """NumPy expressions, in the operands and the result r, of the local gradients of `op`."""
    import sympy

    expression = sympy.sympify(op.expression, locals=meanings())
    unknown = [text == "unknown" for text in op.gradients or [None] * op.arity]
    derived = tuple(
        None if skip else _clean(sympy.diff(expression, symbol(name)))
        for name, skip in zip(OPERANDS, unknown, strict=False)
    )
    stated = op.gradients if op.gradients is not None else tuple(map(_text_of, derived))
    for number, text in enumerate(stated):
        if text not in (None, "unknown") and op.gradients is not None:
            prove_equal(op, expression, derived[number], text)
    return tuple("UNKNOWN" if text == "unknown" else text and in_numpy(text) for text in stated)


def _clean(derivative: Any) -> Any:
    """`derivative` without the impulses at jumps, which are no part of a gradient."""
    import sympy

    return derivative.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))


def _text_of(derivative: Any) -> str | None:
    return None if derivative == 0 else str(derivative)


def prove_equal(op: type[AbstractElementwise], expression: Any, derived: Any, text: str) -> None:
    """Compares a stated gradient with SymPy's at twenty random points of the domain, to forty digits."""
    import sympy

    stated = sympy.sympify(text, locals=meanings())
    generator = random.Random(0)
    for _ in range(20):
        point = {
            symbol(name): sympy.Float(generator.uniform(*bounds), DIGITS)
            for name, bounds in zip(OPERANDS, op.domain, strict=False)
        }
        result = expression.subs(point).evalf(DIGITS)
        expected = derived.subs(point).evalf(DIGITS)
        found = stated.subs({**point, symbol("r"): result}).evalf(DIGITS)
        if abs(found - expected) > sympy.Float(10) ** (10 - DIGITS) * (1 + abs(expected)):
            raise ArithmeticError(f"{op.name}: {text} is {found} at {point}, but SymPy derives {expected}")


def in_numpy(text: str) -> str:
    """`text` with NumPy's functions and with constant parts evaluated, in the order it is written."""
    return _layout(_ToNumPy().visit(ast.parse(text, mode="eval")))


def _layout(node: ast.AST) -> str:
    """The text of an expression, laid out as the formatter does."""
    return re.sub(r"(\w+) \*\* (\w+)", r"\1**\2", ast.unparse(node).replace("'", '"'))


class _ToNumPy(ast.NodeTransformer):
    """Renames functions and folds constants; keeps the order of evaluation."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        assert isinstance(node.func, ast.Name)
        if not any(isinstance(n, ast.Name) and n.id in NAMES for n in ast.walk(node)):
            return self.fold(node)
        name = NUMPY_NAMES.get(node.func.id, node.func.id)
        arguments = [self.visit(argument) for argument in node.args]
        if name == "heaviside" and len(arguments) == 1:
            arguments.append(ast.Constant(0.5))
        op = ALL_OPS.get(name)
        if isinstance(op, type) and issubclass(op, AbstractElementwise) and op.numpy is None:
            return ast.Call(ast.Name("apply"), [_expression(f"ALL_OPS[{name!r}]()"), *arguments], [])
        prefix = "" if name in ("select", "trigamma") else "np."
        return ast.Call(ast.Name(prefix + name), arguments, [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if not any(isinstance(n, ast.Name) and n.id in NAMES for n in ast.walk(node)):
            return self.fold(node)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return node if node.id in NAMES else self.fold(node)

    @staticmethod
    def fold(node: ast.expr) -> ast.Constant:
        """The value of a constant expression: an integer, or the nearest float."""
        import sympy

        value = sympy.sympify(ast.unparse(node))
        return ast.Constant(int(value) if value.is_Integer else float(value.evalf(40)))


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


HEADER = '''"""Local gradients of the elementwise ops. Generated: run `python -m graphc.ops.derive`.

Each function takes the result r of the op and its operands x, y, z, and returns ∂r/∂x, ∂r/∂y, ∂r/∂z:
None where that is 0 everywhere, a Python number where it is constant, UNKNOWN where no op computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ops.base import ALL_OPS, UNKNOWN, apply
from graphc.ops.elementwise.selection import select
from graphc.ops.elementwise.special import trigamma


def local_gradients(name: str, y: Any, *args: Any) -> tuple[Any, ...]:
    """∂y/∂arg for each operand of the op `name`, whose result is y."""
    return RULES[name](y, *args)
'''


def _tuple_of(texts: tuple[str | None, ...]) -> str:
    """The inside of the returned tuple, laid out as the formatter does."""
    joined = ", ".join(map(str, texts)) + "," * (len(texts) == 1)
    if len(joined) <= 97:
        return joined
    assert max(map(len, map(str, texts))) <= 101, f"too long for a line: {joined}"
    return "".join(f"\n        {text}," for text in texts) + "\n    "


def module_text() -> str:
    """The text of `graphc/ops/derivatives.py`."""
    functions, rows = [], []
    for name in sorted(ALL_OPS):
        op = ALL_OPS[name]
        if not issubclass(op, AbstractElementwise) or not op.differentiable or "Piecewise" in op.expression:
            continue
        operands = OPERANDS[: op.arity]
        parameters = ", ".join(f"{p}: Any" for p in ("r", *operands))
        values = _tuple_of(derivatives_of(op))
        functions.append(
            f"\n\ndef {name}({parameters}) -> tuple[Any, ...]:  # r = {op.expression}\n"
            f"    return ({values})\n"
        )
        rows.append(f'    "{name}": {name},\n')
    table = "\n\nRULES: dict[str, Callable[..., tuple[Any, ...]]] = {\n" + "".join(rows) + "}\n"
    return HEADER + "".join(functions) + table


if __name__ == "__main__":
    Path(__file__).with_name("derivatives.py").write_text(module_text(), encoding="utf-8")
