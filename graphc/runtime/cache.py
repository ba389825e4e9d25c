"""The on-disk cache of object code.

One file per entry, in a directory that only its owner can write. The trust boundary is that
ownership: whoever can write as this user can already run code as this user, so entries carry a
checksum against accidents (torn writes, bad disks), not a signature against attackers. Whatever
goes wrong with the disk, the caller sees a miss and at most one warning of each kind.

File: magic, hash of (key, the rest), length of the manifest, manifest as JSON, object code.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import re
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from graphc.dataclass import dataclass
from graphc.hashing import hashed
from graphc.runtime import fingerprint

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

FORMAT_VERSION: Final = 2
DEFAULT_LIMIT: Final = 512 << 20
LARGEST_ENTRY: Final = 256 << 20
ABANDONED_AFTER: Final = 3600.0  # seconds; no writer holds a temporary file that long

_MAGIC: Final = b"graphc\0" + bytes([FORMAT_VERSION])
_HEADER: Final = len(_MAGIC) + 32 + 8
_SUFFIX: Final = ".graphc"
# Patterns are compiled when first used: a warm start uses the first only.
_KEY: Final = r"[0-9a-f]{64}"
_TEMPORARY: Final = r"\.[0-9a-f]{64}\.[0-9a-f]{16}\.tmp"
_UNITS: Final = {"": 0, "K": 10, "M": 20, "G": 30}

if sys.platform == "win32":
    _READ: Final = os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT
    _CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
else:
    _READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    _CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class CacheWarning(UserWarning):
    """The cache on disk cannot be used, or an entry of it was damaged; compilation goes on."""


@dataclass(frozen=True)
class Entry:
    """Object code and what the runtime must know to call it."""

    code: bytes
    manifest: dict[str, JSON]


class Item(NamedTuple):
    """One stored entry: its key, bytes on disk and last use in seconds since the epoch."""

    key: str
    size: int
    last_use: float


def cache_key(*parts: str | bytes) -> str:
    """The hash of the parts, the cache's format and everything else that decides object code.

    That is the compiler's source, the LLVM version, the platform and the processor with its
    features (`graphc.runtime.fingerprint`). Parts are kept apart by their lengths and kinds.
    """
    digest = hashed(f"{FORMAT_VERSION}\0{fingerprint.environment()}\0".encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(f"{type(part).__name__}{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def default_directory() -> str | None:
    """$GRAPHC_CACHE_DIR, else the user's cache directory; None where GRAPHC_CACHE=off."""
    if os.environ.get("GRAPHC_CACHE", "").lower() in ("off", "0", "no", "false"):
        return None
    if named := os.environ.get("GRAPHC_CACHE_DIR"):
        return os.path.abspath(named)
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # the XDG specification has relative paths ignored
        return os.path.join(base, "graphc")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):  # a service account without a home keeps no cache
        return None
    return os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache", "graphc")


def default_limit() -> int:
    """Bytes the cache may hold: $GRAPHC_CACHE_SIZE (`300000`, `64M`, `2G`), else 512 MiB."""
    text = os.environ.get("GRAPHC_CACHE_SIZE", "").strip()
    if not text:
        return DEFAULT_LIMIT
    match = re.fullmatch(r"(\d+)\s*([KMG]?)(?:i?B)?", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"GRAPHC_CACHE_SIZE={text!r} is not a size; write bytes, or 64M, or 2G")
    return int(match[1]) << _UNITS[match[2].upper()]


def shared_cache() -> DiskCache:
    """The cache that the environment names, one object for all who use it: it warns once."""
    return _cache_at(default_directory(), default_limit())


@functools.cache
def _cache_at(directory: str | None, limit: int) -> DiskCache:
    return DiskCache(directory, limit)


