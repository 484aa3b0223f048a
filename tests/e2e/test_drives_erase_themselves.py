"""Whole disks are erased in a machine with NVMe namespaces, a SCSI and a SATA disk: what QEMU's drives can, they do; the rest is named.

QEMU's drives have formats of NVMe namespaces and nothing else. They are good at saying yes: the SCSI disk starts a format that does
nothing, hdparm ends with status 0 on both other disks.
"""

import base64
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lone_ramdisk import BOOT_S, RAMDISK, Started, started
from tests.e2e.steps_inside import ORDER, STEP, inside
from tests.lab.demo.keys import SshKey, make_key

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]

SIZE = 32 << 20
FIRST, SECOND, SCSI, SATA = "/dev/nvme0n1", "/dev/nvme0n2", "/dev/sda", "/dev/sdb"
DISKS = (FIRST, SECOND, SCSI, SATA)
ALLOWED = {"agent_erase_devices_iterations": 1, "disk_erasure_concurrency": 4}
LIARS = (
    ORDER
    + """
from agent.hardware.erasing import EraseOffer, EraseWish
from hardware_managers.generic.erase_plan import Job
from hardware_managers.generic.erase_run import EraseRun
from hardware_managers.nvme import plan as nvme
from hardware_managers.nvme.drive import NvmeController
from hardware_managers.scsi.plan import FORMAT, plan_erasure
by_path = {str(disk.path): disk for disk in hardware.disks()}
erasers = {manager.name: manager.erasers[0] for manager in hardware.managers if manager.erasers}
boast = NvmeController(model="", serial="", firmware="", subsystem="", oacs=2, fna=4, sanicap=2)
namespace, scsi = by_path["/dev/nvme0n1"], by_path["/dev/sda"]
plans = [("nvme", nvme.plan_erasure(namespace, boast, EraseWish())[0]), ("scsi", plan_erasure(scsi, [FORMAT])[0])]
jobs = [Job(disks=(plan.disk,), offer=EraseOffer(name, erasers[name], plan), others={}) for name, plan in plans]
print(json.dumps(msgspec.to_builtins(EraseRun(wish=EraseWish(), tools=tools).carry_out(jobs))))
"""
)


@pytest.fixture(autouse=True, scope="session")
def _needs() -> None:
    """Nothing but the ramdisk: no OS image, in the place of the folder's fixture of this name."""
    if not (RAMDISK / "ingot.initramfs").exists():
        pytest.skip(f"make ramdisk builds {RAMDISK}/ingot.initramfs")


def devices(folder: Path) -> tuple[str, ...]:
    words: list[str] = [
        "-device",
        "nvme-subsys,id=ss0",
        "-device",
        "nvme,id=nv0,serial=NV0,subsys=ss0",
    ]
    words += ["-device", "virtio-scsi-pci,id=sc0", "-device", "ahci,id=ah0"]
    large = "logical_block_size=4096,physical_block_size=4096"
    for name, device in (
        ("first", "nvme-ns,bus=nv0,nsid=1"),
        ("second", f"nvme-ns,bus=nv0,nsid=2,{large}"),
        ("scsi", "scsi-hd,bus=sc0.0,serial=SCSI0"),
        ("sata", "ide-hd,bus=ah0.0,serial=SATA0"),
    ):
        file = folder / f"{name}.img"
        with file.open("wb") as made:
            made.truncate(SIZE)
        words += ["-drive", f"file={file},if=none,id={name},format=raw"]
        words += ["-device", f"{device},drive={name}"]
    return tuple(words)


def erase(machine: Started, key: SshKey, internal: dict[str, Any], **owner: Any) -> Any:
    node = {"driver_internal_info": internal, "driver_info": owner}
    return inside(machine, key, STEP, step="erase_devices", node=node)


def fill(machine: Started, key: SshKey) -> None:
    disks = " ".join(DISKS)
    machine.run_inside(
        key,
        f"head -c 1M /dev/urandom >/run/noise; for disk in {disks}; do for i in $(seq 32); do cat /run/noise; done >$disk; done; sync",
    )


def zero_disks(machine: Started, key: SshKey) -> list[str]:
    look = f"for disk in {' '.join(DISKS)}; do cmp -s -n {SIZE} $disk /dev/zero && echo $disk; done; true"
    return machine.run_inside(key, f"echo 3 >/proc/sys/vm/drop_caches; {look}").split()


def by_disk(said: Any) -> dict[str, Any]:
    return {one["path"]: one for one in said["result"]["erasure"]["disks"]}


