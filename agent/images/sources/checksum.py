"""Which checksum an image must have, from ``image_info`` and checksum files. Pure; downloads nothing.

Ironic's rules (``os_hash_*`` before ``checksum``, either may be a URL); the comparison ignores case. A value may name its
algorithm: ``sha256:<hex>``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import ImageError
from agent.images.sources import checksum_file
from agent.images.sources.checksum_file import ALGORITHM_OF, DIGITS_OF, normal_algorithm
from agent.protocol.image import ImageInfo
from agent.protocol.web_address import is_web_address

_WAY_OUT = "set image_os_hash_algo to sha256 or sha512 and image_os_hash_value, or image_checksum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """An algorithm of :mod:`hashlib` and the digest in lower-case hexadecimal; ``None`` = nobody knows it."""

    algorithm: str
    digest: str | None


UNVERIFIED = Checksum(algorithm="sha256", digest=None)
"""For an image without a checksum, where the operator allows that; what was written is still hashed and reported."""


def has_checksum(image: ImageInfo) -> bool:
    """Whether the controller named a checksum that :func:`expected_checksum` would use."""
    return bool(image.checksum or (image.os_hash_algo and image.os_hash_value))


def choose_checksum(
    given: Checksum | None, published: Checksum | None, image_id: str, *, allow_unverified: bool
) -> Checksum:
    """Return the checksum that decides.

    Args:
        given: What the controller named; ``None`` = nothing.
        published: What the registry that the image comes from says; ``None`` = it comes from none.
        image_id: Names the image in messages.
        allow_unverified: Whether the operator allows an image of which nothing is known.

    Raises:
        ImageError: There is none, or the two contradict each other.
    """
    if given is None and published is None and not allow_unverified:
        raise ImageError(f"image {image_id}: it has no checksum; {_WAY_OUT}")
    if given and published and given.algorithm == published.algorithm and given != published:
        raise ImageError(
            f"image {image_id}: its registry says {published.algorithm} {published.digest}, the controller"
            f" {given.digest}; correct image_checksum or image_os_hash_value"
        )
    return given or published or UNVERIFIED


def expected_checksum(
    image: ImageInfo, image_name: str, fetch: Callable[[str], bytes], *, allow_md5: bool
) -> Checksum:
    """Return the checksum that the published bytes of ``image`` must have.

    Args:
        image: What the controller sent.
        image_name: File name in the image's URL, looked for in checksum files.
        fetch: Returns a checksum file by its URL; called at most once.
        allow_md5: Accept MD5, which protects against accidents only.

    Raises:
        ImageError: There is no usable checksum; the message says what to set.
    """
    algorithm = normal_algorithm(image.os_hash_algo or "")
    known = not algorithm or algorithm in DIGITS_OF
    value = (image.os_hash_value if known else None) or image.checksum
    if not value:
        reason = (
            f"the algorithm {image.os_hash_algo} is not supported"
            if image.os_hash_value
            else "it has no checksum"
        )
        raise ImageError(f"image {image.id}: {reason}; {_WAY_OUT}")
    where = f"image {image.id}"
    wanted = algorithm if known and image.os_hash_value else ""
    if is_web_address(value):
        where = f"checksum file of image {image.id}"
        listed = checksum_file.find(checksum_file.decode(fetch(value)), image_name, where, wanted)
        value = f"{listed.algorithm}:{listed.digest}"
    return _checked(value.strip().lower(), wanted, where, allow_md5=allow_md5)


def _checked(text: str, wanted: str, where: str, *, allow_md5: bool) -> Checksum:
    prefix, colon, digest = text.rpartition(":")
    named = normal_algorithm(prefix) if colon else wanted
    if wanted and named != wanted:
        raise ImageError(f"{where}: {text[:140]!r} is no {wanted}; correct one of the two")
    wanted = named
    algorithm = ALGORITHM_OF.get(len(digest), "")
    if not algorithm or not re.fullmatch("[0-9a-f]+", digest):
        raise ImageError(
            f"{where}: {digest[:140]!r} is no checksum; wanted 64 (sha256) or 128 (sha512)"
            " hexadecimal digits"
        )
    if wanted and wanted != algorithm:
        digits = DIGITS_OF.get(wanted)
        if digits is None:
            raise ImageError(f"{where}: the algorithm {wanted[:20]!r} is not supported")
        raise ImageError(f"{where}: a {wanted} has {digits} hexadecimal digits, not {len(digest)}")
    if algorithm == "md5" and not allow_md5:
        raise ImageError(f"{where}: MD5 is not accepted; publish a sha256 or sha512")
    return Checksum(algorithm=algorithm, digest=digest)
