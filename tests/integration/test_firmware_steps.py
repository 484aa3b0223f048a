"""BIOS settings and firmware in workflows: steps change them, and what the BMC tells is kept and shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from controller.bmc.fake_firmware import FakeSettings
from controller.errors import BmcUnreachable, Invalid
from controller.hardware.firmware import BiosSetting
from tests.integration.running_controller import RunningController, running_controller

SETTINGS = [{"name": "Virtualization", "value": "Enabled"}, {"name": "BootMode", "value": "Uefi"}]


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    fake = {f"default_{kind}_interface": "fake" for kind in ("bios", "firmware", "deploy")}
    fake["enabled_hardware_types"] = "fake-hardware"
    with running_controller(tmp_path, **fake) as found:
        yield found


def shown(controller: RunningController, path: str) -> Any:
    version = {"X-OpenStack-Ironic-API-Version": "1.115"}
    reply = requests.get(f"{controller.url}/v1/nodes/{path}", headers=version, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()


def settings_of(controller: RunningController, node: str = "m1") -> dict[str, Any]:
    return {one["name"]: one["value"] for one in shown(controller, f"{node}/bios")["bios"]}


def versions_of(controller: RunningController, *keys: str) -> dict[str, Any]:
    listed = shown(controller, "m1/firmware")["firmware"]
    return {one["component"]: tuple(one[key] for key in keys) for one in listed}


def step(interface: str, name: str, settings: Any = None) -> dict[str, Any]:
    args = {} if settings is None else {"args": {"settings": settings}}
    return {"interface": interface, "step": name, **args}


def test_settings_are_applied_kept_and_reset(controller: RunningController) -> None:
    controller.enrol("m1", "manageable")
    controller.enrol("m2", "manageable")
    controller.ask("m1", "clean", clean_steps=[step("bios", "apply_configuration", SETTINGS)])
    controller.wait_for("m1", "manageable")
    assert settings_of(controller) == {"Virtualization": "Enabled", "BootMode": "Uefi"}
    one = shown(controller, "m1/bios/BootMode")["BootMode"]
    assert (one["value"], one["updated_at"]) == ("Uefi", None)
    changed = [{"name": "BootMode", "value": "Bios"}]
    controller.ask("m1", "clean", clean_steps=[step("bios", "apply_configuration", changed)])
    controller.wait_for("m1", "manageable")
    assert settings_of(controller) == {"BootMode": "Bios"}
    assert shown(controller, "m1/bios/BootMode")["BootMode"]["updated_at"] is not None
    controller.ask("m1", "clean", clean_steps=[step("bios", "factory_reset")])
    controller.wait_for("m1", "manageable")
    assert settings_of(controller) == settings_of(controller, "m2") == {}


def test_firmware_is_seen_when_a_node_becomes_manageable_and_updated_by_a_step(
    controller: RunningController,
) -> None:
    controller.enrol("m1", "enroll")
    assert versions_of(controller) == {}
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    keys = ("initial_version", "current_version", "last_version_flashed")
    assert versions_of(controller, *keys)["bios"] == ("1.0", "1.0", None)
    update = [{"component": "bios", "url": "http://192.0.2.1/files/bios-2.1.bin"}]
    controller.ask("m1", "clean", clean_steps=[step("firmware", "update", update)])
    controller.wait_for("m1", "manageable")
    assert versions_of(controller, *keys) == {
        "bios": ("1.0", "bios-2.1", "bios-2.1"),
        "bmc": ("1.0", "1.0", None),
    }


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (step("firmware", "update", [{"component": "nic", "url": "http://x/1"}]), "no component"),
        (step("bios", "apply_configuration", {"a": 1}), "must be a list of objects with name"),
    ],
)
def test_a_step_that_cannot_be_carried_out_fails_with_words(
    controller: RunningController, wish: dict[str, Any], words: str
) -> None:
    controller.enrol("m1", "manageable")
    controller.ask("m1", "clean", clean_steps=[wish])
    node = controller.wait_for("m1", "clean failed")
    assert words in str(node.last_error)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("bios", "apply_configuration"), ("bios", "factory_reset"), ("firmware", "update")],
)
def test_a_node_without_the_interface_is_not_touched(
    controller: RunningController, kind: str, name: str
) -> None:
    interfaces = {"boot": "fake", "deploy": "direct", kind: f"no-{kind}"}
    controller.enrol("m1", "manageable", interfaces=interfaces)
    wish = step(kind, name, [] if name != "factory_reset" else None)
    with pytest.raises(Invalid, match=f"{kind}_interface no-{kind}, which does not support {name}"):
        controller.ask("m1", "clean", clean_steps=[wish])
    assert controller.node("m1").provision_state == "manageable"


def test_a_bmc_that_does_not_tell_fails_nothing_and_is_noted(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.enrol("m1", "manageable")
    controller.ask("m1", "clean", clean_steps=[step("bios", "apply_configuration", SETTINGS)])
    controller.wait_for("m1", "manageable")

    def silent(*_args: Any, **_limit: float) -> list[BiosSetting]:
        raise BmcUnreachable("BMC 192.0.2.9: no answer; check its cable")

    monkeypatch.setattr(FakeSettings, "bios_settings", silent)
    update = [{"component": "bmc", "url": "http://192.0.2.1/2.bin"}]
    controller.ask("m1", "clean", clean_steps=[step("firmware", "update", update)])
    controller.wait_for("m1", "manageable")
    assert set(settings_of(controller)) == {"Virtualization", "BootMode"}
    notes = [event.message for event in controller.events("m1") if event.severity == "WARNING"]
    assert any("bios: what the BMC has could not be read" in note for note in notes)


def test_settings_of_a_hostile_bmc_are_bounded_and_passwords_not_kept(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [
        BiosSetting(name="n" * 1000, value="v" * 100_000, lower_bound=2**70),
        BiosSetting(name="AdminPassword", value="geheim", attribute_type="Password"),
        BiosSetting(name="a\0b\x1b[2J", value="\ud800"),
        *(BiosSetting(name=f"x{number}", value=None) for number in range(9000)),
    ]
    monkeypatch.setattr(FakeSettings, "bios_settings", lambda _self, **_limit: told)
    controller.enrol("m1", "enroll")
    controller.ask("m1", "manage")
    controller.wait_for("m1", "manageable")
    found = settings_of(controller)
    assert len(found) == 5000
    assert found["AdminPassword"] is None
    assert max(map(len, found)) <= 255
    assert not any("\0" in name or "\x1b" in name for name in found)
