"""What a node's history says of a file that its machine fetched."""

from agent.protocol.http_server.files import Transfer
from controller.store.events import ForeignEvent


def transfer_event(kind: str, sender: str, transfer: Transfer) -> ForeignEvent:
    """Return what is noted of a transfer that has ended."""
    sent_mb, wanted_mb = transfer.sent_bytes / 1e6, transfer.wanted_bytes / 1e6
    rate = sent_mb / max(transfer.seconds, 0.001)
    is_whole = transfer.sent_bytes == transfer.wanted_bytes
    if is_whole:
        what = f"Machine fetched its {kind}: "
        message = f"{what}{sent_mb:.1f} MB in {transfer.seconds:.1f} s, {rate:.0f} MB/s"
    else:
        what = f"Machine broke off fetching its {kind} "
        message = f"{what}after {sent_mb:.1f} of {wanted_mb:.1f} MB and {transfer.seconds:.1f} s"
    return ForeignEvent(
        kind="boot",
        message=message,
        same=what,
        severity="INFO" if is_whole else "WARNING",
        data={
            "file": kind,
            "bytes": transfer.sent_bytes,
            "bytes_total": transfer.wanted_bytes,
            "seconds": round(transfer.seconds, 3),
            "address": sender,
        },
    )
