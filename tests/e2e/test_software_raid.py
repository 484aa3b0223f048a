"""Arrays made by the agent's steps in the ramdisk, a system written to a mirror, and the firmware that starts it from either disk.

Real: md, mdadm, sfdisk, SeaBIOS, OVMF, GRUB. The system on the image is small: under BIOS a configuration of GRUB that says its name on the
serial line, under UEFI a loader that does.
"""

import base64
import json
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bootable_root import BANNER, make_image
from tests.e2e.lone_ramdisk import BOOT_S, RAMDISK, BareDisk, Started, disk_words, started
from tests.integration.disk_images import sha256
from tests.integration.image_server import image_server
from tests.lab.console import Console
from tests.lab.demo.keys import SshKey, make_key
from tests.lab.disks.bootable_image import UEFI_BANNER
from tests.lab.hardware import UEFI_CODE, UEFI_VARIABLES

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]

DISKS = 4 * (BareDisk(size_bytes=3 << 30),)
STEP_S = 300
FIRMWARE_S = 180
ARRAYS = [
    {
        "raid_level": "0",
        "size_gb": "MAX",
        "controller": "software",
        "volume_name": "scratch",
        "physical_disks": [{"name": "/dev/vda"}, {"name": "/dev/vdb"}],
    },
    {
        "raid_level": "1",
        "size_gb": 1,
        "controller": "software",
        "volume_name": "root",
        "is_root_volume": True,
        "physical_disks": [{"name": "/dev/vda"}, {"name": "/dev/vdb"}],
    },
]
ORDER = """
import json, sys
from pathlib import Path
from agent.errors import AgentError
from agent.hardware.capabilities import StepContext
from agent.hardware.plugins import load_hardware
from agent.hardware.tools import StepTools
from agent.system.runner import HostRunner
from agent.system.stop_signal import StopSignal
from hardware_managers.generic import raid_steps, steps
import msgspec
order = json.load(sys.stdin)
hardware = load_hardware(HostRunner())
tools = StepTools(progress=lambda _: None, runner=HostRunner(), stop=StopSignal(), fetch=lambda *_: None, folder=Path("/tmp"))
context = StepContext(node=order["node"], ports=(), args=order.get("args", {}), hardware=hardware, tools=tools, remember=lambda _: None)
try:
    if order["step"] == "boot":
        disk = hardware.root_disk(order["node"]).disk
        result = hardware.bootloader().install_bootloader(disk, boot_mode=order["node"]["boot_mode"])
    else:
        result = (getattr(raid_steps, order["step"], None) or getattr(steps, order["step"]))(context)
except AgentError as error:
    result = {"error": str(error)}
print(json.dumps(msgspec.to_builtins(result)))
"""


def step(machine: Started, key: SshKey, name: str, **order: Any) -> Any:
    """Run a step in the machine; ``boot`` makes the root volume bootable."""
    text = base64.b64encode(json.dumps({"node": {}, "step": name, **order}).encode()).decode()
    program = f"PYTHONPATH=/opt/ingot/lib python3 -c {shlex.quote(ORDER)}"
    command = f"echo {text} | base64 -d | {program}"
    return json.loads(machine.run_inside(key, command, timeout_s=STEP_S))


def uefi_words(folder: Path) -> tuple[str, ...]:
    """Return the words for OVMF whose variables stay in ``folder``."""
    variables = folder / "variables"
    if not variables.exists():
        shutil.copy(UEFI_VARIABLES, variables)
    return (
        *("-machine", "q35"),
        *("-drive", f"if=pflash,format=raw,readonly=on,file={UEFI_CODE}"),
        *("-drive", f"if=pflash,format=raw,file={variables}"),
    )


