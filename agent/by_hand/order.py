"""What a person wants of ``ingot-agent write-image``: its arguments, and what they mean. Touches nothing."""

import argparse
import base64
import re
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from agent.errors import InvalidRequest
from agent.images.proof.witness import Verification
from agent.protocol.image import ImageInfo
from agent.protocol.web_address import file_name_of

_NAMED_CHECKSUM = re.compile(r"(?P<algorithm>[A-Za-z0-9-]+):(?P<value>.+)", re.DOTALL)
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_GZIP = b"\x1f\x8b"


class Exit(IntEnum):
    """Exit statuses of ``write-image``."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIFFERS = 3
    REFUSED = 4
    INTERRUPTED = 130


_EPILOG = """exit status:
  0    written; with --dry-run: could be written; with --verify-only: the disk holds the image
  1    failed; the message says what, and whether the disk was touched
  2    the command line is wrong
  3    --verify-only: the disk differs; the first byte that does is named
  4    refused: the disk is in use, or nobody said yes
  130  interrupted; the message says what is on the disk
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One call of the command."""

    image: ImageInfo
    checksum_from: str
    configdrive: str | None
    disk: Path
    verify: Verification
    is_dry_run: bool
    is_comparison: bool
    is_confirmed: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "--url", action="append", required=True, help="where the image is; again: tried next"
    )
    parser.add_argument(
        "--checksum",
        required=True,
        metavar="ALGORITHM:HEX|URL",
        help="sha256:... or sha512:... of the published file, or the URL of a checksum file",
    )
    parser.add_argument("--disk", required=True, type=Path, help="the whole disk to write")
    parser.add_argument("--config-drive", metavar="FILE|URL", help="config drive to put beside it")
    parser.add_argument("--format", help="what the image must be: raw or qcow2; else: found out")
    parser.add_argument(
        "--read-back",
        choices=[str(mode) for mode in Verification],
        help="how much is compared afterwards, else the setting image_verify",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--dry-run", action="store_true", help="show the plan and touch nothing")
    way.add_argument(
        "--verify-only", action="store_true", help="compare the disk with the image; write nothing"
    )


def make_order(options: argparse.Namespace, default_verify: str) -> Order:
    """Return what the arguments mean.

    Raises:
        InvalidRequest: The checksum has no form that is known.
        OSError: The config drive's file cannot be read.
    """
    return Order(
        image=_image(options.url, options.checksum, options.format),
        checksum_from=_origin(options.checksum),
        configdrive=None if options.config_drive is None else _config_drive(options.config_drive),
        disk=options.disk.resolve(),
        verify=Verification(options.read_back or default_verify),
        is_dry_run=options.dry_run,
        is_comparison=options.verify_only,
        is_confirmed=options.yes,
    )


def _image(urls: list[str], checksum: str, disk_format: str | None) -> ImageInfo:
    name = file_name_of(urls[0]) or "image"
    algorithm = None
    if not _LINK.match(checksum) and (named := _NAMED_CHECKSUM.fullmatch(checksum)):
        algorithm, checksum = named["algorithm"], named["value"]
    if not checksum:
        raise InvalidRequest("--checksum is empty; give sha256:<hexadecimal> or a URL")
    if algorithm is None:
        return ImageInfo(id=name, urls=urls, checksum=checksum, disk_format=disk_format)
    return ImageInfo(
        id=name,
        urls=urls,
        os_hash_algo=algorithm,
        os_hash_value=checksum,
        disk_format=disk_format,
    )


def _origin(checksum: str) -> str:
    return "the checksum file that was named" if _LINK.search(checksum) else "the command line"


def _config_drive(given: str) -> str:
    """Return a URL as it is and a file's content as the text that controllers send."""
    if _LINK.match(given):
        return given
    content = Path(given).read_bytes()
    if content.startswith(_GZIP) or b"\0" in content:
        return base64.b64encode(content).decode()
    return content.decode(errors="replace")
