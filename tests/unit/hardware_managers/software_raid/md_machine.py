"""A machine with md, in thought: sfdisk, mdadm and sysfs as far as the configurator looks, two or more disks.

It keeps to what mdadm 4.2 and sfdisk 2.38 print; tests in a virtual machine compare that with the real ones.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import CommandFailed
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import MetadataEvidence
from agent.hardware.tools import ProgressSink
from agent.system.runner import Output
from agent.system.sysfs import SysRoot
from tests.unit.fakes import FakeRunner, UnexpectedCommand

GIB = 1 << 30


@dataclass
class _Array:
    uuid: str
    name: str
    level: str
    members: tuple[str, ...]
    sectors: int
    device: str | None


@dataclass
class MdMachine(FakeRunner):
    """``broken`` = the names of arrays that mdadm says to have made and has not; ``failing`` = programs that fail."""

    root: Path
    names: Sequence[str]
    disk_bytes: int = 64 * GIB
    broken: Collection[str] = ()
    failing: Collection[str] = ()
    arrays: list[_Array] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    wiped: list[str] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        for name in self.names:
            self._make(f"devices/{name}", {"dev": f"8:{len(name)}{ord(name[-1])}"})
            self._link(name, f"devices/{name}")

    @property
    def sys_root(self) -> SysRoot:
        return SysRoot(self.root)

    def disks(self) -> tuple[BlockDevice, ...]:
        return tuple(
            BlockDevice(
                path=Path(f"/dev/{name}"),
                size_bytes=self.disk_bytes,
                logical_sector_bytes=512,
                physical_sector_bytes=512,
                is_rotational=False,
                serial=f"S-{name}",
            )
            for name in self.names
        )

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return self.disks()

    def _make(self, folder: str, files: dict[str, str]) -> None:
        for name, content in files.items():
            path = self.root / "sys" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def _link(self, name: str, folder: str) -> None:
        for place in ("class/block", "block"):
            link = self.root / "sys" / place / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(self.root / "sys" / folder)

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        self.lines.append(" ".join(argv))
        if argv[0] in self.failing:
            raise CommandFailed(f"{argv[0]}: exit status 1: it is broken")
        return Output(stdout=self._printed(argv, stdin), stderr="", exit_code=0)

    def _printed(self, argv: Sequence[str], stdin: str | None) -> str:  # noqa: PLR0911  # a table of programs
        match argv:
            case ("udevadm", "settle"):
                return ""
            case ("sfdisk", "--json", disk):
                return self._table(disk)
            case ("sfdisk", *_, disk):
                self._partition(disk, stdin or "")
                return ""
            case ("mdadm", "--examine", "--scan", "--verbose"):
                return "".join(map(_scanned, self.arrays))
            case ("mdadm", "--detail", "--export", device):
                return _detail(self._at(device))
            case ("mdadm", "--create", device, *words):
                self._create(device, words)
                return ""
            case ("mdadm", "--assemble", device, "--run", uuid, *_members):
                found = next(a for a in self.arrays if f"--uuid={a.uuid}" == uuid)
                self._start(found, device)
                return ""
        raise UnexpectedCommand(" ".join(argv))

    def _at(self, device: str) -> _Array:
        return next(array for array in self.arrays if array.device == device)

    def _partition(self, disk: str, script: str) -> None:
        name = disk.removeprefix("/dev/")
        for row in re.findall(
            r"^(\d+): start=(\d+), size=(\d+), type=(\S+), name", script, re.MULTILINE
        ):
            files = {"partition": row[0], "dev": f"9:{ord(name[-1])}{row[0]}"}
            files |= {"start": row[1], "size": row[2], "type": row[3]}
            self._make(f"devices/{name}/{name}{row[0]}", files)
            self._link(f"{name}{row[0]}", f"devices/{name}/{name}{row[0]}")

    def _table(self, disk: str) -> str:
        name = disk.removeprefix("/dev/")
        rows = [
            {
                "node": f"/dev/{folder.name}",
                **{key: int((folder / key).read_text()) for key in ("start", "size")},
                "type": (folder / "type").read_text(),
            }
            for folder in sorted((self.root / f"sys/devices/{name}").glob(f"{name}*"))
        ]
        return json.dumps({"partitiontable": {"label": "gpt", "partitions": rows}})

    def _create(self, device: str, words: Sequence[str]) -> None:
        options = dict(w[2:].partition("=")[::2] for w in words if w.startswith("--"))
        members = tuple(word for word in words if not word.startswith("--"))
        usable = (
            min(self._sectors(member) for member in members)
            - int(options["data-offset"].removesuffix("K")) * 2
        )
        factors = {"raid0": len(members), "raid1": 1, "raid10": len(members) / 2}
        factor = factors.get(
            options["level"], len(members) - (1 if options["level"] == "raid5" else 2)
        )
        self._made += 1
        uuid = ":".join(4 * [f"{self._made:08x}"])
        made = _Array(uuid, options["name"], options["level"], members, int(usable * factor), None)
        self.arrays.append(made)
        if options["name"] not in self.broken:
            self._start(made, device)

    def _sectors(self, member: str) -> int:
        name = member.removeprefix("/dev/")
        return int((self.root / "sys/class/block" / name / "size").read_text())

    def _start(self, array: _Array, device: str) -> None:
        array.device = device
        name = device.removeprefix("/dev/")
        self._make(f"devices/{name}", {"dev": f"10:{name[2:]}", "size": str(array.sectors)})
        self._make(f"devices/{name}/md", {"array_state": "clean", "degraded": "0"})
        self._make(f"devices/{name}/queue", {"logical_block_size": "512", "rotational": "0"})
        for member in array.members:
            self._make(f"devices/{name}/slaves/{member.removeprefix('/dev/')}", {"x": ""})
        self._link(name, f"devices/{name}")

    def stop_all(self) -> None:
        """End every array, as a boot does."""
        for array in self.arrays:
            if array.device:
                (self.root / "sys/class/block" / array.device[5:]).unlink()
                (self.root / "sys/block" / array.device[5:]).unlink()
            array.device = None

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        named = tuple(map(str, disks))
        for array in self.arrays:
            if array.device and any(member.startswith(named) for member in array.members):
                (self.root / "sys/class/block" / array.device[5:]).unlink()
                (self.root / "sys/block" / array.device[5:]).unlink()
                array.device = None
        return ()

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        if "wipe" in self.failing:
            raise CommandFailed(f"{disk.path}: cannot be wiped")
        name = disk.path.name
        self.wiped.append(name)
        for link in (self.root / "sys/class/block").glob(f"{name}[0-9]*"):
            link.unlink()
        for folder in (self.root / f"sys/devices/{name}").glob(f"{name}*"):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        for array in self.arrays:
            left = (m for m in array.members if not m.startswith(str(disk.path)))
            array.members = tuple(left)
        self.arrays = [array for array in self.arrays if array.members]
        return MetadataEvidence(disk=disk, method="metadata", detail="")


def _scanned(array: _Array) -> str:
    devices = ",".join(array.members)
    return (
        f"ARRAY /dev/md/{array.name}  level={array.level} metadata=1.2 num-devices={len(array.members)}"
        f" UUID={array.uuid} name=any:{array.name}\n   devices={devices}\n"
    )


def _detail(array: _Array) -> str:
    lines = [f"MD_LEVEL={array.level}", f"MD_DEVICES={len(array.members)}", "MD_METADATA=1.2"]
    lines += [f"MD_UUID={array.uuid}", f"MD_NAME=any:{array.name}"]
    for place, member in enumerate(array.members):
        key = f"MD_DEVICE_{member.removeprefix('/dev/').replace('/', '_')}"
        lines += [f"{key}_ROLE={place}", f"{key}_DEV={member}"]
    return "\n".join(lines)
