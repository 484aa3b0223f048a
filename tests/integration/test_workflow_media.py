"""Workflows of machines that boot an image of their BMC: who has the token, and when the image is out of the drive."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.hardware.abilities import MediaDevice
from controller.store.nodes import get_node
from controller.workflow.locks import WAITING
from controller.workflow.verbs import validate
from tests.integration.media_machine import (
    KERNEL,
    MediaBmc,
    controller_with_media,
    enrol_with_media,
    fetched,
    file_of,
    token_in,
)
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.waiting import wait_until

CD, STICK = MediaDevice.CDROM, MediaDevice.DISK
DATA = {"links": [], "networks": [], "services": [{"type": "dns", "address": "192.0.2.53"}]}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with controller_with_media(tmp_path) as made:
        yield made


def history(controller: RunningController) -> str:
    return "\n".join(event.message for event in controller.events("m1"))


def wait_until_empty(bmc: MediaBmc) -> None:
    wait_until(lambda: not any(bmc.drives.values()), 20, "empty drives")


def seen_at_orders(bmc: MediaBmc) -> list[tuple[bool, ...]]:
    """Return a list that gets at each order to the agent which drives are full."""
    seen: list[tuple[bool, ...]] = []

    def look(what: str) -> None:
        if what.startswith("order"):
            seen.append(tuple(url is not None for url in bmc.drives.values()))

    bmc.machine.on_change = look
    return seen


def urls_at_power_on(bmc: MediaBmc) -> list[str]:
    """Return a list that gets at each start where the machine's image is."""
    seen: list[str] = []

    def look(what: str) -> None:
        if what.startswith("on"):
            seen.append(str(bmc.address or bmc.drives[CD]))

    bmc.machine.on_change = look
    return seen


def clean(controller: RunningController, state: str = "available") -> None:
    controller.ask("m1", "provide")
    controller.wait_for("m1", state)


def test_the_agent_has_its_token_from_an_image_that_is_gone_before_its_first_order(
    controller: RunningController,
) -> None:
    bmc = enrol_with_media(controller, network_data=DATA)
    seen = seen_at_orders(bmc)
    clean(controller)
    image = bmc.images[CD]
    assert token_in(image) == bmc.machine.token_on_medium
    assert file_of(image, "VMLINUZ") == KERNEL.decode()
    assert "192.0.2.53" in (file_of(image, "openstack/latest/network_data.json") or "")
    script = file_of(image, "boot/grub/grub.cfg") or ""
    assert "'boot_method=vmedia'" in script
    assert "'console=ttyS0'" in script
    assert str(bmc.machine.token_on_medium) not in script
    order = [call for call in bmc.calls if call.startswith(("attach", "set_boot", "power_on"))]
    assert order[:3] == ["attach cdrom", "set_boot_device cdrom", "power_on"]
    assert set(seen) == {(False,)}
    assert "it has its token from its medium" in history(controller)
    node = controller.node("m1")
    assert "boot_medium" not in node.driver_internal_info
    assert node.agent_secret is None


def test_an_image_is_served_while_it_is_booted_and_then_to_nobody(
    controller: RunningController,
) -> None:
    bmc = enrol_with_media(controller)
    addresses = urls_at_power_on(bmc)
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").provision_state == "clean wait", 20, "the boot")
    (url,) = addresses
    whole = requests.get(url, timeout=10)
    assert whole.content == bmc.images[CD]
    tag = requests.head(url, timeout=10).headers
    assert tag["Content-Length"] == str(len(whole.content))
    for start, end in ((0, 0), (2047, 70_000), (len(whole.content) - 9, len(whole.content) - 1)):
        headers = {"Range": f"bytes={start}-{end}", "If-Range": tag["ETag"]}
        part = requests.get(url, headers=headers, timeout=10)
        assert (part.status_code, part.content) == (206, whole.content[start : end + 1])
    for wrong in (url[:-9] + "x/boot.iso", url.replace("/boot.iso", "/other.iso"), f"{url}x"):
        assert requests.get(wrong, timeout=10).status_code == 404
    lookup = requests.get(
        f"{controller.url}/v1/lookup?addresses=52:54:00:00:00:01",
        headers={"X-OpenStack-Ironic-API-Version": "1.62"},
        timeout=10,
    )
    assert lookup.json()["config"]["agent_token"] == "******"
    shown = requests.get(
        f"{controller.url}/v1/nodes/m1",
        headers={"X-OpenStack-Ironic-API-Version": "1.80"},
        timeout=10,
    )
    assert url.split("/")[-2] not in shown.text
    controller.ask("m1", "abort")
    controller.wait_for("m1", "clean failed")
    wait_until_empty(bmc)
    assert requests.get(url, timeout=10).status_code == 404


