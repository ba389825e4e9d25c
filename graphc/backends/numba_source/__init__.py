"""Kernel IR printed as Python that runs under Numba and without it: to read, to step through, to compare."""
