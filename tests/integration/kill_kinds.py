"""The kinds of steps of the kill campaign: how each is ordered, and how its effect is seen on the machine itself."""

import base64
import json
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.integration.disk_images import MIB, RawImage, sha256
from tests.integration.image_server import ImageServer
from tests.integration.kill_machine import PSTORE, STORCLI
from tests.integration.kill_site import NAME, Site
from tests.integration.loop_disk import NOISE, LoopDisk
from tests.integration.raid_programs import STORCLI as STORCLI_TEXT
from tests.integration.raid_programs import raid_program

MIRRORS = [
    {"size_gb": 20, "raid_level": "1", "controller": "software", "volume_name": name}
    for name in ("root", "data")
]
VOLUMES = [
    {"size_gb": 100, "raid_level": "1", "controller": "storcli/c0", "volume_name": name}
    for name in ("root", "data")
]
_PODMAN = """#!/bin/sh
[ "$1" = pull ] && exit 0
echo "the tool begins"
sleep {seconds}
echo done >"{effect}"
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every case stands on: a site, a web server and an image on it."""

    site: Site
    server: ImageServer
    image: RawImage
    image_url: str

    @property
    def folder(self) -> Path:
        return self.site.machine.folder

    @property
    def disks(self) -> Sequence[LoopDisk]:
        return self.site.machine.disks


def _nothing(_ground: Ground) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of step. ``done`` looks at the machine, not at what anybody says."""

    step: str
    done: Callable[[Ground], bool]
    phase: str = "clean"
    interface: str = "deploy"
    args: Callable[[Ground], Mapping[str, Any]] | None = None
    priority: int | None = None
    """Of a deploy step that is asked for; ``None`` = it is part of every deployment."""
    prepare: Callable[[Ground], None] = _nothing
    claimed: Callable[[Ground], bool] = lambda _ground: False
    """Whether somebody says that it succeeded, beside the node's state."""
    has_middle: bool = True
    erases: bool = False
    """What is written behind its end must survive."""

    def __str__(self) -> str:
        return self.step

    def wish(self, ground: Ground) -> dict[str, Any]:
        """Return the step as a client asks for it."""
        made: dict[str, Any] = {"interface": self.interface, "step": self.step}
        if self.args is not None:
            made["args"] = dict(self.args(ground))
        if self.priority is not None:
            made |= {"priority": self.priority, "args": made.get("args", {})}
        return made


def write(disk: LoopDisk, content: bytes, start_byte: int = 0) -> None:
    """Write to a disk as something else than the agent."""
    with disk.path.open("r+b", buffering=0) as device:
        device.seek(start_byte)
        for begin in range(0, len(content), MIB):
            device.write(content[begin : begin + MIB])
    disk.run("blockdev", "--flushbufs")


def content(disk: LoopDisk, start_byte: int, size_bytes: int) -> bytes:
    """Read what is on the disk now."""
    disk.run("blockdev", "--flushbufs")
    return disk.read(start_byte, size_bytes)


