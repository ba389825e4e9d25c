"""What a module's target has or lacks beside what formulas assume: kept in the module, where all can ask."""

from __future__ import annotations

from typing import Final

from llvmlite import ir

from graphc.backends.cpu.target import Target

# Names of metadata.
FAST_LDEXP: Final = "graphc.fast_ldexp"
NO_FMA: Final = "graphc.no_fma"
NO_MASKS: Final = "graphc.no_masks"
NO_ROUNDING: Final = "graphc.no_rounding"


def declare(module: ir.Module, target: Target) -> None:
    """Makes `Code` in this module write what suits `target`; to be called before anything is written."""
    chosen = {
        FAST_LDEXP: target.fast_ldexp,
        NO_FMA: not target.fma,
        NO_MASKS: not target.masks,
        NO_ROUNDING: not target.rounding,
    }
    for name, holds in chosen.items():
        if holds and name not in module.namedmetadata:
            module.add_named_metadata(name)


def declared(module: ir.Module, name: str) -> bool:
    return name in module.namedmetadata
