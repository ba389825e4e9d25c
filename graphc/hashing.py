"""The hash of cache keys and checksums: 32 bytes of BLAKE2b (Aumasson et al. 2013)."""

from __future__ import annotations

# `hashlib` is the public way to the same code, but loads OpenSSL first: 3 ms of each start.
try:
    from _blake2 import blake2b
except ImportError:  # an interpreter that keeps it elsewhere
    from hashlib import blake2b


def hashed(data: bytes = b"") -> blake2b:
    """A hash of `data` so far: more goes in by `.update`; ask it for `.digest()` or `.hexdigest()`."""
    return blake2b(data, digest_size=32)
