"""Which checksum an image must have, from ``image_info`` and checksum files. Pure; downloads nothing.

Ironic's rules (``os_hash_*`` before ``checksum``, either may be a URL); the comparison ignores case. A value may name its
algorithm: ``sha256:<hex>``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.protocol import checksum_file
from agent.protocol.checksum_file import ALGORITHM_OF, DIGITS_OF, normal_algorithm
from agent.protocol.image import ImageInfo
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import encode_url, is_web_address, shown_url

_WAY_OUT = (
    "set image_os_hash_algo to sha256, sha384 or sha512 and image_os_hash_value to the digest or to the URL of a checksum"
    " file, or image_checksum to one of these"
)
_MD5_REFUSED = (
    "MD5 is not accepted, because it does not protect against forgery; publish a sha256 or sha512, or allow it with the"
    " setting allow_md5_images"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """An algorithm of :mod:`hashlib` and the digest in lower-case hexadecimal; ``None`` = nobody knows it."""

    algorithm: str
    digest: str | None


UNVERIFIED = Checksum(algorithm="sha256", digest=None)
"""For an image without a checksum, where the operator allows that; what was written is still hashed and reported."""


def has_checksum(image: ImageInfo) -> bool:
    """Whether the controller named a checksum that :func:`expected_checksum` would use."""
    return bool(image.checksum or image.os_hash_value)


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
        Refusal: There is none, or the two contradict each other.
    """
    if given is None and published is None and not allow_unverified:
        raise Refusal(f"image {image_id}: it has no checksum; {_WAY_OUT}")
    if given and published and given.algorithm == published.algorithm and given != published:
        raise Refusal(
            f"image {image_id}: its registry says {published.algorithm} {published.digest}, the controller"
            f" {given.digest}; correct image_checksum or image_os_hash_value"
        )
    return given or published or UNVERIFIED


def check_checksum(image: ImageInfo, *, allow_md5: bool) -> None:
    """Check what can be checked before a checksum file is fetched.

    Raises:
        Refusal: There is no usable checksum; the message says what to set.
    """
    algorithm, field, value = _given(image)
    if not is_web_address(value):
        check_digest(value, algorithm, allow_md5=allow_md5, field=field)
        return
    try:
        encode_url(value)
    except Refusal as error:
        raise Refusal(f"{shown_url(value)!r}: {error}", field=field) from error
    if algorithm == "md5" and not allow_md5:
        raise Refusal(_MD5_REFUSED, field=field)


def checksum_url(image: ImageInfo) -> str | None:
    """Return the URL of the checksum file that :func:`expected_checksum` fetches; ``None`` = the checksum is given itself."""
    if not has_checksum(image):
        return None
    _, _, value = _given(image)
    return encode_url(value) if is_web_address(value) else None


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
        Refusal: There is no usable checksum; the message says what to set.
    """
    algorithm, field, value = _given(image)
    if is_web_address(value):
        listed = _listed(fetch(encode_url(value)), image, image_name, algorithm, field)
        value = f"{listed.algorithm}:{listed.digest}"
    return check_digest(value, algorithm, allow_md5=allow_md5, field=field)


def _listed(
    content: bytes, image: ImageInfo, image_name: str, algorithm: str, field: str
) -> checksum_file.Listed:
    where = f"the checksum file of image {image.id}"
    try:
        return checksum_file.find(checksum_file.decode(content), image_name, where, algorithm)
    except Refusal as error:
        raise Refusal(str(error), field=field) from error


def check_digest(text: str, algorithm: str = "", *, allow_md5: bool, field: str = "") -> Checksum:
    """Return a digest that somebody wrote: hexadecimal, perhaps with the algorithm in front (``sha256:<hex>``).

    Args:
        text: As it was written.
        algorithm: What it has to be; empty = its length tells.
        allow_md5: Accept MD5.
        field: Names the value in messages.

    Raises:
        Refusal: It is none, or one of another algorithm.
    """
    text = text.strip().lower()
    prefix, colon, digest = text.rpartition(":")
    named = normal_algorithm(prefix) if colon else algorithm
    if algorithm and named != algorithm:
        raise Refusal(f"{text[:140]!r} is no {algorithm}; correct one of the two", field=field)
    found = ALGORITHM_OF.get(len(digest), "")
    if not found or not re.fullmatch("[0-9a-f]+", digest):
        raise Refusal(
            f"{digest[:140]!r} is no checksum; wanted 64 (sha256), 96 (sha384) or 128 (sha512) hexadecimal digits"
            " or the http(s) URL of a checksum file",
            field=field,
        )
    if named and named != found:
        digits = DIGITS_OF.get(named)
        if digits is None:
            raise Refusal(f"the algorithm {named[:20]!r} is not supported; {_WAY_OUT}", field=field)
        raise Refusal(
            f"a {named} has {digits} hexadecimal digits, not {len(digest)}; copy it again",
            field=field,
        )
    if found == "md5" and not allow_md5:
        raise Refusal(_MD5_REFUSED, field=field)
    return Checksum(algorithm=found, digest=digest)


def _given(image: ImageInfo) -> tuple[str, str, str]:
    """Return algorithm (empty = any), field and value of the checksum that counts.

    Raises:
        Refusal: None is given, or only one of an algorithm that is not supported.
    """
    algorithm = normal_algorithm(image.os_hash_algo or "")
    is_known = not algorithm or algorithm in DIGITS_OF
    if image.os_hash_value and is_known:
        return algorithm, "os_hash_value", image.os_hash_value
    if image.checksum:
        return "", "checksum", image.checksum
    if image.os_hash_value:
        raise Refusal(
            f"the algorithm {str(image.os_hash_algo)[:20]!r} is not supported; {_WAY_OUT}",
            field="os_hash_algo",
        )
    raise Refusal(
        f"image {image.id} has no checksum, and an image that cannot be checked is not written; {_WAY_OUT}, or"
        " allow it with the setting allow_unverified_images"
    )
