"""A machine without hardware that boots what its BMC puts into a drive: the BMC fetches images as real ones do, and the agent reads them."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from controller.errors import BmcError
from controller.hardware.abilities import MediaDevice
from controller.hardware.bmc import BootDevice, BootMode
from tests.integration.agent_double import Machine
from tests.integration.running_controller import MachineBmc, RunningController, running_controller

KERNEL, INITRD = b"kernel!" * 9_001, b"initrd!" * 70_001
TOKEN = "ipa-agent-token="  # the name of an argument


class MediaBmc(MachineBmc):
    """Its drives; whatever it is told is in ``calls``."""

    def __init__(self, machine: Machine, drives: tuple[MediaDevice, ...]) -> None:
        super().__init__(machine)
        self.drives: dict[MediaDevice, str | None] = dict.fromkeys(drives)
        self.images: dict[MediaDevice, bytes] = {}
        self.refuses, self.keeps, self.loses = False, False, False
        self.address: str | None = None

    def media(self, *, timeout_s: float) -> Mapping[MediaDevice, str | None]:
        self._call("media")
        return dict(self.drives)

    def attach_media(
        self, device: MediaDevice, url: str, *, beside: bool = False, timeout_s: float
    ) -> str | None:
        self._call(f"attach {device}")
        if self.refuses:
            raise BmcError(f"BMC 10.0.0.1: cannot fetch {url}")
        if self.loses:
            return None
        self.drives[device], self.images[device] = url, fetched(url)
        if token := token_in(self.images[device]):
            self.machine.token_on_medium = token
        return None

    def detach_media(
        self, device: MediaDevice, *, drive: str | None = None, timeout_s: float
    ) -> None:
        self._call(f"detach {device}")
        if self.keeps:
            raise BmcError("BMC 10.0.0.1: the medium is still in the drive")
        self.drives[device] = None

    def boot_next_address(self, url: str, *, timeout_s: float) -> None:
        self._call("boot_next_address")
        self.address, self.machine.boot_device = url, "pxe"

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Boot the ramdisk where a drive has something to boot, too."""
        self._call(f"set_boot_device {device}")
        is_medium = device is BootDevice.CDROM and self.drives.get(MediaDevice.CDROM)
        self.machine.boot_device = "pxe" if is_medium else str(device)


def fetched(url: str) -> bytes:
    """Return what is there; nothing where nobody answers."""
    try:
        reply = requests.get(url, timeout=10)
    except requests.ConnectionError:
        return b""
    return reply.content if reply.status_code == 200 else b""


def file_of(image: bytes, name: str) -> str | None:
    """Return a file of an image as xorriso reads it; ``None`` = it has none of this name."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "image", Path(folder) / "file"
        source.write_bytes(image)
        argv = ["xorriso", "-indev", str(source), "-osirrox", "on"]
        argv += ["-extract", f"/{name}", str(target)]
        subprocess.run(argv, check=False, capture_output=True)
        return target.read_text(errors="replace") if target.is_file() else None


def token_in(image: bytes) -> str | None:
    words = (file_of(image, "parameters.txt") or "").split() if image else []
    return next((word.removeprefix(TOKEN) for word in words if word.startswith(TOKEN)), None)


def enrol_with_media(
    controller: RunningController,
    *drives: MediaDevice,
    boot: str = "redfish-virtual-media",
    state: str = "manageable",
    driver_info: Mapping[str, Any] | None = None,
    **columns: Any,
) -> MediaBmc:
    """Make a node ``m1`` whose BMC has these drives, a CD drive unless they are named."""
    info = {"fake_id": "m1", "external_http_url": controller.url, **(driver_info or {})}
    plain = controller.enrol(
        "m1", state, driver_info=info, interfaces={"boot": boot, "deploy": "direct"}, **columns
    )
    bmc = MediaBmc(plain.machine, drives or (MediaDevice.CDROM,))
    controller.driver.bmcs["m1"] = bmc
    return bmc


@contextmanager
def controller_with_media(tmp_path: Path) -> Iterator[RunningController]:
    """Run a controller that has all that media are made of, and ``ready.iso``."""
    grub = tmp_path / "grub/x86_64-efi-signed"
    for folder in (tmp_path / "shim", grub):
        folder.mkdir(parents=True)
    (tmp_path / "shim/shimx64.efi.signed").write_bytes(b"shim" * 1000)
    for name in ("grubnetx64", "gcdx64"):
        (grub / f"{name}.efi.signed").write_bytes(b"grub" * 3000)
    (tmp_path / "kernel").write_bytes(KERNEL)
    (tmp_path / "initrd").write_bytes(INITRD)
    (tmp_path / "ready.iso").write_bytes(b"ready" * 1000)
    files = {
        "deploy_kernel": str(tmp_path / "kernel"),
        "deploy_ramdisk": str(tmp_path / "initrd"),
        "grub_directory": str(tmp_path),
        "default_boot_mode": "uefi",
        "kernel_append_params": "console=ttyS0",
        "callback_timeout_s": 20,
    }
    with running_controller(tmp_path, **files) as made:
        yield made
