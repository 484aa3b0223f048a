"""A rack to try things in: ``python3 -m tests.lab.rack`` starts a controller and one powered-off machine, and waits.

It prints what an operator knows of a rack: the address of the API, the MAC address, the BMC with its user and password, and an
image with its checksum. Ctrl-C ends it and removes everything. The tutorial (docs/tutorial/first-deployment.md) uses it.
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from tests.lab.enrol import BUILD, OS_IMAGE, publish_os_image, ramdisk_settings
from tests.lab.errors import LabError
from tests.lab.hardware import Disk, Firmware
from tests.lab.lab import Lab

_LOGS = BUILD / "rack"
_DISK_BYTES = 8 << 30


def main(argv: Sequence[str] | None = None) -> int:
    """Keep a rack until Ctrl-C; 2 = the images are not built, 1 = it could not be started."""
    parser = argparse.ArgumentParser(prog="rack", description="A controller and a machine to try.")
    parser.add_argument("--firmware", choices=[kind.value for kind in Firmware], default="bios")
    options = parser.parse_args(argv)
    missing = [f for f in (OS_IMAGE, BUILD / "ramdisk/ingot.initramfs") if not f.exists()]
    if missing:
        sys.stderr.write(f"missing: {missing[0]}; `make ramdisk os-image` builds it\n")
        return 2
    try:
        with Lab(workdir=_LOGS) as lab:
            _print_rack(lab, Firmware(options.firmware))
            signal.pause()
    except LabError as error:
        sys.stderr.write(f"the rack cannot be started: {error}\nlogs: {_LOGS}\n")
        return 1
    except KeyboardInterrupt:
        sys.stdout.write("\neverything that was started is gone\n")
    return 0


def _print_rack(lab: Lab, firmware: Firmware) -> None:
    controller = lab.controller(settings=ramdisk_settings())
    machine = lab.machine(name="node-1", firmware=firmware, disks=(Disk(size_bytes=_DISK_BYTES),))
    image, bmc = publish_os_image(lab), machine.bmc
    facts = {
        "API": controller.outer_url,
        "MAC": machine.nics[0].mac,
        "BMC_ADDRESS": bmc.address,
        "BMC_PORT": bmc.port,
        "BMC_USER": bmc.username,
        "BMC_PASSWORD": bmc.password,
        "BOOT_MODE": firmware.value,
        "IMAGE": image.url,
        "SHA256": image.sha256,
        "CONSOLE": machine.console.raw,
        "LOG": controller.log,
    }
    lines = [f"{name}={value}" for name, value in facts.items()]
    sys.stdout.write("\n".join([*lines, "", "running; Ctrl-C ends it", ""]))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
