"""What the machine code of key kernels looks like: full vectors, no calls, nothing spilled."""

import re

import numpy as np
import pytest

import graphc
from graphc.backends.cpu.jit import host_has

pytestmark = pytest.mark.skipif(not host_has("avx512f"), reason="reads the code made for AVX-512")

X = np.ones((64, 256), np.float32)
ROW = np.ones(256, np.float32)


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def layernorm(x, g, b):
    d = x - np.mean(x, axis=1, keepdims=True)
    return d / np.sqrt(np.mean(d * d, axis=1, keepdims=True) + 1e-5) * g + b


def polynomial(x):
    return ((x * 0.5 + 1.0) * x - 2.0) * x + np.maximum(x, 0.0)


def sums(x):
    return np.sum(x * x)


KERNELS = [(softmax, [X]), (layernorm, [X, ROW, ROW]), (polynomial, [X]), (sums, [X])]


def kernel_code(function, args):
    """The instructions of the only kernel, without the program that calls it."""
    asm = graphc.compile(function, threads=1).lower(*args).asm
    names = re.findall(r"^(\S+\.k\d+):$", asm, re.M)
    assert len(names) == 1
    return asm.split(f"\n{names[0]}:\n")[1].split("\n.Lfunc_end")[0]


@pytest.mark.parametrize(("function", "args"), KERNELS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_kernel_computes_with_full_vectors(function, args):
    arithmetic = re.findall(
        r"\t(v(?:add|mul|fmadd\w*|fmsub\w*|sub|max)ps)\t.*?(%[xyz]mm)", kernel_code(function, args)
    )
    assert sum(register == "%zmm" for _, register in arithmetic) >= 2


@pytest.mark.parametrize(("function", "args"), KERNELS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_kernel_calls_nothing(function, args):
    assert not re.findall(r"\tcall\w*\t.*", kernel_code(function, args))


@pytest.mark.parametrize(("function", "args"), KERNELS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_kernel_keeps_its_vectors_in_registers(function, args):
    assert not re.findall(r"\tvmov\w+\t%[xyz]mm\d+, -?\w*\(%rsp\)", kernel_code(function, args))
