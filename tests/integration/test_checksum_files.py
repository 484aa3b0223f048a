"""What the programs that people use write about a file is read as those programs read it themselves."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from agent.protocol.checksum_file import decode, find, parse
from agent.protocol.refusal import Refusal

NAMES = (
    "disk.raw",
    "my disk.raw",
    " leading and trailing ",
    "*star.raw",
    "back\\slash.raw",
    "new\nline.raw",
    "carriage\r.raw",
    "größe.raw",
    "a) = b (c.raw",
    "# no comment.raw",
    "a1" * 32,
    "SHA256 (x) = y",
    "-n",
)
WRITERS = (
    ("sha256sum",),
    ("sha512sum",),
    ("sha384sum",),
    ("md5sum",),
    ("sha256sum", "--binary"),
    ("sha256sum", "--tag"),
    ("sha512sum", "--tag"),
    ("openssl", "dgst", "-sha256"),
    ("openssl", "dgst", "-r", "-sha512"),
)


def _write(folder: Path, command: tuple[str, ...], names: tuple[str, ...]) -> bytes:
    done = subprocess.run(
        [*command, *(f"./{name}" for name in names)],
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
def test_every_name_is_found_in_what_the_program_writes(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    is_openssl = command[0] == "openssl"  # which escapes nothing
    names = tuple(n for n in NAMES if not is_openssl or not set(n) & set("\\\n\r"))
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    text = decode(_write(tmp_path, command, names))
    for name in names:
        found = find(text, name, "file")
        assert hashlib.new(found.algorithm, name.encode()).hexdigest() == found.digest


@pytest.mark.parametrize("frame", ["plain", "crlf"])
def test_what_sha256sum_accepts_is_what_is_read(tmp_path: Path, frame: str) -> None:
    """``sha256sum --check`` is the judge: a line that is right there is right here, and no other digest is given."""
    names = ("disk.raw", "my disk.raw", "back\\slash.raw")
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    data = b"# made by hand\n" + _write(tmp_path, ("sha256sum",), names)
    if frame == "crlf":
        data = data.replace(b"\n", b"\r\n")
    (tmp_path / "SUMS").write_bytes(data)
    judge = subprocess.run(
        ["sha256sum", "--check", "SUMS"], cwd=tmp_path, capture_output=True, check=False, timeout=60
    )
    assert judge.returncode == 0 or frame == "crlf"
    listed, understood = parse(decode(data))
    assert understood
    assert [one.name for one in listed] == [f"./{name}" for name in names]


def test_a_program_that_hashed_its_input_gives_a_file_without_a_name() -> None:
    for command in (("sha256sum",), ("openssl", "dgst", "-sha256"), ("openssl", "dgst", "-r")):
        done = subprocess.run(command, input=b"x", capture_output=True, check=True, timeout=60)
        text = decode(done.stdout)
        assert find(text, "disk.raw", "file").digest == hashlib.sha256(b"x").hexdigest()


def test_an_algorithm_that_nobody_named_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "disk.raw").write_bytes(b"x")
    for command in (
        ("sha1sum",),
        ("sha224sum",),
        ("b2sum", "--tag"),
        ("openssl", "dgst", "-sha3-256"),
    ):
        text = decode(_write(tmp_path, command, ("disk.raw",)))
        with pytest.raises(Refusal, match=r"lists disk\.raw with"):
            find(text, "disk.raw", "file")
