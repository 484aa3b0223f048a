"""An agent's log archive without the secrets of its node.

A star stands for every byte of a secret, so no length in the archive changes. Headers of a tar archive are left as they are (their
checksum would not fit); what is no gzip or no tar is masked as it is. Streamed, bounded in what it unpacks to.
"""

import gzip
import io
import zlib
from typing import BinaryIO

from agent.protocol.known_secrets import KnownSecrets
from controller.errors import StepFailed

_MOST_BYTES = 256 << 20
"""Unpacked: so much and no more is read of an archive that grows without end."""
_GZIP = b"\x1f\x8b"
_LEVEL = 3
_BLOCK = 512
_CHUNK = 1 << 20
_SIZE, _SUM = slice(124, 136), slice(148, 156)


def masked_logs(content: bytes, secrets: KnownSecrets) -> bytes:
    """Return an archive, or what was sent in its place, without the secrets.

    Raises:
        StepFailed: It is damaged, or unpacks to more than is looked through.
    """
    if not content.startswith(_GZIP):
        return secrets.stars(content)
    packed = io.BytesIO()
    try:
        with (
            gzip.GzipFile(fileobj=io.BytesIO(content)) as source,
            gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=_LEVEL, mtime=0) as target,
        ):
            _copy(source, target, secrets)
    except (OSError, EOFError, zlib.error) as error:
        raise StepFailed(f"system_logs is a damaged gzip archive: {error}") from error
    return packed.getvalue()


def _copy(source: gzip.GzipFile, target: gzip.GzipFile, secrets: KnownSecrets) -> None:
    left = _MOST_BYTES
    while left > 0:
        header = source.read(_BLOCK)
        if not header:
            return
        if (size_bytes := _member_bytes(header)) is None:  # no tar archive, or its end
            _mask(source, target, secrets, left, header)
            break
        target.write(header)
        left -= _BLOCK
        padded = -(-size_bytes // _BLOCK) * _BLOCK
        _mask(source, target, secrets, min(padded, left))
        left -= padded
    if source.read(1):
        raise StepFailed(f"system_logs unpacks to more than {_MOST_BYTES >> 20} MiB")


def _mask(
    source: BinaryIO | gzip.GzipFile,
    target: gzip.GzipFile,
    secrets: KnownSecrets,
    most_bytes: int,
    before: bytes = b"",
) -> None:
    """Copy so many bytes and not more, masked; a secret may lie across two reads."""
    overlap, kept = 4 * secrets.longest() + 1, before
    left = most_bytes - len(before)
    while left > 0 and (chunk := source.read(min(left, _CHUNK))):
        left -= len(chunk)
        masked = secrets.stars(kept + chunk)
        target.write(masked[:-overlap])
        kept = masked[-overlap:]
    target.write(secrets.stars(kept))


def _member_bytes(header: bytes) -> int | None:
    """Return how long the data behind a tar header is; ``None`` = it is no header."""
    if len(header) < _BLOCK or not header.strip(b"\0"):
        return None
    plain = header[: _SUM.start] + b" " * 8 + header[_SUM.stop :]
    try:
        is_header = int(header[_SUM].strip(b" \0") or b"0", 8) == sum(plain)
        field = header[_SIZE]
        large = int.from_bytes(field[1:], "big") if field[0] & 0x80 else None
        size_bytes = int(field.strip(b" \0") or b"0", 8) if large is None else large
    except ValueError:
        return None
    return size_bytes if is_header and size_bytes >= 0 else None
