"""A bootable container is ordered as Ironic orders it, by command and by step, and told in Ironic's words; no secret is kept."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from agent.errors import AgentError, BootloaderError, ImageError, InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.hardware.tools import ProgressSink
from agent.hardware.wishes import Wishes
from agent.hardware.writing import InstalledContainer
from agent.protocol.bootc import BootcOrder
from agent.protocol.commands import CommandStatus
from agent.system.stop_signal import StopSignal
from hardware_managers.generic.steps import STEPS
from tests.unit.agent.commands.command_desk import NODE, Desk, execute

SOURCE = "oci://registry.example.org/os:12"
SECRET = base64.b64encode(base64.b64encode(b"tux:open sesame")).decode()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tux@example.org"
SAID = f"execute_bootc_install: Container image ({SOURCE}) written to device /dev/vda"


class Installer:
    """Installs in thought."""

    def __init__(self, boot_mode: str = "uefi", error: AgentError | None = None) -> None:
        self.orders: list[BootcOrder] = []
        self._boot_mode = boot_mode
        self._error = error

    def install_container(
        self,
        order: BootcOrder,
        disk: BlockDevice,
        progress: ProgressSink,
        *,
        stop: StopSignal | None = None,
    ) -> InstalledContainer:
        self.orders.append(order)
        if self._error is not None:
            raise self._error
        return InstalledContainer(
            disk=disk,
            boot_mode=self._boot_mode,
            image=order.source,
            pinned=order.pinned("sha256:7e"),
            bootc="bootc 1.1",
            partitions=("2: 'root' 9 bytes, ext4",),
        )


def with_installer(desk: Desk, installer: Installer, wishes: Wishes | None = None) -> None:
    (one,) = desk.hardware.managers
    step = next(step for step in STEPS if step.name == "execute_bootc_install")
    desk.hardware.managers = (replace(one, container_installer=installer, steps=(step,)),)
    desk.hardware.configure(wishes or Wishes())


def test_the_command_installs_and_says_so_in_ironics_words(desk: Desk) -> None:
    with_installer(desk, installer := Installer())
    result = desk.do(
        "standby.execute_bootc_install",
        {
            "node": NODE,
            "image_source": SOURCE,
            "instance_info": {"bootc_authorized_keys": KEY, "bootc_tpm2_luks": True},
            "pull_secret": SECRET,
            "configdrive": "H4sI",
        },
    ).command_result
    assert result["result"] == SAID
    installation = result["installation"]
    assert installation["image"] == "registry.example.org/os@sha256:7e"
    assert installation["boot_entries"] == ["Debian"]
    assert installation["warnings"] == []
    assert desk.machine.booted == ["/dev/vda uefi"]
    (order,) = installer.orders
    assert order.login == ("tux", "open sesame")
    assert (order.authorized_keys, order.has_tpm2_luks) == (f"{KEY}\n", True)
    assert order.configdrive == "H4sI"


def test_the_step_installs_what_the_nodes_instance_info_adds_and_keeps_no_secret(
    desk: Desk,
) -> None:
    with_installer(desk, installer := Installer(boot_mode="bios"))
    args = {"image_source": SOURCE, "configdrive": None, "oci_pull_secret": SECRET}
    order = execute({"step": "execute_bootc_install", "interface": "deploy", "args": args})
    order["node"] = NODE | {"instance_info": {"bootc_authorized_keys": KEY}}
    result = desk.do("deploy.execute_deploy_step", order)
    assert result.command_result["deploy_result"]["result"] == SAID
    assert installer.orders[0].authorized_keys == f"{KEY}\n"
    assert desk.machine.booted == ["/dev/vda bios"]
    assert result.command_result["deploy_step"]["args"]["oci_pull_secret"] == "******"
    kept = "".join(file.read_text() for file in (desk.folder / "commands").iterdir())
    assert SOURCE in kept
    assert SECRET not in kept


def test_an_error_that_quotes_the_login_does_not_show_it(desk: Desk) -> None:
    quoting = ImageError("podman: tux:open sesame (dHV4Om9wZW4gc2VzYW1l) was refused: open sesame")
    with_installer(desk, Installer(error=quoting))
    order = {"node": NODE, "image_source": SOURCE, "pull_secret": SECRET}
    result = desk.do("standby.execute_bootc_install", order)
    assert result.command_status is CommandStatus.FAILED
    assert "podman: ****** (******) was refused: ******" in result.command_error.details


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ({"image_source": "http://web/os.raw"}, "execute_bootc_install: image_source: "),
        ({"image_source": SOURCE, "pull_secret": "?"}, "pull_secret: is no base64"),
        (
            {"image_source": SOURCE, "instance_info": {"bootc_tpm2_luks": "perhaps"}},
            "bootc_tpm2_luks: 'perhaps' is neither",
        ),
        ({}, "image_source"),
    ],
)
def test_what_cannot_be_installed_is_refused_at_once(
    desk: Desk, order: dict[str, Any], complaint: str
) -> None:
    with_installer(desk, installer := Installer())
    with pytest.raises(InvalidRequest, match=complaint):
        desk.do("standby.execute_bootc_install", {"node": NODE} | order)
    assert installer.orders == []


def test_without_a_node_no_disk_is_guessed(desk: Desk) -> None:
    with_installer(desk, Installer())
    with pytest.raises(InvalidRequest, match="execute_bootc_install: no node is known"):
        desk.do("standby.execute_bootc_install", {"image_source": SOURCE})


def test_the_operator_may_want_none_and_a_ramdisk_may_have_no_podman(desk: Desk) -> None:
    order = {"node": NODE, "image_source": SOURCE}
    missing = desk.do("standby.execute_bootc_install", order).command_error
    assert "which takes podman (build-ramdisk --with podman)" in missing.details
    with_installer(desk, installer := Installer(), Wishes(disable_bootc=True))
    refused = desk.do("standby.execute_bootc_install", order).command_error
    assert "disable_bootc_deploy" in refused.details
    assert installer.orders == []


def test_a_firmware_that_takes_no_entry_fails_the_deployment_unless_that_is_ignored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object, **_named: object) -> tuple[str, ...]:
        raise BootloaderError("its variables are full")

    monkeypatch.setattr(desk.machine, "install_bootloader", refuse)
    order = {"node": NODE, "image_source": SOURCE}
    with_installer(desk, Installer())
    failed = desk.do("standby.execute_bootc_install", order).command_error
    assert "its variables are full" in failed.details
    with_installer(desk, Installer(), Wishes(ignore_bootloader_failure=True))
    result = desk.do("standby.execute_bootc_install", order).command_result
    (warning,) = result["installation"]["warnings"]
    assert "its variables are full" in warning
