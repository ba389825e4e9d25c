"""Which of a library's levels this processor can run: found once, by asking the processor itself.

On x86 by `cpuid` and `xgetbv` (Intel, Software Developer's Manual, volume 2A, CPUID; AMD, Architecture
Programmer's Manual, volume 3, appendix E); on Linux for AArch64 and RISC-V by `getauxval(AT_HWCAP)`.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Final

import llvmlite.binding as llvm

from graphc.backends.cpu.target import Machine
from graphc.errors import CompilationError

FUNCTION: Final = "graphc.processor"

# LLVM's name of a feature -> the register of cpuid that tells it, and the bit.
_X86: Final[Mapping[str, tuple[str, int]]] = {
    **dict(
        zip(
            ("sse3", "pclmul", "ssse3", "fma", "cx16", "sse4.1", "sse4.2", "movbe", "popcnt", "aes", "avx"),
            (("c1", bit) for bit in (0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 28)),
            strict=True,
        )
    ),
    "f16c": ("c1", 29),
    "rdrnd": ("c1", 30),
    **dict(
        zip(
            ("fsgsbase", "bmi", "avx2", "bmi2", "avx512f", "avx512dq", "rdseed", "adx", "avx512ifma"),
            (("b7", bit) for bit in (0, 3, 5, 8, 16, 17, 18, 19, 21)),
            strict=True,
        )
    ),
    "avx512cd": ("b7", 28),
    "sha": ("b7", 29),
    "avx512bw": ("b7", 30),
    "avx512vl": ("b7", 31),
    **dict(
        zip(
            ("avx512vbmi", "avx512vbmi2", "gfni", "vaes", "vpclmulqdq", "avx512vnni", "avx512bitalg"),
            (("c7", bit) for bit in (1, 6, 8, 9, 10, 11, 12)),
            strict=True,
        )
    ),
    "avx512vpopcntdq": ("c7", 14),
    "avx512vp2intersect": ("d7", 8),
    "amx-bf16": ("d7", 22),
    "avx512fp16": ("d7", 23),
    "amx-tile": ("d7", 24),
    "amx-int8": ("d7", 25),
    "avxvnni": ("a71", 4),
    "avx512bf16": ("a71", 5),
    "sahf": ("cx", 0),
    "lzcnt": ("cx", 5),
    "sse4a": ("cx", 6),
    "xop": ("cx", 11),
    "fma4": ("cx", 16),
    "tbm": ("cx", 21),
}
# The registers that an operating system must save for a feature to be usable: bits of XCR0.
_YMM, _ZMM = 0x6, 0xE6
_HWCAP: Final[Mapping[str, int]] = {"sve": 22, "v": ord("v") - ord("a")}


def is_needed(machines: Sequence[Machine]) -> bool:
    """Whether anything must be found out before code for these machines runs."""
    return len(machines) > 1 or any(_checked(machine) for machine in machines)


def processor_ir(machines: Sequence[Machine]) -> str:
    """Defines `i32 graphc.processor()`: the position of the last of `machines` that fits, -1 if none does."""
    architecture = machines[0].architecture
    asking = _x86_ir(machines) if architecture == "x86_64" else _linux_ir(machines)
    if architecture == "x86_64":
        _prepare_assembler()
    return f"""
@graphc.level = internal global i32 -2

define i32 @{FUNCTION}() nounwind {{
entry:
  %known = load atomic i32, ptr @graphc.level monotonic, align 4
  %unknown = icmp eq i32 %known, -2
  br i1 %unknown, label %ask, label %end
ask:
  %found = call i32 @graphc.ask()
  store atomic i32 %found, ptr @graphc.level monotonic, align 4
  br label %end
end:
  %level = phi i32 [ %known, %entry ], [ %found, %ask ]
  ret i32 %level
}}
{asking}"""


def _prepare_assembler() -> None:
    """LLVM's assembler, which llvmlite has for the processor of this machine only."""
    if platform.machine() != "x86_64":
        raise CompilationError(
            "code that asks an x86 processor for its features can be made on x86 machines only\n"
            "  Build for targets=['x86-64'], or on such a machine."
        )
    llvm.initialize_native_asmparser()


def _checked(machine: Machine) -> tuple[str, ...]:
    """The features that are asked for. What the tables lack is in every processor of the architecture, or for
    operating systems (caches, shadow stacks, random numbers): no code made of kernels uses it."""
    known = _X86 if machine.architecture == "x86_64" else _HWCAP
    return tuple(feature for feature in machine.needs if feature in known)


def _chosen(fits: Sequence[str]) -> str:
    """The end of `graphc.ask`: the last level whose truth value holds."""
    lines, found = [], "-1"
    for i, condition in enumerate(fits):
        lines.append(f"  %level{i} = select i1 {condition}, i32 {i}, i32 {found}")
        found = f"%level{i}"
    return "\n".join([*lines, f"  ret i32 {found}", "}"])


