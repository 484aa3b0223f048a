"""The receipt of a written image, as an agent of ours sends it with the result of its step. Pure.

It is kept in ``driver_internal_info["image_receipt"]`` until the next deployment begins. Other agents send none.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from agent.protocol.receipt import Receipt
from controller.workflow.outcome import Note

KEY = "image_receipt"


def receipt_of(result: Any) -> Receipt | None:
    """Return the receipt in the result of a command; ``None`` = there is none that can be read.

    Args:
        result: ``command_result`` of ``execute_deploy_step`` or ``execute_service_step``, or of ``prepare_image``.
    """
    if not isinstance(result, Mapping):
        return None
    for place in ("deploy_result", "service_result"):
        if isinstance(result.get(place), Mapping):
            result = result[place]
    try:
        return msgspec.convert(result.get("receipt"), Receipt)
    except msgspec.ValidationError:
        return None


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
