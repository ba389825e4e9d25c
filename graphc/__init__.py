"""Symbolic differentiation and native code generation for NumPy functions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from graphc.version import VERSION

if TYPE_CHECKING:
    from graphc.aot.export import export as export
    from graphc.aot.load import load as load
    from graphc.api.checkpoint import checkpoint as checkpoint
    from graphc.api.compile import Compiled as Compiled
    from graphc.api.compile import compile as compile
    from graphc.api.control_flow.branches import cond as cond
    from graphc.api.control_flow.branches import switch as switch
    from graphc.api.control_flow.loops import fori_loop as fori_loop
    from graphc.api.control_flow.loops import scan as scan
    from graphc.api.control_flow.loops import while_loop as while_loop
    from graphc.api.create import full as full
    from graphc.api.create import ones as ones
    from graphc.api.create import zeros as zeros
    from graphc.api.custom import custom_jvp as custom_jvp
    from graphc.api.custom import custom_vjp as custom_vjp
    from graphc.api.gradcheck import gradcheck as gradcheck
    from graphc.api.implicit import fixed_point as fixed_point
    from graphc.api.implicit import root as root
    from graphc.api.jacobian import hessian as hessian
    from graphc.api.jacobian import jacfwd as jacfwd
    from graphc.api.jacobian import jacobian as jacobian
    from graphc.api.jacobian import jacrev as jacrev
    from graphc.api.odeint import odeint as odeint
    from graphc.api.transform import grad as grad
    from graphc.api.transform import hvp as hvp
    from graphc.api.transform import jvp as jvp
    from graphc.api.transform import stop_gradient as stop_gradient
    from graphc.api.transform import value_and_grad as value_and_grad
    from graphc.api.transform import vjp as vjp
    from graphc.api.vmap import vmap as vmap
    from graphc.nn.trainer import Trainer as Trainer
    from graphc.symbols.elementwise import elementwise as elementwise
    from graphc.symbols.from_sympy import from_sympy as from_sympy
    from graphc.symbols.to_sympy import to_sympy as to_sympy

__version__ = VERSION

# Public name -> the module that defines it, imported on first use: `import graphc` costs nothing.
_PUBLIC = {
    "Compiled": "graphc.api.compile",
    "Trainer": "graphc.nn.trainer",
    "checkpoint": "graphc.api.checkpoint",
    "compile": "graphc.api.compile",
    "custom_jvp": "graphc.api.custom",
    "custom_vjp": "graphc.api.custom",
    "cond": "graphc.api.control_flow.branches",
    "elementwise": "graphc.symbols.elementwise",
    "export": "graphc.aot.export",
    "fixed_point": "graphc.api.implicit",
    "fori_loop": "graphc.api.control_flow.loops",
    "from_sympy": "graphc.symbols.from_sympy",
    "full": "graphc.api.create",
    "grad": "graphc.api.transform",
    "gradcheck": "graphc.api.gradcheck",
    "hessian": "graphc.api.jacobian",
    "hvp": "graphc.api.transform",
    "jacfwd": "graphc.api.jacobian",
    "jacobian": "graphc.api.jacobian",
    "jacrev": "graphc.api.jacobian",
    "jvp": "graphc.api.transform",
    "odeint": "graphc.api.odeint",
    "load": "graphc.aot.load",
    "ones": "graphc.api.create",
    "root": "graphc.api.implicit",
    "scan": "graphc.api.control_flow.loops",
    "stop_gradient": "graphc.api.transform",
    "switch": "graphc.api.control_flow.branches",
    "to_sympy": "graphc.symbols.to_sympy",
    "value_and_grad": "graphc.api.transform",
    "vjp": "graphc.api.transform",
    "vmap": "graphc.api.vmap",
    "while_loop": "graphc.api.control_flow.loops",
    "zeros": "graphc.api.create",
    **dict.fromkeys(
        (
            "ArgumentError",
            "CompilationError",
            "ConvergenceError",
            "DTypeError",
            "DifferentiationError",
            "DonationError",
            "GraphcError",
            "LeakedTracerError",
            "LoadError",
            "ParseError",
            "ShapeError",
            "TraceError",
            "UnsupportedError",
            "VerificationError",
        ),
        "graphc.errors",
    ),
}
_MODULES = frozenset(("errors", "nn", "optim", "random"))

__all__ = [*_PUBLIC, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"graphc.{name}")
    else:
        raise AttributeError(f"module 'graphc' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