def _x86_ir(machines: Sequence[Machine]) -> str:
    lines, fits = [], []
    for i, machine in enumerate(machines):
        masks: dict[str, int] = {}
        for feature in _checked(machine):
            register, bit = _X86[feature]
            masks[register] = masks.get(register, 0) | 1 << bit
        wide = any(f.startswith("avx512") for f in machine.needs)
        if wide or "avx" in machine.needs:
            masks["xcr0"] = _ZMM if wide else _YMM
        condition = "true"
        for register, mask in masks.items():
            name = f"{i}.{register}"
            lines += [
                f"  %have.{name} = and i32 %{register}, {mask}",
                f"  %fit.{name} = icmp eq i32 %have.{name}, {mask}",
                f"  %all.{name} = and i1 {condition}, %fit.{name}",
            ]
            condition = f"%all.{name}"
        fits.append(condition)
    return "\n".join([_X86_ASK, *lines, _chosen(fits)])


_CPUID = (
    'call { i32, i32, i32, i32 } asm "cpuid", "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}"'
)
# Never inlined: where a function with assembly that needs rbx realigns its stack and takes arguments there,
# LLVM 22 may keep their address in rax, and so return it instead of the result.
_X86_ASK = f"""
define internal i32 @graphc.ask() nounwind noinline {{
entry:
  %r0 = {_CPUID}(i32 0, i32 0)
  %last = extractvalue {{ i32, i32, i32, i32 }} %r0, 0
  %r1 = {_CPUID}(i32 1, i32 0)
  %c1 = extractvalue {{ i32, i32, i32, i32 }} %r1, 2
  %has7 = icmp uge i32 %last, 7
  br i1 %has7, label %seven, label %extended
seven:
  %r7 = {_CPUID}(i32 7, i32 0)
  %most = extractvalue {{ i32, i32, i32, i32 }} %r7, 0
  %b7.0 = extractvalue {{ i32, i32, i32, i32 }} %r7, 1
  %c7.0 = extractvalue {{ i32, i32, i32, i32 }} %r7, 2
  %d7.0 = extractvalue {{ i32, i32, i32, i32 }} %r7, 3
  %r71 = {_CPUID}(i32 7, i32 1)
  %a71.raw = extractvalue {{ i32, i32, i32, i32 }} %r71, 0
  %has71 = icmp uge i32 %most, 1
  %a71.0 = select i1 %has71, i32 %a71.raw, i32 0
  br label %extended
extended:
  %b7 = phi i32 [ 0, %entry ], [ %b7.0, %seven ]
  %c7 = phi i32 [ 0, %entry ], [ %c7.0, %seven ]
  %d7 = phi i32 [ 0, %entry ], [ %d7.0, %seven ]
  %a71 = phi i32 [ 0, %entry ], [ %a71.0, %seven ]
  %rx = {_CPUID}(i32 -2147483648, i32 0)
  %lastx = extractvalue {{ i32, i32, i32, i32 }} %rx, 0
  %ry = {_CPUID}(i32 -2147483647, i32 0)
  %cx.raw = extractvalue {{ i32, i32, i32, i32 }} %ry, 2
  %hasx = icmp uge i32 %lastx, -2147483647
  %cx = select i1 %hasx, i32 %cx.raw, i32 0
  %osxsave = and i32 %c1, 134217728
  %saves = icmp ne i32 %osxsave, 0
  br i1 %saves, label %ask.xcr0, label %decide
ask.xcr0:
  %rs = call {{ i32, i32 }} asm "xgetbv", "={{ax}},={{dx}},{{cx}},~{{dirflag}},~{{fpsr}},~{{flags}}"(i32 0)
  %xcr0.0 = extractvalue {{ i32, i32 }} %rs, 0
  br label %decide
decide:
  %xcr0 = phi i32 [ 0, %extended ], [ %xcr0.0, %ask.xcr0 ]"""


def _linux_ir(machines: Sequence[Machine]) -> str:
    lines, fits = [], []
    for i, machine in enumerate(machines):
        mask = sum(1 << _HWCAP[feature] for feature in _checked(machine))
        lines += [f"  %have{i} = and i64 %hwcap, {mask}", f"  %fit{i} = icmp eq i64 %have{i}, {mask}"]
        condition = f"%fit{i}"
        if "sve" in machine.needs:
            lines.append(f"  %long{i} = icmp uge i64 %vector, {machine.least_vector_bytes}")
            lines.append(f"  %both{i} = and i1 {condition}, %long{i}")
            condition = f"%both{i}"
        fits.append(condition)
    head = _SVE_ASK if machines[0].architecture == "aarch64" else _HWCAP_ASK
    return "\n".join([head, *lines, _chosen(fits)])


_HWCAP_ASK = """
declare i64 @getauxval(i64)

define internal i32 @graphc.ask() nounwind {
entry:
  %hwcap = call i64 @getauxval(i64 16)"""

# 128 bits times `vscale` are a scalable vector; only a processor that has them is asked.
_SVE_ASK = (
    """
declare i64 @llvm.vscale.i64()

define internal i64 @graphc.vector_bytes() noinline nounwind "target-features"="+sve" {
  %scale = call i64 @llvm.vscale.i64()
  %bytes = shl i64 %scale, 4
  ret i64 %bytes
}
"""
    + _HWCAP_ASK
    + """
  %sve = and i64 %hwcap, 4194304
  %scalable = icmp ne i64 %sve, 0
  br i1 %scalable, label %measure, label %decide
measure:
  %length = call i64 @graphc.vector_bytes()
  br label %decide
decide:
  %vector = phi i64 [ 0, %entry ], [ %length, %measure ]"""
)