class DiskCache:
    """Entries by key, bounded in size, shared by all processes of one user."""

    def __init__(self, directory: os.PathLike[str] | str | None = None, limit: int | None = None) -> None:
        self.directory = default_directory() if directory is None else os.path.abspath(directory)
        self.limit = default_limit() if limit is None else limit
        self._slack = self.limit // 16
        self._written: int | None = None  # bytes stored since the directory was last measured
        self._warned: set[str] = set()

    def get(self, key: str) -> Entry | None:
        """The entry stored under `key`, or None; a damaged one is removed and counts as absent."""
        name = _file_name(key)
        with self._folder(create=False) as folder:
            if folder is None:
                return None
            try:
                data = folder.read(name)
            except FileNotFoundError:
                return None
            except _UnfitFile as error:
                self._discard(folder, name, str(error))
                return None
            except OSError as error:  # too many open files, a bad disk: the entry may be sound
                self._warn("read", f"{name} in {self.directory} cannot be read: {error}")
                return None
            entry = _decoded(key, data)
            if entry is None:
                self._discard(folder, name, "its checksum does not match")
                return None
            with contextlib.suppress(OSError):  # a read-only cache still serves
                folder.touch(name)
            return entry

    def put(self, key: str, entry: Entry) -> None:
        """Stores `entry`: readers see all of it or nothing, the last of several writers wins.

        Not synchronised to the platter: a file torn by a power cut fails its checksum.
        """
        name = _file_name(key)
        data = _encoded(key, entry)
        if len(data) > min(self.limit - self._slack, LARGEST_ENTRY):
            self._warn("size", f"a program of {len(data)} bytes is too large for {self.limit} bytes")
            return
        with self._folder(create=True) as folder:
            if folder is None:
                return
            try:
                self._make_room(folder, len(data))
                folder.write(name, data)
            except OSError as error:
                self._warn("write", f"nothing is stored in {self.directory}: {error}")

    def clear(self) -> int:
        """Removes every entry and what killed writers left; returns how many entries there were."""
        with self._folder(create=False) as folder:
            if folder is None:
                return 0
            items = folder.items(abandoned_before=time.time() - ABANDONED_AFTER)
            for item in items:
                folder.remove(item.key + _SUFFIX)
            self._written = None
            return len(items)

    def entries(self) -> list[Item]:
        """All entries, the least recently used first."""
        with self._folder(create=False) as folder:
            return [] if folder is None else folder.items()

    def total_size(self) -> int:
        """Bytes of all entries."""
        return sum(item.size for item in self.entries())

    def _make_room(self, folder: _Folder, size: int) -> None:
        """Evicts least recently used entries until `size` more bytes fit.

        Listing thousands of files for each store would cost more than the store, so it happens
        once per sixteenth of the limit, and eviction leaves that much free.
        """
        if self._written is not None and self._written + size <= self._slack:
            self._written += size
            return
        items = folder.items(abandoned_before=time.time() - ABANDONED_AFTER)
        total = sum(item.size for item in items)
        for item in items:
            if total + size <= self.limit - self._slack:
                break
            folder.remove(item.key + _SUFFIX)
            total -= item.size
        self._written = 0

    def _discard(self, folder: _Folder, name: str, reason: str) -> None:
        self._warn("entry", f"the entry {name} of {self.directory} was dropped: {reason}")
        folder.remove(name)

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(f"graphc's cache: {message}", CacheWarning, stacklevel=3)

    @contextlib.contextmanager
    def _folder(self, *, create: bool) -> Iterator[_Folder | None]:
        """The directory opened and checked anew for each use, so that replacing it gains nothing."""
        folder = None
        if self.directory is not None:
            try:
                folder = _opened(self.directory, create)
            except FileNotFoundError as error:
                if create:
                    self._warn("directory", f"{self.directory} cannot be used: {error}")
            except OSError as error:
                self._warn("directory", f"{self.directory} cannot be used: {error}")
        try:
            yield folder
        finally:
            if folder is not None and folder.descriptor is not None:
                os.close(folder.descriptor)


class _UnfitFile(Exception):
    """A file that no writer of this cache can have left under an entry's name."""


