"""What an NVMe drive says of itself: Identify Controller and the Sanitize Status log, as nvme-cli prints them. Pure.

NVM Express Base Specification 2.0c: figure 275 (Identify Controller: OACS, FNA, SANICAP), figure 239 (Sanitize Status log page).
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from agent.errors import AgentError

_NO_ESTIMATE = 0xFFFFFFFF
_FORMAT_SUPPORTED = 1 << 1
_FORMATS_ALL, _ERASES_ALL, _CRYPTO_FORMAT = 1 << 0, 1 << 1, 1 << 2
_CRYPTO, _BLOCK, _OVERWRITE = 1 << 0, 1 << 1, 1 << 2
_STATUS_MASK = 0b111
_ACTION_MASK = 0b111


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmeController:
    """Identify Controller, as far as erasure is concerned; the three fields of bits are as on the wire."""

    model: str
    serial: str
    firmware: str
    subsystem: str
    oacs: int
    fna: int
    sanicap: int

    @property
    def can_format(self) -> bool:
        """OACS bit 1."""
        return bool(self.oacs & _FORMAT_SUPPORTED)

    @property
    def can_destroy_keys_by_format(self) -> bool:
        """FNA bit 2. A drive may accept the command without it and do something else (QEMU does)."""
        return self.can_format and bool(self.fna & _CRYPTO_FORMAT)

    @property
    def formats_every_namespace(self) -> bool:
        """FNA bits 0 and 1: what is ordered for one namespace is done to all."""
        return bool(self.fna & (_FORMATS_ALL | _ERASES_ALL))

    @property
    def can_sanitize_by_key(self) -> bool:
        """SANICAP bit 0."""
        return bool(self.sanicap & _CRYPTO)

    @property
    def can_sanitize_by_block_erase(self) -> bool:
        """SANICAP bit 1."""
        return bool(self.sanicap & _BLOCK)

    @property
    def can_sanitize_by_overwrite(self) -> bool:
        """SANICAP bit 2."""
        return bool(self.sanicap & _OVERWRITE)

    def summary(self) -> str:
        """Return the fields that the choice was made by, for the evidence."""
        return (
            f"id-ctrl: oacs {self.oacs:#x}, fna {self.fna:#x}, sanicap {self.sanicap:#x},"
            f" firmware {self.firmware}, subsystem {self.subsystem}"
        )


def parse_id_ctrl(text: str) -> NvmeController:
    """Read ``nvme id-ctrl -o json``.

    Raises:
        AgentError: The text is not that.
    """
    document = _object(text, "id-ctrl")
    try:
        return NvmeController(
            model=str(document["mn"]).strip(),
            serial=str(document["sn"]).strip(),
            firmware=str(document["fr"]).strip(),
            subsystem=str(document["subnqn"]).strip(),
            oacs=_number(document["oacs"]),
            fna=_number(document["fna"]),
            sanicap=_number(document["sanicap"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AgentError(f"nvme id-ctrl: output not understood ({error!r})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SanitizeLog:
    """The Sanitize Status log page; ``progress`` counts to 65536, ``status`` and ``command`` are SSTAT and SCDW10."""

    progress: int
    status: int
    command: int
    text: str

    @property
    def is_running(self) -> bool:
        """Status 2."""
        return self.status & _STATUS_MASK == 2  # noqa: PLR2004  # figure 239

    @property
    def has_failed(self) -> bool:
        """Status 3."""
        return self.status & _STATUS_MASK == 3  # noqa: PLR2004  # figure 239

    def has_done(self, action: int) -> bool:
        """Say whether the last operation was this one and succeeded: status 1, or 4 (deallocated against the wish)."""
        return self.status & _STATUS_MASK in {1, 4} and self.command & _ACTION_MASK == action

    @property
    def percent(self) -> float:
        """How far the running operation is."""
        return min(100.0, 100.0 * self.progress / 65536)


_FIELDS = {"SPROG": "progress", "SSTAT": "status", "SCDW10": "command"}


def parse_sanitize_log(text: str) -> SanitizeLog:
    """Read ``nvme sanitize-log`` in its normal form, which has been the same in every version.

    Raises:
        AgentError: A field is missing: a log that cannot be read is no log that says "done".
    """
    found: dict[str, int] = {}
    for name, number in re.findall(r"\((SPROG|SSTAT|SCDW10)\)\s*:\s*(0x[0-9a-fA-F]+|\d+)", text):
        found[_FIELDS[name]] = int(number, 0)
    if len(found) != len(_FIELDS):
        raise AgentError(f"nvme sanitize-log: output not understood: {text[:200]!r}")
    return SanitizeLog(**found, text=text.strip())


def estimate_s(text: str, method: str) -> float | None:
    """Return the drive's own estimate of seconds for ``Overwrite``, ``Block Erase`` or ``Crypto Erase``; ``None`` = it gives none."""
    found = re.search(rf"Estimated Time For {method}\s*:\s*(\d+)", text)
    if found is None or int(found[1]) == _NO_ESTIMATE:
        return None
    return float(found[1])


def namespace_summary(text: str) -> str:
    """Return what ``nvme id-ns -o json`` says of a namespace's size, use and format, for the evidence.

    Raises:
        AgentError: The text is not that.
    """
    document = _object(text, "id-ns")
    names = ("nsze", "ncap", "nuse", "flbas", "dlfeat")
    return "id-ns: " + ", ".join(f"{name} {document.get(name)}" for name in names)


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise AgentError(f"nvme {name}: output not understood: {text[:200]!r}") from error
    if not isinstance(document, dict):
        raise AgentError(f"nvme {name}: output not understood: {text[:200]!r}")
    return document


def _number(value: Any) -> int:
    return int(value, 0) if isinstance(value, str) else int(value)