def test_an_agent_that_never_calls_leaves_no_image_behind(controller: RunningController) -> None:
    object.__setattr__(controller.settings, "callback_timeout_s", 0.5)
    bmc = enrol_with_media(controller)
    bmc.machine.behaviour.calls_back = False
    clean(controller, "clean failed")
    wait_until_empty(bmc)


@pytest.mark.parametrize("end", ["late", "abort"])
@pytest.mark.parametrize("verb", ["active", "inspect", "rescue"])
def test_the_image_is_out_and_served_to_nobody_though_the_machine_stays_on(
    controller: RunningController, verb: str, end: str
) -> None:
    before = {"active": "available", "inspect": "manageable", "rescue": "active"}[verb]
    more = {"rescue_password": "correct-horse"} if verb == "rescue" else {}
    bmc = enrol_with_media(controller, state=before, instance_info=IMAGE)
    addresses = urls_at_power_on(bmc)
    bmc.machine.behaviour.calls_back = False
    limit_s = 2.0 if end == "late" else 30.0
    object.__setattr__(controller.settings, "callback_timeout_s", limit_s)
    object.__setattr__(controller.settings, "power_change_timeout_s", 0.5)
    controller.ask("m1", verb, **more)
    wait_until(lambda: bool(addresses), 20, "the boot")
    bmc.stays_on = True
    if end == "abort":
        wait_until(lambda: controller.node("m1").provision_state in WAITING, 20, "the wait")
        controller.ask("m1", "abort")
    wait_until(lambda: "tidying up failed" in history(controller), 20, "the power-off's failure")
    assert controller.node("m1").provision_state.endswith(" failed")
    assert bmc.drives[CD] is None
    assert requests.get(addresses[0], timeout=10).status_code == 404


def test_what_has_the_token_is_served_to_nobody_after_a_failure_though_the_bmc_keeps_it(
    controller: RunningController,
) -> None:
    object.__setattr__(controller.settings, "callback_timeout_s", 1.0)
    object.__setattr__(controller.settings, "power_change_timeout_s", 0.5)
    bmc = enrol_with_media(controller, state="available", instance_info=IMAGE)
    addresses = urls_at_power_on(bmc)
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "active")
    wait_until(lambda: bool(addresses), 20, "the boot")
    bmc.keeps = bmc.stays_on = True
    controller.wait_for("m1", "deploy failed")
    wait_until(lambda: "tidying up failed" in history(controller), 20, "the power-off's failure")
    assert requests.get(addresses[0], timeout=10).status_code == 404
    assert "may still be in a virtual drive" in history(controller)


@pytest.mark.parametrize("fault", ["refuses", "loses"])
def test_a_bmc_that_does_not_take_the_image_is_named_and_the_address_is_not(
    controller: RunningController, fault: str
) -> None:
    bmc = enrol_with_media(controller)
    setattr(bmc, fault, True)
    clean(controller, "clean failed")
    said = str(controller.node("m1").last_error)
    assert ("cannot fetch" if fault == "refuses" else "still empty") in said
    assert "***/boot.iso" in said or fault == "loses"
    assert "power_on" not in bmc.calls