def test_drives_erase_themselves_or_are_named(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    arguments = f'sshkey="{key.public}"'
    with started(tmp_path, arguments, disks=(), devices=devices(tmp_path)) as machine:
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        machine.console.wait_for("ingot: devices settled", timeout_s=BOOT_S)
        fill(machine, key)
        what_reaches_too_little_is_refused(machine, key)
        nvme_formats_and_the_others_are_refused(machine, key)
        what_only_says_yes_is_named(machine, key)
        overwriting_that_is_killed_says_nothing_and_can_be_done_again(machine, key)
        firmware_that_has_nothing_is_told_so(machine, key)


def what_reaches_too_little_is_refused(machine: Started, key: SshKey) -> None:
    said = erase(machine, key, ALLOWED, agent_erase_level="purge")
    assert said["error"].startswith("4 of 4 disks not erased: ")
    assert "NVMe format, user data erase: reaches clear" in said["error"]
    assert {one["state"] for one in by_disk(said).values()} == {"failed"}
    keys = erase(machine, key, ALLOWED, agent_erase_level="destroy-keys")
    assert "cannot be erased at level destroy-keys" in keys["error"]  # fna says no, QEMU says yes
    assert zero_disks(machine, key) == []


def nvme_formats_and_the_others_are_refused(machine: Started, key: SshKey) -> None:
    said = erase(machine, key, {"disk_erasure_concurrency": 4})
    found = by_disk(said)
    assert said["error"].startswith("2 of 4 disks not erased: ")
    assert "overwriting is not allowed" in found[SCSI]["detail"]
    assert "overwriting is not allowed" in found[SATA]["detail"]
    assert zero_disks(machine, key) == [FIRST, SECOND]
    for path, sector in ((FIRST, 512), (SECOND, 4096)):
        one = found[path]
        assert (one["state"], one["levels"], one["sector_bytes"]) == ("erased", ["clear"], sector)
        assert one["read_back"]["same"] == 0
        assert "oacs 0x10a, fna 0x0, sanicap 0x0" in one["log_before"]
        assert one["command"] == f"nvme format {path} --ses=1 --force"
    assert machine.run_inside(key, f"blockdev --getss {SECOND}").strip() == "4096"


def what_only_says_yes_is_named(machine: Started, key: SshKey) -> None:
    """Order what the drives do not announce, as a tool would that trusts exit statuses."""
    sanitize, formatting = inside(machine, key, LIARS)
    assert (sanitize["state"], formatting["state"]) == ("failed", "failed")
    assert "Invalid" in sanitize["detail"]
    assert "hold what they held before" in formatting["detail"]
    assert formatting["read_back"]["same"] == formatting["read_back"]["blocks"]


def overwriting_that_is_killed_says_nothing_and_can_be_done_again(
    machine: Started, key: SshKey
) -> None:
    fill(machine, key)
    node = {"driver_internal_info": ALLOWED, "driver_info": {}}
    text = base64.b64encode(json.dumps({"step": "erase_devices", "node": node}).encode()).decode()
    script = "\n".join(
        [
            "echo $$ >/run/pid",
            f"PYTHONPATH=/opt/ingot/lib exec python3 -c {shlex.quote(STEP)} >/run/said 2>/run/told",
        ]
    )
    program = shlex.join(["/usr/lib/ingot/group", "eraser", "sh", "-c", script])
    wait = "for i in $(seq 600); do grep -q overwriting /run/told 2>/dev/null && break; sleep 0.1; done"
    machine.run_inside(
        key,
        f"echo {text} | base64 -d >/run/order; ({program} </run/order) & {wait}; kill -9 $(cat /run/pid); wait",
    )
    assert machine.run_inside(key, "cat /sys/fs/cgroup/eraser/cgroup.procs") == ""
    assert machine.run_inside(key, "cat /run/said") == ""
    assert SATA not in zero_disks(machine, key)
    found = by_disk(erase(machine, key, ALLOWED))
    assert {path: one["state"] for path, one in found.items()} == dict.fromkeys(DISKS, "erased"), (
        found
    )
    assert found[SATA]["read_back"]["zeros"] == found[SATA]["read_back"]["blocks"]
    assert sorted(zero_disks(machine, key)) == sorted(DISKS)


def firmware_that_has_nothing_is_told_so(machine: Started, key: SshKey) -> None:
    pstore = inside(machine, key, STEP, step="erase_pstore", node={})
    assert pstore["result"]["removed"] == []
    nvram = inside(machine, key, STEP, step="clean_uefi_nvram", node={})
    assert "BIOS" in nvram["result"]["detail"]
