"""What ``write-image`` would do, in lines for people. Pure but for :func:`contents_of`, which only reads."""

from collections.abc import Sequence

from agent.by_hand.bar import size
from agent.disks.open_disk import MIB, OpenDisk
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import ImageError
from agent.hardware.devices import BlockDevice
from agent.images.config_drives import config_drive
from agent.images.preparation import Work
from agent.images.proof.witness import Verification
from agent.images.sources.http import masked
from agent.system.runner import Runner


def contents_of(disk: OpenDisk, runner: Runner) -> tuple[str, ...]:
    """Return one line for what is on the disk now and for each of its partitions."""
    try:
        table = PartitionTable(bytearray(disk.read(0, MIB)), disk.sector_bytes)
    except ImageError:
        return ("no partition table that can be read",)
    parts = table.partitions()
    labels = config_drive.read_labels(disk, parts, runner)
    kind = "GPT" if table.gpt is not None else "MBR"
    lines = (_part_line(part, label) for part, label in zip(parts, labels, strict=True))
    return (f"{kind} with {len(parts)} partitions", *lines)


def _part_line(part: Partition, label: str) -> str:
    names = [
        name for name in (part.name, label and f"label {label}", part.is_esp and "ESP") if name
    ]
    more = f" ({', '.join(names)})" if names else ""
    return f"  {part.number}: {size(part.size_bytes)} at byte {part.start_byte}{more}"


def plan_lines(
    work: Work, disk: BlockDevice, now: Sequence[str], *, checksum_from: str, verify: Verification
) -> tuple[str, ...]:
    """Return the plan: source, format, checksum, target, what is on it now, and the steps in their order.

    Args:
        work: What was found out about the image.
        disk: The target.
        now: What is on it, from :func:`contents_of`.
        checksum_from: Where the checksum comes from, in words.
        verify: How much is read back.
    """
    facts = (
        ("image", masked(work.source.url)),
        ("format", _format(work)),
        ("checksum", _checksum(work, checksum_from)),
        ("config drive", _drive(work)),
        ("disk", describe_disk(disk)),
        ("on it now", now[0]),
        *(("", line) for line in now[1:]),
    )
    lines = [f"{name:<13}{text}" for name, text in facts]
    steps = [*_steps(work, verify)]
    return (*lines, "", *(f"{number}. {step}" for number, step in enumerate(steps, 1)))


def describe_disk(disk: BlockDevice) -> str:
    """Return path, vendor, model, serial number and size."""
    words = [str(disk.path)]
    words += [text for text in (disk.vendor, disk.model) if text]
    if disk.serial:
        words.append(f"serial {disk.serial}")
    return (
        f"{' '.join(words)}, {size(disk.size_bytes)}, sectors of {disk.logical_sector_bytes} bytes"
    )


def _format(work: Work) -> str:
    published = (
        "size unknown"
        if work.inside.size_bytes is None
        else f"{size(work.inside.size_bytes)} to fetch"
    )
    if work.inside.tables is None:
        return f"{work.inside.shown_format}, {published}"
    header = work.inside.tables.header
    return f"{work.inside.shown_format}, {published}, {size(header.virtual_bytes)} on the disk"


def _checksum(work: Work, checksum_from: str) -> str:
    if work.checksum.digest is None:
        return "none: nothing says whether this is the right image"
    return f"{work.checksum.algorithm}:{work.checksum.digest}, from {checksum_from}"


def _drive(work: Work) -> str:
    return "none" if work.configdrive is None else f"{size(len(work.configdrive))}"


def _steps(work: Work, verify: Verification) -> Sequence[str]:
    proof = {
        Verification.NONE: (),
        Verification.SAMPLE: ("read a random sample back and compare it",),
        Verification.WHOLE: ("read everything back and compare it",),
    }[verify]
    drive = () if work.configdrive is None else ("write the config drive and read it back",)
    return (
        "clear the first MiB and the last sectors: from here on the disk cannot boot",
        "stream the image to the disk, all but its first MiB and the disk's last sectors",
        "compare the checksum of what came",
        "flush",
        *proof,
        *drive,
        "write the backup of the partition table to the end of the disk",
        "write the first MiB: now the disk can boot",
        "have the kernel read the partition table",
    )
