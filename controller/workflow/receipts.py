"""The receipt of a written image, and what an installer left, as an agent of ours sends it with the result of its step. Pure.

The receipt is kept in ``driver_internal_info["image_receipt"]`` until the next deployment begins. Other agents send none.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from agent.protocol.foreign_text import clean_line
from agent.protocol.receipt import Installation, Receipt
from controller.workflow.outcome import Note

_Document = TypeVar("_Document", Installation, Receipt)
KEY = "image_receipt"


def receipt_of(result: Any) -> Receipt | None:
    """Return the receipt in the result of a command; ``None`` = there is none that can be read.

    Args:
        result: ``command_result`` of ``execute_deploy_step`` or ``execute_service_step``, or of ``prepare_image``.
    """
    return _read(result, "receipt", Receipt)


def installation_of(result: Any) -> Installation | None:
    """Return what the installer of a bootable container left; argument and answer as :func:`receipt_of`."""
    return _read(result, "installation", Installation)


def _read(result: Any, name: str, kind: type[_Document]) -> _Document | None:
    if not isinstance(result, Mapping):
        return None
    for place in ("deploy_result", "service_result"):
        if isinstance(result.get(place), Mapping):
            result = result[place]
    try:
        return msgspec.convert(result.get(name), kind)
    except msgspec.ValidationError:
        return None


def notes_of(result: Any) -> tuple[Note, ...]:
    """Return the events of what the result of a command says was written; none for other commands and other agents."""
    receipt, installation = receipt_of(result), installation_of(result)
    return (
        *(() if receipt is None else (describe(receipt),)),
        *(() if installation is None else (describe_installation(installation),)),
    )


def describe_installation(done: Installation) -> Note:
    """Return the event of an installed container."""
    disk = done.disk if done.serial is None else f"{done.disk} (serial {done.serial})"
    seconds = sum(phase.seconds for phase in done.phases)
    boots = {"uefi": f"boot entries: {', '.join(done.boot_entries) or 'none'}"}
    how = boots.get(done.boot_mode, f"it boots in {done.boot_mode.upper()} mode")
    said = (
        f"{done.image} ({done.bootc}) is on {disk} after {seconds:.1f} s",
        *done.partitions,
        how,
    )
    return Note(
        kind="step",
        message=clean_line("; ".join((*said, *done.warnings))),
        data={"installation": msgspec.to_builtins(done)},
    )


def describe(receipt: Receipt) -> Note:
    """Return the event of a written image."""
    disk = receipt.disk if receipt.serial is None else f"{receipt.disk} (serial {receipt.serial})"
    rate = receipt.rate_bytes_per_s / 1e6
    proof = {
        "none": "nothing was read back",
        "sample": f"a sample of {receipt.compared_bytes} bytes was read back and compared",
        "whole": f"all {receipt.compared_bytes} bytes were read back and compared",
    }.get(receipt.verified, f"verified: {receipt.verified}")
    return Note(
        kind="step",
        message=f"{receipt.image} ({receipt.format}, {receipt.digest}) is on {disk}: {receipt.content_bytes} bytes"
        f" in {receipt.seconds:.1f} s, {rate:.0f} MB/s; {'; '.join((proof, *receipt.warnings))}",
        data={"receipt": msgspec.to_builtins(receipt)},
    )