@contextmanager
def booted_from(folder: Path, places: Sequence[int], words: Sequence[str]) -> Iterator[Console]:
    """Start a machine that has only some of the disks, and nothing else to start from."""
    console = Console(folder / f"console-{'-'.join(map(str, places))}.log")
    qemu = subprocess.Popen(
        [
            *("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults"),
            *("-no-reboot", "-display", "none", "-serial", "stdio", "-snapshot", *words),
            *(word for place in places for word in disk_words(folder, place, DISKS[place])),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert qemu.stdout
    assert qemu.stdin
    reader = threading.Thread(target=console.read_from, args=(qemu.stdout, qemu.stdin), daemon=True)
    reader.start()
    try:
        yield console
    finally:
        qemu.kill()
        qemu.wait()
        reader.join(10)


@pytest.mark.parametrize("mode", ["bios", pytest.param("uefi", marks=pytest.mark.long)])
def test_a_mirror_boots_from_either_disk(tmp_path: Path, mode: str) -> None:
    key = make_key(tmp_path)
    words = uefi_words(tmp_path) if mode == "uefi" else ()
    arguments = f'sshkey="{key.public}"'
    content = make_image(tmp_path)
    with (
        image_server() as server,
        started(tmp_path, arguments, disks=DISKS, devices=words) as machine,
    ):
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        url = server.serve("i.raw", content).replace("127.0.0.1", "10.0.2.2")
        node = {"boot_mode": mode, "target_raid_config": {"logical_disks": ARRAYS}}
        node["raid_config"] = made = step(machine, key, "create_configuration", node=node)
        the_arrays_are_what_they_were_planned_to_be(machine, key, made, mode)
        image = {"id": "i", "urls": [url], "checksum": sha256(content)}
        written = step(machine, key, "write_image", node=node, args={"image_info": image})
        assert written["receipt"]["disk"] == "/dev/md1", written
        labels = step(machine, key, "boot", node=node)
        assert len(labels) == 2, labels
        what_is_made_once_is_not_made_again(machine, key, node)
        machine.run_inside(key, "sync; mdadm --stop /dev/md1; poweroff", timeout_s=60)
        machine.wait_for_end(timeout_s=120)
    wanted = BANNER if mode == "bios" else UEFI_BANNER
    for place in (0, 1):
        with booted_from(tmp_path, (place,), words) as console:
            console.wait_for(wanted, timeout_s=FIRMWARE_S)


def the_arrays_are_what_they_were_planned_to_be(
    machine: Started, key: SshKey, made: dict[str, Any], mode: str
) -> None:
    sizes = {"root": 1, "scratch": 3 if mode == "bios" else 2}
    assert {d["volume_name"]: d["size_gb"] for d in made["logical_disks"]} == sizes, made
    assert {d["state"] for d in made["logical_disks"]} == {"clean"}
    scan = machine.run_inside(key, "mdadm --examine --scan; sfdisk --dump /dev/vda")
    assert "name=any:root" in scan
    assert "vda3" in scan


def what_is_made_once_is_not_made_again(
    machine: Started, key: SshKey, node: dict[str, Any]
) -> None:
    refused = step(machine, key, "create_configuration", node=node)["error"]
    assert (
        "volume_name: an array 'scratch' exists already" in refused or "is in the array" in refused
    )


@pytest.mark.long
def test_arrays_outlive_a_boot_and_cleaning_and_end_by_their_step(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    arguments = f'sshkey="{key.public}"'
    every = [
        {"raid_level": level, "size_gb": 1, "controller": "software", "volume_name": f"r{number}"}
        for number, level in enumerate(("5", "1+0"))
    ]
    every[0]["size_gb"] = 2
    node: dict[str, Any] = {"boot_mode": "bios", "target_raid_config": {"logical_disks": every}}
    with started(tmp_path, arguments, disks=DISKS) as machine:
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        made = node["raid_config"] = step(machine, key, "create_configuration", node=node)
        assert [d["raid_level"] for d in made["logical_disks"]] == ["5", "1+0"], made
        machine.run_inside(key, "mkfs.ext4 -q /dev/md0; sync; mdadm --stop /dev/md0 /dev/md1")
        done = step(machine, key, "erase_devices_metadata", node=node)
        assert "wipefs" in done["/dev/md0"], done
        assert "a member of /dev/md" in done["/dev/vda"]
        assert machine.run_inside(key, "wipefs --no-act /dev/md0") == ""
        assert step(machine, key, "delete_configuration", node=node)["logical_disks"] == []
        left = "for d in vda vdb vdc vdd; do wipefs --no-act /dev/$d; done; mdadm --examine --scan"
        assert machine.run_inside(key, left) == ""


@pytest.fixture(autouse=True)
def _needs_nothing_but_the_ramdisk() -> None:
    if not (RAMDISK / "ingot.initramfs").exists():
        pytest.skip(f"make ramdisk builds {RAMDISK}/ingot.initramfs")
