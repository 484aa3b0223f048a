"""What a node's interfaces can do beside workflows, over the API: firmware modes, NMI, indicators, console."""

import pytest

from controller.bmc.fake import FakeBmc
from tests.integration.controller_api import Api

IPMI = {"ipmi_address": "192.0.2.1", "ipmi_username": "u", "ipmi_password": "p"}


def add(api: Api, **values: object) -> str:
    body = {"driver": "fake-hardware", "driver_info": {"fake_id": "m1"}} | values
    return f"/v1/nodes/{api.ok('POST', '/v1/nodes', body)['uuid']}"


def told(api: Api, path: str) -> list[str]:
    return [one["event"] for one in api.ok("GET", f"{path}/history?detail=true")["history"]]


def test_the_boot_mode_and_secure_boot_are_set_read_back_and_told(api: Api) -> None:
    path = add(api)
    reply = api.call("PUT", f"{path}/states/secure_boot", {"target": True})
    assert (reply.status_code, reply.headers["Location"]) == (
        202,
        f"http://localhost{path}/states",
    )
    assert api.ok("GET", f"{path}/states")["secure_boot"] is True
    api.ok("PUT", f"{path}/states/boot_mode", {"target": "bios"})
    states = api.ok("GET", f"{path}/states")
    assert (states["boot_mode"], states["secure_boot"]) == ("bios", False)
    said = api.error(502, "PUT", f"{path}/states/secure_boot", {"target": True})
    assert "Secure Boot needs UEFI" in said
    assert {"The boot mode was set to bios", "Secure Boot was switched on"} <= {*told(api, path)}


def test_a_bmc_that_says_yes_and_does_nothing_is_found_out(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = add(api)
    monkeypatch.setattr(FakeBmc, "set_boot_mode", lambda *_args, **_options: None)
    said = api.error(502, "PUT", f"{path}/states/boot_mode", {"target": "bios"})
    assert "took the boot mode bios and still says uefi" in said
    assert api.ok("GET", f"{path}/states")["boot_mode"] == "uefi"
    api.ok("PUT", f"{path}/management/boot_device", {"boot_device": "pxe"})  # it was let go


def test_an_nmi_needs_a_machine_that_is_on(api: Api) -> None:
    path = add(api)
    said = api.error(502, "PUT", f"{path}/management/inject_nmi", {})
    assert "NMI refused: the machine is off" in said
    assert "An NMI was sent" not in told(api, path)


def test_an_indicator_is_switched_unless_it_can_be_read_only(api: Api) -> None:
    path = f"{add(api)}/management/indicators"
    api.ok("PUT", f"{path}/led@system", {"state": "blinking"})
    assert api.ok("GET", f"{path}/led@system") == {"state": "blinking"}
    assert "read only" in api.error(400, "PUT", f"{path}/led-0@chassis", {"state": "on"})
    said = api.error(400, "PUT", f"{path}/led@system", {"state": "green"})
    assert "possible: blinking, off, on" in said
    assert "there are: led-0@chassis, led@system" in api.error(400, "GET", f"{path}/x@system")


@pytest.mark.parametrize(
    ("method", "below", "body", "what"),
    [
        ("PUT", "states/boot_mode", {"target": "bios"}, "change the boot mode"),
        ("PUT", "states/secure_boot", {"target": False}, "switch Secure Boot"),
        ("GET", "vmedia", None, "attach virtual media"),
        ("POST", "vmedia", {"device_type": "cdrom", "image_url": "http://a/b"}, "attach virtual"),
        ("DELETE", "vmedia", None, "attach virtual media"),
    ],
)
def test_an_interface_that_cannot_says_so_and_asks_nobody(
    api: Api, method: str, below: str, body: object, what: str
) -> None:
    path = add(api, driver="ipmi", driver_info=IPMI)
    said = api.error(400, method, f"{path}/{below}", body)
    assert f"The management_interface ipmitool of node {path.rpartition('/')[2]} cannot" in said
    assert f"cannot {what}" in said
    assert "nothing was changed" in said


@pytest.mark.parametrize(
    ("method", "below", "body", "what"),
    [
        ("GET", "", None, "show indicators"),
        ("PUT", "/led@system", {"state": "on"}, "switch indicators"),
    ],
)
def test_a_machine_without_a_bmc_has_no_indicators(
    api: Api, method: str, below: str, body: object, what: str
) -> None:
    path = add(api, driver="manual-management")
    said = api.error(400, method, f"{path}/management/indicators{below}", body)
    assert f"The management_interface noop of node {path.rpartition('/')[2]} cannot {what}" in said


def test_a_node_on_its_way_keeps_its_firmware(api: Api) -> None:
    path = add(api)
    api.set_row(path.rpartition("/")[2], provision_state="cleaning")
    said = api.error(409, "PUT", f"{path}/states/boot_mode", {"target": "bios"})
    assert "is cleaning, on its way to another state" in said


def test_the_console_of_a_node_without_one(api: Api) -> None:
    path = add(api)
    said = api.error(400, "PUT", f"{path}/states/console", {"enabled": True})
    assert "The console_interface no-console" in said
    shown = api.ok("GET", f"{path}/states/console")
    assert shown == {"console_enabled": False, "console_info": None}


def test_an_image_is_put_into_a_virtual_drive_and_taken_out(api: Api) -> None:
    path = f"{add(api)}/vmedia"
    order = {"device_type": "cdrom", "image_url": "https://u:geheim@images.example/a.iso"}
    assert api.call("POST", path, order).status_code == 204
    api.ok("POST", path, order | {"device_type": "floppy"})
    drives = {one["media_types"][0]: one for one in api.ok("GET", path)}
    assert [drives[name]["inserted"] for name in ("disk", "cdrom", "floppy")] == [False, True, True]
    assert "geheim" not in str(drives)
    api.ok("DELETE", f"{path}?device_types=cdrom")
    assert [one["inserted"] for one in api.ok("GET", path)] == [False, False, True]
    api.ok("DELETE", path)
    assert not any(one["inserted"] for one in api.ok("GET", path))
    assert "geheim" not in str(told(api, path.removesuffix("/vmedia")))


def test_a_drive_that_stays_empty_or_full_is_found_out(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{add(api)}/vmedia"
    order = {"device_type": "cdrom", "image_url": "http://images.example/a.iso"}
    with monkeypatch.context() as patch:
        patch.setattr(FakeBmc, "attach_media", lambda *_args, **_options: None)
        assert "its drive is still empty" in api.error(502, "POST", path, order)
    api.ok("POST", path, order)
    monkeypatch.setattr(FakeBmc, "detach_media", lambda *_args, **_options: None)
    assert "told to empty cdrom and still shows" in api.error(502, "DELETE", path)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"device_type": "cdrom"},
        {"device_type": "tape", "image_url": "http://a/b"},
        {"device_type": "cdrom", "image_url": "file:///etc/passwd"},
        {"device_type": "cdrom", "image_url": "http://"},
        {"device_type": "cdrom", "image_url": "http://a/\nb"},
        {"device_type": "cdrom", "image_url": "http://[a/b"},
        {"device_type": "cdrom", "image_url": "http://a/b", "image_download_source": "tape"},
        {"device_type": "cdrom", "image_url": "http://a/b", "username": "u"},
        {"device_type": 1, "image_url": "http://a/b"},
    ],
)
def test_what_is_no_image_for_a_drive_is_refused(api: Api, body: dict[str, object]) -> None:
    path = f"{add(api)}/vmedia"
    api.error(400, "POST", path, body)
    assert not any(one["inserted"] for one in api.ok("GET", path))
