"""Makes the receipt of a written image from what is known when it is done. Pure."""

from agent.hardware.devices import BlockDevice
from agent.images.flow.target import ImageTarget
from agent.images.preparation import Work
from agent.images.proof.read_back import Proof
from agent.images.sources.http import masked
from agent.protocol.receipt import PhaseTime, Receipt


def make_receipt(
    work: Work,
    target: ImageTarget,
    digest: str,
    proof: Proof,
    disk: BlockDevice,
    phases: tuple[PhaseTime, ...],
    warnings: tuple[str, ...] = (),
) -> Receipt:
    """Return the receipt; ``digest`` is of the published bytes, the seconds are those of all ``phases``."""
    content_bytes = work.inside.pipeline.content_bytes
    seconds = sum(one.seconds for one in phases)
    return Receipt(
        image=masked(work.source.url),
        digest=f"{work.checksum.algorithm}:{digest}",
        format=work.inside.shown_format,
        disk=str(disk.path),
        serial=disk.serial,
        wwn=disk.wwn,
        image_bytes=work.inside.pipeline.wire_bytes,
        content_bytes=content_bytes,
        written_bytes=target.written_bytes,
        zeroed_bytes=target.zeroed_bytes,
        seconds=round(seconds, 3),
        rate_bytes_per_s=round(content_bytes / seconds, 1) if seconds else 0.0,
        verified=str(proof.mode),
        compared_bytes=proof.compared_bytes,
        phases=phases,
        warnings=warnings,
    )
