"""Good inputs for the fuzzer to begin with, and a plain mutator for runs without it."""

import bz2
import gzip
import lzma
import random
import struct
import zlib
from collections.abc import Iterator

from tests.fuzz.targets import small_qcow2
from tests.fuzz.xz_files import stream

_CLUSTER = 4096


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def seeds(name: str) -> list[bytes]:
    """Return inputs that the target ``name`` accepts, or nearly."""
    if name == "qcow2":
        packed = _deflated(b"text " * 819 + b"!")
        entry = 1 << 62 | (len(packed) // 512) << 58 | 4 * _CLUSTER
        plain = small_qcow2([3 * _CLUSTER, 0, 1, 5 * _CLUSTER], 6)
        mixed = bytearray(small_qcow2([3 * _CLUSTER, entry, 1], 5))
        mixed[4 * _CLUSTER : 4 * _CLUSTER + len(packed)] = packed
        return [bytes([cut]) + file for cut in range(3) for file in (plain, bytes(mixed))]
    if name == "packed":
        content = b"all work and no play " * 300 + bytes(9000)
        files = (
            gzip.compress(content, mtime=0) * 2,
            lzma.compress(content, preset=0) + bytes(4) + lzma.compress(b""),
            b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", 5 << 3 | 1)[:3] + b"hello",
            bz2.compress(content) + bz2.compress(b"x"),
        )
        return [
            bytes([cut * 4 + number]) + file
            for cut in range(3)
            for number, file in enumerate(files)
        ]
    if name == "xz":
        data = b"all work and no play " * 300
        mib = bytes(range(256)) * 4096
        layouts = (
            stream([mib, data]) + bytes(4) + stream([b"", data]),
            stream([mib, b"odd", b"", data]),
            stream([data], sizes=False) + stream([]) + stream([data]),
        )
        return [bytes([cut]) + file for cut in range(3) for file in layouts]
    if name == "checksums":
        lines = (
            f"{'a1' * 32}  disk.raw\n",
            f"SHA512 (./disk.raw) = {'b2' * 64}\r\n",
            f"sha256:{'a1' * 32} *C:\\images\\disk.raw\n",
            f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\ndisk.raw: {'a1' * 32}\n",
            f"\\{'a1' * 32}  disk.raw\\n\n# end\n",
        )
        listed = [line.encode() for line in (*lines, "".join(lines))]
        return listed + [b"\xff\xfe" + line.encode("utf-16-le") for line in lines]
    mbr = bytearray(4096)
    mbr[446:462] = struct.pack("<B3sB3sII", 0x80, b"", 0x83, b"", 2048, 1000)
    mbr[510:512] = b"\x55\xaa"
    return [bytes(mbr), b"\1" + bytes(100), b"QFI\xfb\0\0\0\3", b"BZh91AY&SY", b"\x1f\x8b\x08"]


def mutations(name: str, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` damaged inputs: bits, numbers, stretches cut out, doubled, swapped, or the end cut off."""
    source = random.Random(seed)
    good = seeds(name)
    for _ in range(count):
        data = bytearray(source.choice(good))
        for _ in range(source.choice((1, 1, 2, 4))):
            at = source.randrange(1, max(2, len(data)))
            other = source.randrange(1, max(2, len(data)))
            kind = source.randrange(6)
            if kind == 0 and at < len(data):
                data[at] ^= 1 << source.randrange(8)
            elif kind == 1:
                data[at : at + 8] = struct.pack(
                    ">Q", source.choice((0, 1, 1 << 62, 1 << 63, source.getrandbits(64), at << 9))
                )
            elif kind == 2:
                del data[min(at, other) : max(at, other)]
            elif kind == 3:
                data[at:at] = data[other : other + source.randrange(2000)]
            elif kind == 4:
                del data[at:]
            else:
                data += source.randbytes(source.randrange(1, 40))
        yield bytes(data)
