"""CasADi expressions as C code compiled with -O3, called through CasADi's buffer interface."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def compiled_c(
    symbols: Sequence[Any], results: Sequence[Any], args: Sequence[Any], *, copies: bool
) -> Callable[[], Any]:
    """A call that evaluates dense `results` at `args`; matrices are column by column.

    With `copies` it takes its arguments anew and returns results of its own, as every other peer: they are
    copied into and out of the buffers, which CasADi leaves to its users. Without, the buffers are filled
    once and the results are the buffers.
    """
    import casadi

    function = casadi.Function("f", list(symbols), [casadi.densify(r) for r in results])
    folder = tempfile.mkdtemp()
    source, library = Path(folder, "f.c"), Path(folder, "f.so")
    generator = casadi.CodeGenerator(source.name)
    generator.add(function)
    generator.generate(folder + "/")
    flags = ["-O3", "-march=native", "-fPIC", "-shared"]
    subprocess.run(["cc", *flags, str(source), "-o", str(library), "-lm"], check=True)
    external = casadi.external("f", str(library))
    buffer, trigger = external.buffer()
    given = [np.asfortranarray(a, np.float64) for a in args]
    outputs = [np.zeros(r.shape, order="F") for r in results]
    for i, array in enumerate(given):
        buffer.set_arg(i, memoryview(array.reshape(-1, order="F")))
    flat = [o.reshape(-1, order="F") for o in outputs]
    for i, out in enumerate(flat):
        buffer.set_res(i, memoryview(out))

    fresh = [np.asarray(a, np.float64) for a in args]

    def bare() -> Any:
        trigger()
        return outputs

    def call() -> Any:
        for to, array in zip(given, fresh, strict=True):
            to[...] = array
        trigger()
        return [o.copy() for o in outputs]

    chosen = call if copies else bare
    chosen.keep = (external, buffer, given, flat)  # type: ignore[attr-defined]
    return chosen
