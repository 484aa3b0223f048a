"""What a machine goes through, ordered by Ironic's API from whoever serves it: every kind of step, in two parts of some minutes each.

The first is of a machine with two NVMe drives, which erase themselves and become a mirror, and a small SATA disk, which is overwritten;
the second is of one with a single drive.
"""

import base64
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.bootable_root import BANNER, make_image
from tests.e2e.rescue_login import address_of, by_password
from tests.integration.disk_images import sha256
from tests.lab.api_client import ApiClient, Document
from tests.lab.disks.bootable_image import UEFI_BANNER
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine

DISKS = (
    Disk(size_bytes=5 << 30, bus=Bus.NVME, serial="FIRST"),
    Disk(size_bytes=5 << 30, bus=Bus.NVME, serial="SECOND"),
    Disk(size_bytes=64 << 20, bus=Bus.SATA, serial="SMALL"),
)
MIRROR = {
    "logical_disks": [
        {
            "raid_level": "1",
            "size_gb": 1,
            "controller": "software",
            "volume_name": "root",
            "is_root_volume": True,
            "physical_disks": [{"name": "/dev/nvme0n1"}, {"name": "/dev/nvme1n1"}],
        }
    ]
}
COLLECTORS = {
    "default": "root_disk",
    "logs": "",
    "pci-devices": "pci_devices",
    "usb-devices": "usb_devices",
    "numa-topology": "numa_topology",
    "dmi-decode": "dmi",
    "lldp": "lldp_raw",
    "extra-hardware": "data",
}
"""Every collector, with a key of what it finds."""
ERASURES = (
    "deploy.erase_devices_metadata",
    "deploy.erase_devices_express",
    "deploy.erase_devices",
    "deploy.erase_pstore",
)
RAID_STEPS = ("raid.delete_configuration", "raid.create_configuration")
PASSWORD = "a password, with $pecial 'letters'"  # a test's
BOOT_S = 600
FIRMWARE_S = 180
LOGIN_S = 60


LOOK = """
set -e
sudo mkdir /mnt/part
for part in /dev/nvme0n1p*; do
    sudo mount -o ro "$part" /mnt/part 2>/dev/null || continue
    ! cat /mnt/part/boot/injected 2>/dev/null || echo "on $part"
    ! cat /mnt/part/openstack/latest/meta_data.json 2>/dev/null || echo "on $part"
    sudo umount /mnt/part
done
"""
"""Says what stands on the disks, in a machine that is rescued."""


def steps(*names: str) -> list[Document]:
    """Return ``interface.step`` as the API takes steps."""
    return [dict(zip(("interface", "step"), name.split("."), strict=True)) for name in names]


def check_mirror(node: Document) -> None:
    """See that the node's ``raid_config`` tells of the mirror."""
    (made,) = node["raid_config"]["logical_disks"]
    assert (made["raid_level"], made["volume_name"]) == ("1", "root"), made


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The node ``m1`` of ``machine``, as its owner sees it."""

    api: ApiClient
    lab: Lab
    machine: Machine

    def manage(self) -> None:
        self.api.provision("m1", "manage")
        self.rest("manageable")

    def inspect(self) -> Document:
        """Inspect; return the inventory with what the collectors found."""
        self.api.provision("m1", "inspect")
        self.rest("manageable")
        found: Document = self.api.call("GET", "/v1/nodes/m1/inventory")
        serials = {disk["serial"] for disk in found["inventory"]["disks"]}
        assert {"FIRST", "SECOND", "SMALL"} <= serials, serials
        return found

    def clean(self, *names: str) -> Document:
        """Take steps of manual cleaning in one boot."""
        self.api.provision("m1", "clean", clean_steps=steps(*names))
        return self.rest("manageable")

    def ask_for_mirror(self, size_gb: int | str = 1) -> None:
        (mirror,) = MIRROR["logical_disks"]
        wanted = {"logical_disks": [{**mirror, "size_gb": size_gb}]}
        self.api.call("PUT", "/v1/nodes/m1/states/raid", wanted, ok=204)

    def deploy(self, folder: Path) -> None:
        """Write the small image with a config drive, and see the machine's firmware start it."""
        folder.mkdir()
        content = make_image(folder)
        url = self.lab.http.publish("image.raw", content)
        self.api.set_image("m1", url, sha256(content), image_disk_format="raw")
        patch = [{"op": "add", "path": "/automated_clean", "value": False}]
        self.api.call("PATCH", "/v1/nodes/m1", patch)
        self.api.provision("m1", "provide")
        self.rest("available")
        mark = self.machine.console.mark()
        drive = {"meta_data": {"hostname": "by-steps", "uuid": "1"}}
        self.api.provision("m1", "active", configdrive=drive)
        self.rest("active")
        self.see_it_boot(mark)

    def see_it_boot(self, mark: int) -> None:
        is_uefi = self.machine.hardware.firmware is Firmware.UEFI
        wanted = UEFI_BANNER if is_uefi else BANNER
        self.machine.console.wait_for(wanted, timeout_s=FIRMWARE_S, since=mark)

    def inject(self) -> None:
        """Put a file onto the root file system by a service step."""
        content = base64.b64encode(b"injected\n").decode()
        args = {"files": [{"path": "/boot/injected", "content": content, "partition": 2}]}
        (step,) = steps("deploy.inject_files")
        self.api.provision("m1", "service", service_steps=[{**step, "args": args}])
        self.rest("active")

    def rescue_and_look(self, script: str) -> str:
        """Rescue the machine; return what ``script`` says in it by SSH."""
        mark = self.machine.console.mark()
        self.api.provision("m1", "rescue", rescue_password=PASSWORD)
        self.rest("rescue")
        # the real agent has only written the password when it answers; what opens the login has seen it within a second
        self.machine.console.wait_for("ingot: rescue login opened", timeout_s=LOGIN_S, since=mark)
        address = address_of(self.machine, mark)
        status, said = by_password(self.lab.scratch, address, PASSWORD, script)
        assert status == 0, said
        return said

    def unrescue(self) -> None:
        mark = self.machine.console.mark()
        self.api.provision("m1", "unrescue")
        self.rest("active")
        self.see_it_boot(mark)

    def be_serviced_and_rescued(self) -> None:
        """Go through the second part, up to the machine's own system."""
        self.deploy(self.lab.scratch / "image")
        self.inject()
        said = self.rescue_and_look(LOOK)
        assert "injected" in said, said
        assert '"by-steps"' in said, said
        self.unrescue()

    def rest(self, state: str) -> Document:
        """Wait until the node rests in ``state`` without an error."""
        node = self.api.wait_for_state("m1", state, timeout_s=BOOT_S)
        assert node["last_error"] is None, node["last_error"]
        return node
