"""Failures of a deployment on one real machine, one after the other: each explains itself and the next try goes on.

The node is never repaired by hand between the tests: that the next one works is the proof that the last one wedged nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import SshKey, make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.demo.road import Image
from tests.lab.enrol import (
    BUILD,
    OS_IMAGE,
    config_drive,
    enrol,
    failure_of,
    make_available,
    publish_os_image,
    ramdisk_settings,
)
from tests.lab.hardware import BootDevice, Disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.program import run

pytestmark = pytest.mark.vm


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A lab with a controller and one machine whose node is ``available``."""

    lab: Lab
    machine: Machine
    api: ApiClient
    image: Image
    key: SshKey
    failures: list[str] = field(default_factory=list)

    def ask_for(self, url: str, sha256: str, **instance: object) -> None:
        """Ask for a deployment of an image."""
        self.api.set_image("m1", url, sha256, **instance)
        self.api.provision("m1", "active", configdrive=config_drive("after-failures", self.key))

    def failure(self) -> str:
        """Wait for "deploy failed" and return what the node says of it."""
        error = failure_of(self.api, "m1", "deploy failed", timeout_s=420)
        self.failures.append(error)
        return error

    def must_not_boot(self) -> None:
        """Start the machine from its disk and see that it finds nothing to start."""
        self.api.wait_until(
            "m1", lambda node: node["stage"] is None, timeout_s=120, failed_too=True
        )
        self.machine.power_off()
        self.machine.set_boot_device(BootDevice.DISK)
        mark = self.machine.console.mark()
        self.machine.power_on()
        self.machine.console.wait_for(
            r"No bootable device|not a bootable disk", timeout_s=60, since=mark
        )
        shown = "\n".join(line.text for line in self.machine.console.lines[mark:])
        assert "GRUB" not in shown
        self.machine.power_off()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    logs = BUILD / "test-results/deployments-that-fail"
    logs.mkdir(parents=True, exist_ok=True)
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings={**ramdisk_settings(), "agent_silence_timeout_s": 60})
        key = make_key(lab.scratch)
        machine = lab.machine(
            name="m1", memory_mib=1024, disks=(Disk(size_bytes=8 << 30, serial="ROOT1"),)
        )
        with lab.network.inside():
            api = ApiClient(controller.url)
            debug = f'%default% sshkey="{key.public}"'
            enrol(api, machine, driver_info={"kernel_append_params": debug})
            make_available(api, "m1", clean=False)
            yield Site(lab=lab, machine=machine, api=api, image=publish_os_image(lab), key=key)


def test_an_image_that_is_not_there_fails_before_the_machine_is_touched(site: Site) -> None:
    site.ask_for(f"{site.lab.http.url}/no-such-image.qcow2", site.image.sha256)
    error = site.failure()
    assert "no-such-image.qcow2" in error
    assert "404" in error
    assert not site.machine.is_on


@pytest.mark.long
def test_a_disk_that_no_hint_fits_is_named_with_the_reason(site: Site) -> None:
    site.ask_for(site.image.url, site.image.sha256, root_device={"serial": "s== OTHER"})
    error = site.failure()
    assert "/dev/vda" in error
    assert "serial" in error
    site.api.call("PATCH", "/v1/nodes/m1", [{"op": "remove", "path": "/instance_info/root_device"}])


@pytest.mark.long
def test_an_image_larger_than_the_disk_is_refused_before_the_first_write(site: Site) -> None:
    big = site.lab.scratch / "big.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", str(big), "64G")
    digest = run("sha256sum", str(big)).split()[0]
    site.ask_for(site.lab.http.publish("big.qcow2", big), digest)
    error = site.failure()
    assert "/dev/vda" in error
    assert str(64 << 30) in error
    assert str(8 << 30) in error


@pytest.mark.long
def test_a_wrong_checksum_leaves_a_disk_that_cannot_boot(site: Site) -> None:
    site.ask_for(site.image.url, "0" * 64)
    error = site.failure()
    assert "0" * 64 in error
    assert site.image.sha256 in error
    site.must_not_boot()


def test_an_agent_that_dies_in_the_middle_of_a_write_fails_the_step_and_says_so(site: Site) -> None:
    site.lab.http.faults("debian.qcow2").bytes_per_s = 4 << 20
    site.ask_for(site.image.url, site.image.sha256)
    site.api.wait_until("m1", lambda node: written_bytes(node) > 8 << 20, timeout_s=420)
    ssh(site, "fuser --kill -KILL 9999/tcp")
    error = site.failure()
    assert "write_image" in error
    assert "restarted" in error or "died" in error
    site.must_not_boot()


@pytest.mark.long
def test_a_machine_that_loses_its_power_in_the_middle_of_a_write_fails_the_step(site: Site) -> None:
    site.lab.http.faults("debian.qcow2").bytes_per_s = 4 << 20
    site.ask_for(site.image.url, site.image.sha256)
    site.api.wait_until("m1", lambda node: written_bytes(node) > 8 << 20, timeout_s=420)
    site.machine.power_off()
    error = site.failure()
    assert "in the middle of write_image" in error
    assert "its BMC says power off" in error
    site.must_not_boot()


def test_a_connection_cut_in_the_middle_is_resumed_and_ends_in_a_running_system(
    site: Site,
) -> None:
    faults = site.lab.http.faults("debian.qcow2")
    faults.bytes_per_s = None
    faults.cut_after_bytes, faults.cut_times = 50_000_000, 1
    before = len(site.lab.http.requests)
    mark = site.machine.console.mark()
    site.ask_for(site.image.url, site.image.sha256)
    site.api.wait_for_state("m1", "active", timeout_s=600)
    wait_for_system(
        site.machine, hostname="after-failures", key=site.key, since=mark, timeout_s=300
    )
    served = [r for r in site.lab.http.requests[before:] if r.sent_bytes > 1 << 20]
    assert len(served) == 2, served
    size_bytes = OS_IMAGE.stat().st_size
    assert sum(r.sent_bytes for r in served) < 1.1 * size_bytes, "it began again from zero"


def written_bytes(node: dict[str, object]) -> int:
    progress = node.get("progress")
    return int(progress.get("bytes_done") or 0) if isinstance(progress, dict) else 0


def ssh(site: Site, command: str) -> None:
    """Run a command in the ramdisk of the machine, as an operator who passed sshkey= can."""
    agent_url = site.api.node("m1")["driver_internal_info"]["agent_url"]
    address = urlsplit(agent_url).hostname
    options = (
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "LogLevel=ERROR",
    )
    site.lab.network.run(
        "ssh", "-i", str(site.key.private_file), *options, f"root@{address}", command
    )


def test_the_results_of_this_module_are_kept(site: Site) -> None:
    """The node's history tells every failure in order, for whoever comes later."""
    events = [str(event["event"]) for event in site.api.history("m1")]
    assert site.failures
    assert sum("deploy failed" in event for event in events) >= len(site.failures)