@dataclass(frozen=True)
class _Folder:
    """An open directory. Windows opens no directories: there names are whole paths."""

    path: str
    descriptor: int | None

    def _name(self, name: str) -> str:
        return name if self.descriptor is not None else os.path.join(self.path, name)

    def read(self, name: str) -> bytes:
        """The file's bytes; `_UnfitFile` unless it is a regular file that only this user can write."""
        try:
            descriptor = os.open(self._name(name), _READ, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise _UnfitFile("it is a symbolic link or a socket") from error
            raise
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _UnfitFile("it is not a regular file")
            if reason := _foreign(status):
                raise _UnfitFile(f"it is {reason}")
            if status.st_size > LARGEST_ENTRY:
                raise _UnfitFile(f"it has {status.st_size} bytes, more than any entry")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(LARGEST_ENTRY)
        finally:
            os.close(descriptor)

    def write(self, name: str, data: bytes) -> None:
        """Makes `name` hold `data` in one step."""
        temporary = f".{name.removesuffix(_SUFFIX)}.{os.urandom(8).hex()}.tmp"
        descriptor = os.open(self._name(temporary), _CREATE, 0o600, dir_fd=self.descriptor)
        try:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)
            os.replace(
                self._name(temporary),
                self._name(name),
                src_dir_fd=self.descriptor,
                dst_dir_fd=self.descriptor,
            )
        except BaseException:
            self.remove(temporary)
            raise

    def touch(self, name: str) -> None:
        os.utime(self._name(name), dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        """Removes a file, link, pipe or empty directory; what cannot be removed stays."""
        with contextlib.suppress(OSError):
            try:
                os.unlink(self._name(name), dir_fd=self.descriptor)
            except (IsADirectoryError, PermissionError):
                os.rmdir(self._name(name), dir_fd=self.descriptor)

    def items(self, abandoned_before: float = 0.0) -> list[Item]:
        """The entries by last use; temporary files older than `abandoned_before` are removed."""
        found = []
        with os.scandir(self.path if self.descriptor is None else self.descriptor) as scan:
            for file in scan:
                is_entry = file.name.endswith(_SUFFIX) and re.fullmatch(_KEY, file.name[: -len(_SUFFIX)])
                if not is_entry and not re.fullmatch(_TEMPORARY, file.name):
                    continue
                try:
                    status = file.stat(follow_symlinks=False)
                except FileNotFoundError:  # another process was faster
                    continue
                if is_entry:
                    found.append(Item(file.name[: -len(_SUFFIX)], status.st_size, status.st_mtime))
                elif status.st_mtime < abandoned_before:
                    self.remove(file.name)
        return sorted(found, key=lambda item: (item.last_use, item.key))


def _opened(directory: str, create: bool) -> _Folder:
    """The directory, made if it is missing; OSError where someone else could write to it."""
    if create:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    descriptor: int | None = None
    if sys.platform == "win32":  # profile directories are private to their user by default
        if not os.path.isdir(directory):
            raise FileNotFoundError(f"no directory {directory}")
    else:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC)
        _check_open_directory(descriptor)
    return _Folder(directory, descriptor)


def _check_open_directory(descriptor: int) -> None:
    """PermissionError, with the directory closed, unless it is this user's alone."""
    if reason := _foreign(os.fstat(descriptor)):
        os.close(descriptor)
        raise PermissionError(f"it is {reason}; make it yours alone (chmod 700) or set GRAPHC_CACHE_DIR")


def _foreign(status: os.stat_result) -> str:
    """Why someone else may have written this file or directory; empty where nobody could."""
    if sys.platform != "win32":
        if status.st_uid != os.geteuid():
            return f"owned by user {status.st_uid}, not by {os.geteuid()}"
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "writable by others"
    return ""


def _file_name(key: str) -> str:
    if not re.fullmatch(_KEY, key):
        raise ValueError(f"{key!r} is no cache key: keys come from cache_key()")
    return key + _SUFFIX


def _encoded(key: str, entry: Entry) -> bytes:
    manifest = json.dumps(entry.manifest, sort_keys=True, separators=(",", ":")).encode()
    body = len(manifest).to_bytes(8, "little") + manifest + entry.code
    return _MAGIC + hashed(key.encode() + body).digest() + body


def _decoded(key: str, data: bytes) -> Entry | None:
    """The entry in `data`; None unless its checksum proves it is what was stored under `key`."""
    if len(data) < _HEADER or not data.startswith(_MAGIC):
        return None
    checksum, body = data[len(_MAGIC) : _HEADER - 8], data[_HEADER - 8 :]
    if hashed(key.encode() + body).digest() != checksum:
        return None
    start = _HEADER + int.from_bytes(body[:8], "little")
    return Entry(code=data[start:], manifest=json.loads(data[_HEADER:start]))
