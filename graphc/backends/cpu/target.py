"""Processors that code is made for: their vector registers, and the names LLVM knows them by."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from graphc.dataclass import dataclass
from graphc.errors import ArgumentError

LINUX_X86, LINUX_ARM, LINUX_RISCV = (f"{a}-unknown-linux-gnu" for a in ("x86_64", "aarch64", "riscv64"))


@dataclass(frozen=True)
class Target:
    """What decides which instructions are emitted, and how many threads may share a kernel."""

    vector_bytes: int = 64
    threads: int = 1
    fast_ldexp: bool = False  # one instruction scales by powers of two (AVX-512)
    fma: bool = True  # one instruction multiplies and adds
    masks: bool = True  # vector loads and stores take a mask
    masked_bytes: int = 1  # of the smallest elements that they take a mask for
    registers: int = 32  # vector registers
    rounding: bool = True  # one instruction rounds to an integer


@dataclass(frozen=True)
class Machine:
    """A processor, or a level of instructions that many processors have.

    `needs` are the features, by LLVM's names, that a program must find at run time before it uses code for
    this machine, and `least_vector_bytes` the length of vectors, where processors differ in that; `abi` is
    how arguments are passed, where a processor knows several ways; `attributes` are what every function must
    carry, in LLVM's words.
    """

    name: str
    triple: str
    cpu: str
    features: str
    target: Target
    needs: tuple[str, ...] = ()
    abi: str = ""
    attributes: str = ""
    least_vector_bytes: int = 0

    @property
    def architecture(self) -> str:
        """x86_64, aarch64, riscv64 or wasm32."""
        return self.triple.partition("-")[0]


_V2 = ("cx16", "sahf", "popcnt", "sse3", "ssse3", "sse4.1", "sse4.2")
_V3 = (*_V2, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")

_AVX2 = Target(vector_bytes=32, masked_bytes=4, registers=16)
_SSE2 = Target(vector_bytes=16, fma=False, masks=False, registers=16, rounding=False)

_MACHINES: Final = (
    Machine("x86-64", LINUX_X86, "x86-64", "", _SSE2),
    Machine("x86-64-v3", LINUX_X86, "x86-64-v3", "", _AVX2, _V3),
    Machine("x86-64-v4", LINUX_X86, "x86-64-v4", "", Target(vector_bytes=64, fast_ldexp=True), _V4),
    Machine("aarch64", LINUX_ARM, "generic", "", Target(vector_bytes=16, masks=False)),
    # Fixed vectors of 32 bytes: without the range LLVM would split them into those of NEON. On processors
    # whose vectors have 16 the code computes wrong numbers.
    Machine(
        "aarch64-sve",
        LINUX_ARM,
        "generic",
        "+sve",
        Target(vector_bytes=32),
        ("sve",),
        attributes="vscale_range(2,16)",
        least_vector_bytes=32,
    ),
    Machine(
        "riscv64",
        LINUX_RISCV,
        "generic-rv64",
        "+m,+a,+f,+d,+c",
        # It has no vectors: each is four numbers, or two, in registers of their own.
        Target(vector_bytes=16, masks=False, registers=8),
        abi="lp64d",
    ),
    Machine(
        "riscv64-v",
        LINUX_RISCV,
        "generic-rv64",
        "+m,+a,+f,+d,+c,+v",
        Target(vector_bytes=16),
        ("v",),
        abi="lp64d",
        least_vector_bytes=16,
    ),
    Machine(
        "wasm32",
        "wasm32-unknown-unknown",
        "generic",
        "+simd128,+bulk-memory",
        Target(vector_bytes=16, fma=False, masks=False, registers=16),
    ),
)
MACHINES: Final = {machine.name: machine for machine in _MACHINES}
# Every machine of an architecture, under one name.
SYSTEMS: Final = {
    "x86-64-linux": LINUX_X86,
    "aarch64-linux": LINUX_ARM,
    "riscv64-linux": LINUX_RISCV,
}


def machines_named(name: str) -> list[Machine]:
    """The machines called `name`: one, or all of a system; "native" is the one that runs this process."""
    if name == "native":
        return [native()]
    if name in SYSTEMS:
        return [machine for machine in _MACHINES if machine.triple == SYSTEMS[name]]
    if name not in MACHINES:
        known = ", ".join(["native", *MACHINES, *SYSTEMS])
        raise ArgumentError(f"there is no target {name!r}; choose from {known}")
    return [MACHINES[name]]


def native() -> Machine:
    """The processor that runs this process, with all that it has."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    needs = tuple(sorted(name for name, present in features.items() if present))
    return Machine(
        "native",
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        features.flatten(),
        native_target(),
        needs,
    )


def native_target(threads: int = 1) -> Target:
    """The vector registers of the processor that runs this process."""
    import llvmlite.binding as llvm

    architecture = llvm.get_process_triple().partition("-")[0].replace("arm64", "aarch64")
    if architecture != "x86_64" and architecture in MACHINES:
        return replace(MACHINES[architecture].target, threads=threads)
    features = llvm.get_host_cpu_features()
    if features.get("avx512f", False):
        return Target(64, threads, fast_ldexp=True)
    if features.get("avx2", False) and features.get("fma", False):
        return replace(_AVX2, threads=threads)
    has_fma, has_rounding = (bool(features.get(name, False)) for name in ("fma", "sse4.1"))
    return replace(_SSE2, threads=threads, fma=has_fma, rounding=has_rounding)
