"""Media that a BMC puts into a machine: a CD drive and a stick on the USB, plugged in while it runs or there at its start.

The slots are those of `tests.lab.redfish.machine_state.MEDIA`: "Cd" is a CD drive (usb-bot with scsi-cd), every other one a stick.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.lab.errors import LabError

USB = ("-device", "qemu-xhci,id=xhci")
_UNPLUG_S = 10
_LOOK_AGAIN_S = 0.1


class Execute(Protocol):
    """Gives QEMU one control order."""

    def __call__(self, command: str, **arguments: Any) -> Any: ...


def medium_arguments(
    media: Mapping[str, Path], boot_indexes: Sequence[int | None]
) -> tuple[str, ...]:
    """Return QEMU's arguments for media that are in at the start, in the order of the mapping."""
    words: list[str] = []
    for (slot, image), index in zip(media.items(), boot_indexes, strict=True):
        boot = "" if index is None else f",bootindex={index}"
        words += [
            "-blockdev",
            f"driver=raw,node-name={_node(slot)},read-only=on,file.driver=file,file.filename={image}",
        ]
        if _is_drive(slot):
            words += ["-device", f"usb-bot,id={_port(slot)},bus=xhci.0"]
            words += ["-device", f"scsi-cd,bus={_port(slot)}.0,drive={_node(slot)}{boot}"]
        else:
            words += [
                "-device",
                f"usb-storage,id={_port(slot)},bus=xhci.0,drive={_node(slot)},removable=on{boot}",
            ]
    return tuple(words)


def plug_in(execute: Execute, slot: str, image: Path) -> None:
    """Put a medium into a machine that runs.

    Raises:
        LabError: QEMU refuses.
    """
    file = {"driver": "file", "filename": str(image)}
    execute(
        "blockdev-add",
        **{"driver": "raw", "node-name": _node(slot), "read-only": True, "file": file},
    )
    port = {"id": _port(slot), "bus": "xhci.0"}
    if not _is_drive(slot):
        execute("device_add", driver="usb-storage", drive=_node(slot), removable=True, **port)
        return
    execute("device_add", driver="usb-bot", **port)
    execute("device_add", driver="scsi-cd", bus=f"{_port(slot)}.0", drive=_node(slot))
    # a usb-bot that is plugged in waits, without being seen by the guest, until its drives are there
    path = f"/machine/peripheral/{_port(slot)}"
    execute("qom-set", path=path, property="attached", value=True)


def pull_out(execute: Execute, slot: str) -> None:
    """Take a medium out of a machine that runs.

    Raises:
        LabError: The guest does not let go of it within 10 s.
    """
    execute("device_del", id=_port(slot))
    deadline = time.monotonic() + _UNPLUG_S
    while True:
        try:
            execute("blockdev-del", **{"node-name": _node(slot)})
        except LabError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _is_drive(slot: str) -> bool:
    return slot == "Cd"


def _node(slot: str) -> str:
    return f"medium-{slot}"


def _port(slot: str) -> str:
    return f"slot-{slot}"