def fill(ground: Ground) -> None:
    """Give every disk a partition table and noise."""
    for disk in ground.disks:
        noise = NOISE * (disk.size_bytes // len(NOISE) + 1)
        write(disk, noise[: disk.size_bytes])
        disk.run("sgdisk", "--clear", "--new=1:2048:+8M")


def _has_no_table(ground: Ground) -> bool:
    return not any(b"EFI PART" in content(disk, 0, MIB) for disk in ground.disks)


def _is_zero(ground: Ground) -> bool:
    return not any(any(content(disk, 0, disk.size_bytes)) for disk in ground.disks)


def has_image(ground: Ground) -> bool:
    """Say whether the root disk has the image's second partition, and a table to find it by."""
    begin, end = 10 * MIB, len(ground.image.content) - MIB
    disk = ground.disks[0]
    is_there = content(disk, begin, end - begin) == ground.image.content[begin:end]
    return is_there and starts(ground)


def starts(ground: Ground) -> bool:
    """Say whether a firmware would take the root disk for one that it can start from."""
    return b"EFI PART" in content(ground.disks[0], 0, MIB)


def _make_records(ground: Ground) -> None:
    for number in range(3):
        (ground.folder / PSTORE / f"dmesg-{number}").touch()


def _has_no_records(ground: Ground) -> bool:
    return not any((ground.folder / PSTORE).iterdir())


def _want_mirrors(ground: Ground) -> None:
    _forget_raid(ground)
    _put_raid(ground, MIRRORS)


def _make_mirrors(ground: Ground) -> None:
    _forget_raid(ground)
    (ground.folder / "logical-disks.json").write_text(json.dumps(MIRRORS))


def _want_volumes(ground: Ground) -> None:
    _forget_raid(ground)
    raid_program(ground.folder, STORCLI, STORCLI_TEXT, [f"252:{number}" for number in range(4)])
    _put_raid(ground, VOLUMES)


def _put_raid(ground: Ground, disks: Sequence[Mapping[str, Any]]) -> None:
    wanted = {"logical_disks": list(disks)}
    ground.site.api.call("PUT", f"/v1/nodes/{NAME}/states/raid", wanted, ok=204)


def _forget_raid(ground: Ground) -> None:
    for name in ("logical-disks.json", STORCLI, f"{STORCLI}.json"):
        (ground.folder / name).unlink(missing_ok=True)


def _mirrors(ground: Ground) -> list[str]:
    file = ground.folder / "logical-disks.json"
    return [one["volume_name"] for one in json.loads(file.read_text())] if file.exists() else []


def _volumes(ground: Ground) -> list[str]:
    lab = json.loads((ground.folder / f"{STORCLI}.json").read_text())
    return [one["name"] for one in lab["volumes"]]


def _old_firmware(ground: Ground) -> None:
    (ground.folder / "firmware").write_text("1")


def _firmware(ground: Ground) -> Mapping[str, Any]:
    url = ground.server.serve("firmware", b"2")
    return {"settings": [{"component": "paper", "url": url, "checksum": sha256(b"2")}]}


def _tool(ground: Ground) -> None:
    program = ground.folder / "bin/podman"
    program.write_text(_PODMAN.format(seconds=0.5, effect=ground.folder / "effect"))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (ground.folder / "effect").unlink(missing_ok=True)


def _is_burned_in(ground: Ground) -> bool:
    """Say whether the node counts as burned in, which only a step that has passed may make it."""
    told = ground.site.node()["driver_internal_info"].get("burnin") or {}
    return "passed_at" in told.get("cpu", {})


def _is_certified(ground: Ground) -> bool:
    """Say whether the last certificate of the node says that a disk was sanitized."""
    found = ground.site.api.call("GET", f"/v1/nodes/{NAME}/certificates")["certificates"]
    return bool(found) and "sanitized" in json.dumps(found[-1])


def _files(_ground: Ground) -> Mapping[str, Any]:
    body = base64.b64encode(b"injected\n").decode()
    files = [{"path": f"/etc/{name}", "content": body, "partition": 1} for name in ("one", "two")]
    return {"files": files}


def in_root(ground: Ground, path: str) -> str:
    """Return a file of the image's first partition."""
    device = f"{ground.disks[0].path}?offset={MIB}"
    command = ["debugfs", "-R", f"cat {path}", device]
    ground.disks[0].run("blockdev", "--flushbufs")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _are_injected(ground: Ground) -> bool:
    return all(in_root(ground, f"/etc/{name}") == "injected\n" for name in ("one", "two"))


def _apply(_ground: Ground) -> Mapping[str, Any]:
    return {"raid_config": {"logical_disks": MIRRORS}}


def _forget_entry(ground: Ground) -> None:
    (ground.folder / "boot-entry").unlink(missing_ok=True)


CLEAN_KINDS = (
    Kind(step="erase_devices_metadata", done=_has_no_table, erases=True),
    Kind(step="erase_devices_express", done=_has_no_table, claimed=_is_certified, erases=True),
    Kind(step="erase_devices", done=_is_zero, claimed=_is_certified, erases=True),
    Kind(step="erase_pstore", prepare=_make_records, done=_has_no_records, has_middle=False),
    Kind(
        step="create_configuration",
        interface="raid",
        prepare=_want_mirrors,
        done=lambda ground: _mirrors(ground) == ["root", "data"],
    ),
    Kind(
        step="delete_configuration",
        interface="raid",
        prepare=_make_mirrors,
        done=lambda ground: _mirrors(ground) == [],
        has_middle=False,
    ),
    Kind(
        step="update_firmware",
        prepare=_old_firmware,
        args=_firmware,
        done=lambda ground: (ground.folder / "firmware").read_text() == "2",
    ),
    Kind(step="burnin_cpu", done=_is_burned_in, claimed=_is_burned_in),
    Kind(
        step="generic_container_step",
        prepare=_tool,
        args=lambda _ground: {"container_url": "tool:1"},
        done=lambda ground: (ground.folder / "effect").exists(),
    ),
)
VENDOR_RAID = Kind(
    step="create_configuration",
    interface="raid",
    prepare=_want_volumes,
    done=lambda ground: sorted(_volumes(ground)) == ["data", "root"],
    has_middle=False,
)
DEPLOY_KINDS = (
    Kind(phase="deploy", step="write_image", done=has_image),
    Kind(phase="deploy", step="inject_files", priority=70, args=_files, done=_are_injected),
    Kind(
        phase="deploy",
        step="apply_configuration",
        interface="raid",
        priority=85,
        args=_apply,
        prepare=_forget_raid,
        done=lambda ground: _mirrors(ground) == ["root", "data"],
    ),
    Kind(
        phase="deploy",
        step="install_bootloader",
        prepare=_forget_entry,
        done=lambda ground: (ground.folder / "boot-entry").exists(),
        has_middle=False,
    ),
)
SERVICE_KINDS = tuple(
    replace(kind, phase="service")
    for kind in CLEAN_KINDS
    if kind.step in {"update_firmware", "burnin_cpu"}
)


def forget(ground: Ground) -> None:
    """Make the machine new: what no case may find of the case before."""
    _forget_raid(ground)
    for name in ("diary", "effect", "boot-entry", "firmware", "hold", "at"):
        (ground.folder / name).unlink(missing_ok=True)
    shutil.rmtree(ground.folder / "state", ignore_errors=True)
    fill(ground)
