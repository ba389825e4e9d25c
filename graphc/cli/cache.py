"""`graphc cache`: what is kept on disk."""

from __future__ import annotations

import argparse
from typing import Any

from graphc.runtime.cache import DiskCache


def add_cache(commands: Any) -> None:
    """Adds the command to those of the parser."""
    cache = commands.add_parser("cache", help="list or clear compiled code on disk")
    actions = cache.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="show every entry, its size and age").set_defaults(command=_list)
    actions.add_parser("clear", help="remove every entry").set_defaults(command=_clear)


def _list(options: argparse.Namespace) -> int:
    from datetime import datetime

    cache = DiskCache()
    entries = cache.entries()
    for entry in entries:
        used = datetime.fromtimestamp(entry.last_use).isoformat(" ", "minutes")
        print(f"{entry.key[:16]}  {entry.size:>10,} bytes  last used {used}")
    total = sum(entry.size for entry in entries)
    print(f"{cache.directory or 'switched off'}: {len(entries)} entries, {total:,} of {cache.limit:,} bytes")
    return 0


def _clear(options: argparse.Namespace) -> int:
    cache = DiskCache()
    print(f"{cache.directory or 'switched off'}: {cache.clear()} entries removed")
    return 0
