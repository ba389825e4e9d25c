"""The processors on which the pool has threads; apart from its code, which is written if none is cached."""

from __future__ import annotations

from typing import Final, NamedTuple

STATE_SIZE: Final = 4096  # one page, so that the kernel can wipe it in a forked child


class Machine(NamedTuple):
    """What the pool must know of a processor: Linux's futex number and the instruction for spinning.

    Of the instruction, the intrinsic that makes it and its argument, or assembly.
    """

    futex: int
    pause: str
    spins: int  # 20–50 µs

    @property
    def declared(self) -> str:
        """The declaration of the intrinsic."""
        name, _, argument = self.pause.partition("(")
        kind = argument.split()[0].rstrip(")") if argument.rstrip(")") else ""
        return "" if self.pause.startswith("asm") else f"declare void {name}({kind})"


# All of them little-endian: the generation is the upper half of the ticket, at offset 4.
MACHINES: Final = {
    "x86_64": Machine(202, "@llvm.x86.sse2.pause()", 1000),
    "aarch64": Machine(98, "@llvm.aarch64.isb(i32 15)", 2000),
    "riscv64": Machine(98, "@llvm.donothing()", 2000),
    "ppc64le": Machine(221, 'asm sideeffect "or 27,27,27", ""()', 2000),
}
