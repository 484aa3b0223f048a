"""Microversions: which one a request asks for (Ironic API v1, header negotiation).

A version ``1.N`` is the plain integer ``N`` (``minor``) everywhere below.
"""

import re
from typing import Protocol

from controller.errors import NotAcceptable

MIN_MINOR = 1
MAX_MINOR = 115
HEADER = "X-OpenStack-Ironic-API-Version"
MIN_HEADER = "X-OpenStack-Ironic-API-Minimum-Version"
MAX_HEADER = "X-OpenStack-Ironic-API-Maximum-Version"
STANDARD_HEADER = "OpenStack-API-Version"

_STANDARD = re.compile(r"baremetal\s+(\S+)", re.IGNORECASE)
_NUMBER = re.compile(r"(\d+)\.(\d+)")


class Headers(Protocol):
    """Request headers; a lookup ignores case."""

    def get(self, key: str, /) -> str | None:
        """Return a header's value; ``None`` = not there."""


def requested_minor(headers: Headers) -> int:
    """Return the microversion that the headers ask for; without any it is the oldest one.

    Raises:
        NotAcceptable: The header is malformed or the version is not served; the message has the range.
    """
    wanted = headers.get(HEADER) or _from_standard(headers.get(STANDARD_HEADER))
    if not wanted:
        return MIN_MINOR
    if wanted.strip().lower() == "latest":
        return MAX_MINOR
    match = _NUMBER.fullmatch(wanted.strip())
    if match is None:
        raise NotAcceptable(f"Invalid value {wanted!r} for {HEADER}: expected 1.N or latest")
    major, minor = int(match[1]), int(match[2])
    if major != 1 or not MIN_MINOR <= minor <= MAX_MINOR:
        raise NotAcceptable(
            f"Version {wanted.strip()} was requested but is not served here. "
            f"The supported version range is: [1.{MIN_MINOR}, 1.{MAX_MINOR}]."
        )
    return minor


def range_headers() -> dict[str, str]:
    """Return the headers that every reply carries."""
    return {MIN_HEADER: f"1.{MIN_MINOR}", MAX_HEADER: f"1.{MAX_MINOR}"}


def _from_standard(value: str | None) -> str | None:
    if not value:
        return None
    for part in value.split(","):
        match = _STANDARD.fullmatch(part.strip())
        if match:
            return match[1]
    return None
