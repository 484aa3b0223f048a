"""Real Ironic takes a machine with our ramdisk through every kind of step: inspection, erasures, a mirror, deployment, service, rescue."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.steps_of_a_life import (
    COLLECTORS,
    DISKS,
    ERASURES,
    RAID_STEPS,
    Life,
    check_mirror,
)
from tests.lab.api_client import ApiClient
from tests.lab.enrol import BUILD, enrol
from tests.lab.hardware import Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.real_ironic import PEER, RealIronic

pytestmark = [
    pytest.mark.vm,
    pytest.mark.interop,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not (PEER / "bin/ironic").exists(), reason="make peers installs the real Ironic"
    ),
]


@contextmanager
def enrolled(logs: Path, firmware: Firmware, disks: Sequence[Disk]) -> Iterator[Life]:
    """Give a manageable machine of real Ironic."""
    with Lab(workdir=logs) as lab:
        ironic = RealIronic(
            lab,
            kernel=BUILD / "ramdisk/ingot.vmlinuz",
            ramdisk=BUILD / "ramdisk/ingot.initramfs",
            collectors=tuple(COLLECTORS),
        )
        machine = lab.machine(name="m1", firmware=firmware, disks=disks)
        with lab.network.inside():
            life = Life(api=ApiClient(ironic.url), lab=lab, machine=machine)
            agents = {f"{kind}_interface": "agent" for kind in ("inspect", "raid", "rescue")}
            enrol(life.api, machine, **agents)
            life.manage()
            yield life


@pytest.mark.parametrize("firmware", [Firmware.UEFI, Firmware.BIOS])
def test_real_ironic_inspects_erases_and_deploys_onto_a_mirror(
    firmware: Firmware, logs: Path
) -> None:
    with enrolled(logs, firmware, DISKS) as life:
        found = life.inspect()["plugin_data"]
        assert set(filter(None, COLLECTORS.values())) <= set(found)
        assert found["warnings"] == []
        life.ask_for_mirror()
        check_mirror(life.clean(*ERASURES, "deploy.clean_uefi_nvram", *RAID_STEPS))
        life.deploy(life.lab.scratch / "image")


@pytest.mark.parametrize("firmware", [Firmware.UEFI, Firmware.BIOS])
def test_real_ironic_services_and_rescues_a_deployed_machine(
    firmware: Firmware, logs: Path
) -> None:
    with enrolled(logs, firmware, DISKS[:1]) as life:
        life.be_serviced_and_rescued()
