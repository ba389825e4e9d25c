"""Static libraries: an object file in a Unix archive with an index of its symbols (System V, GNU form)."""

from __future__ import annotations

from collections.abc import Sequence

_MAGIC = b"!<arch>\n"
_SIZE = 60  # of a member's header


def archive(name: str, code: bytes, symbols: Sequence[str]) -> bytes:
    """The archive `lib….a` with the member `name`.o, which defines `symbols`. No dates, no owners."""
    member = f"{name}.o/".encode()
    long_names = b""
    if len(member) > 16:
        long_names, member = member + b"\n", b"/0"
    names = b"".join(symbol.encode() + b"\0" for symbol in symbols)
    index_bytes = 4 + 4 * len(symbols) + len(names)
    start = len(_MAGIC) + _SIZE + index_bytes + index_bytes % 2
    start += (_SIZE + len(long_names) + len(long_names) % 2) if long_names else 0
    index = b"".join(number.to_bytes(4, "big") for number in (len(symbols), *[start] * len(symbols))) + names
    parts = [_MAGIC, _member(b"/", index)]
    parts += [_member(b"//", long_names)] if long_names else []
    return b"".join([*parts, _member(member, code)])


def _member(name: bytes, data: bytes) -> bytes:
    header = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"644", len(data))
    return header + data + b"\n" * (len(data) % 2)