def test_a_bmc_that_keeps_the_image_is_told_again_by_the_next_workflow(
    controller: RunningController,
) -> None:
    bmc = enrol_with_media(controller)
    bmc.keeps = True
    clean(controller)
    assert "may still be in a virtual drive: BMC 10.0.0.1: the medium is still" in history(
        controller
    )
    assert bmc.drives[CD] is not None
    assert requests.get(str(bmc.drives[CD]), timeout=10).status_code == 404
    bmc.keeps = False
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    clean(controller)
    assert bmc.drives[CD] is None
    assert "boot_medium" not in controller.node("m1").driver_internal_info


@pytest.mark.parametrize("place", ["file", "address"])
def test_a_ready_image_stays_until_the_end_with_settings_beside_it(
    controller: RunningController, tmp_path: Path, place: str
) -> None:
    ready = str(tmp_path / "ready.iso") if place == "file" else "http://127.0.0.1:9/ready.iso"
    bmc = enrol_with_media(
        controller,
        CD,
        STICK,
        state="available",
        driver_info={"deploy_iso": ready},
        instance_info=IMAGE,
    )
    seen = seen_at_orders(bmc)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    if place == "file":
        assert bmc.images[CD] == b"ready" * 1000
    settings = file_of(bmc.images[STICK], "parameters.txt") or ""
    assert f"ipa-api-url={controller.settings.public_url}" in settings
    assert set(seen) == {(True, False)}
    assert bmc.drives == {CD: None, STICK: None}


def test_a_ready_image_without_a_second_drive_gets_its_token_by_lookup(
    controller: RunningController, tmp_path: Path
) -> None:
    bmc = enrol_with_media(controller, driver_info={"deploy_iso": str(tmp_path / "ready.iso")})
    clean(controller)
    assert bmc.images[CD] == b"ready" * 1000
    assert "no second drive" in history(controller)
    assert bmc.drives[CD] is None


def test_firmware_boots_an_address_whose_image_has_no_token(controller: RunningController) -> None:
    bmc = enrol_with_media(controller, boot="redfish-https")
    images: list[bytes] = []
    bmc.machine.on_change = lambda what: (
        images.append(fetched(str(bmc.address))) if what.startswith("on") else None
    )
    clean(controller)
    assert not any(call.startswith("attach") for call in bmc.calls)
    (image,) = images
    assert file_of(image, "parameters.txt") is None
    assert "boot_method" not in (file_of(image, "boot/grub/grub.cfg") or "boot_method")
    assert str(bmc.address).endswith("/boot.iso")


def test_what_is_missing_is_said_before_a_machine_is_touched(
    controller: RunningController, tmp_path: Path
) -> None:
    enrol_with_media(controller, driver_info={"deploy_kernel": "http://127.0.0.1:9/kernel"})
    said = validate(controller.services, "m1")["boot"]
    assert "fetches nothing from web servers" in said["reason"]


def test_a_live_image_of_the_instance_stays_in_the_drive_until_tear_down(
    controller: RunningController, tmp_path: Path
) -> None:
    (tmp_path / "live.iso").write_bytes(b"live" * 1000)
    bmc = enrol_with_media(
        controller, state="available", instance_info={"boot_iso": str(tmp_path / "live.iso")}
    )
    change(controller, interfaces={"boot": "redfish-virtual-media", "deploy": "ramdisk"})
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert bmc.images[CD] == b"live" * 1000
    assert bmc.drives[CD] is not None
    assert fetched(str(bmc.drives[CD])) == bmc.images[CD]
    assert bmc.machine.is_on
    controller.ask("m1", "rescue", rescue_password="correct-horse")
    controller.wait_for("m1", "rescue")
    assert bmc.drives[CD] is None
    controller.ask("m1", "unrescue")
    controller.wait_for("m1", "active")
    assert fetched(str(bmc.drives[CD])) == b"live" * 1000
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
    assert bmc.drives[CD] is None


def change(controller: RunningController, **columns: object) -> None:
    with controller.store.edit() as session:
        node = get_node(session, "m1")
        for name, value in columns.items():
            setattr(node, name, value)
