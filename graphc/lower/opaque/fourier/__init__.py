"""Discrete Fourier transforms as loops over array elements."""

from graphc.lower.opaque.fourier.kernels import fourier

__all__ = ["fourier"]
