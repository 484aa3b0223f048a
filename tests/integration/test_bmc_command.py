"""Machines that a program switches: what it is told, what its ends mean, and which programs are not started."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.bmc.command import CommandBmc, CommandDriver
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import BootDevice, BootMode, PowerState
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from tests.integration.bmc_doubles import LabMachine
from tests.integration.ipmi_fixtures import shared_machine

__all__ = ["shared_machine"]

EXAMPLE = Path(__file__).parents[2] / "docs/how-to/example-command/bmc-by-ipmitool"

NOTES = """#!/usr/bin/python3
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
told = {"argv": sys.argv[1:], "env": {k: v for k, v in os.environ.items() if k.startswith("INGOT_")}}
with (here / "notes").open("a") as notes:
    notes.write(json.dumps(told) + "\\n")
"""
S = 10.0


def install(folder: Path, body: str, name: str = "pdu") -> CommandDriver:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(body)
    program.chmod(0o755)
    return CommandDriver(folder)


def shell(folder: Path, body: str) -> CommandBmc:
    return install(folder, f"#!/bin/sh\n{body}\n").connect({"command_program": "pdu"})


def told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "notes").read_text().splitlines()]


def test_the_program_gets_the_verb_the_words_and_the_password_in_its_environment(
    tmp_path: Path,
) -> None:
    odd = ["rack 7", "$(touch x)", "", "12"]
    bmc = install(tmp_path, NOTES).connect(
        {"command_program": "pdu", "command_arguments": odd, "command_password": "geheim"}
    )
    bmc.power_on(timeout_s=S)
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=S)
    first, second = told(tmp_path)
    assert first["argv"] == ["on", *odd]
    assert first["env"]["INGOT_PASSWORD"] == "geheim"
    assert 0 < int(first["env"]["INGOT_TIMEOUT_S"]) <= S
    assert second["argv"] == ["boot-device", *odd]
    assert {
        key: second["env"][f"INGOT_BOOT_{key}"] for key in ("DEVICE", "MODE", "PERSISTENT")
    } == {
        "DEVICE": "pxe",
        "MODE": "uefi",
        "PERSISTENT": "no",
    }


@pytest.mark.parametrize(("word", "state"), [("on", PowerState.ON), ("off\\n", PowerState.OFF)])
def test_status_says_on_or_off(tmp_path: Path, word: str, state: PowerState) -> None:
    bmc = shell(tmp_path, f"test $1 = status && printf '{word}'")
    assert bmc.power_state(timeout_s=S) is state


@pytest.mark.parametrize("word", ["", "ON", "Chassis Power is on", "on off", "1"])
def test_anything_else_is_no_power_state(tmp_path: Path, word: str) -> None:
    with pytest.raises(BmcError, match="it has to print on or off"):
        shell(tmp_path, f"echo '{word}'").power_state(timeout_s=S)


@pytest.mark.parametrize(
    ("code", "kind"), [(1, BmcError), (75, BmcUnreachable), (77, BmcAuthenticationFailed)]
)
def test_how_it_ends_says_what_went_wrong_and_shows_no_password(
    tmp_path: Path, code: int, kind: type[BmcError]
) -> None:
    driver = install(tmp_path, f'#!/bin/sh\necho "no: $INGOT_PASSWORD" >&2\nexit {code}\n')
    bmc = driver.connect({"command_program": "pdu", "command_password": "geheim"})
    with pytest.raises(kind, match=rf"pdu: on ended with {code}: no: \*{{6}}") as error:
        bmc.power_on(timeout_s=S)
    assert type(error.value) is kind
    assert "geheim" not in str(error.value)


def test_a_password_that_was_refused_is_not_handed_over_again_at_once(tmp_path: Path) -> None:
    body = 'echo "$INGOT_PASSWORD" >>"$(dirname "$0")/shown"; [ "$INGOT_PASSWORD" = right ] && echo on || exit 77'
    driver = install(tmp_path, f"#!/bin/sh\n{body}\n")
    info = {"command_program": "pdu", "command_password": "wrong"}
    with pytest.raises(BmcAuthenticationFailed, match="ended with 77"):
        driver.connect(info).power_state(timeout_s=S)
    for _ in range(5):
        with pytest.raises(BmcAuthenticationFailed, match=r"pdu: .* tried again in (60|5\d) s"):
            driver.connect(info).power_state(timeout_s=S)
    corrected = driver.connect({**info, "command_password": "right"})
    assert corrected.power_state(timeout_s=S) is PowerState.ON
    assert (tmp_path / "shown").read_text().split() == ["wrong", "right"]


def test_what_a_program_cannot_is_done_without_it_or_refused(tmp_path: Path) -> None:
    bmc = shell(
        tmp_path, 'echo $1 >>"$(dirname "$0")/verbs"; case $1 in on|off) ;; *) exit 69;; esac'
    )
    bmc.reset(timeout_s=S)
    bmc.set_boot_device(BootDevice.DISK, mode=BootMode.BIOS, persistent=True, timeout_s=S)
    with pytest.raises(BmcError, match="has no soft-off"):
        bmc.soft_power_off(timeout_s=S)
    assert (tmp_path / "verbs").read_text().split() == [
        *("reset", "off", "on"),
        *("boot-device", "soft-off"),
    ]


def test_a_program_that_hangs_is_a_machine_that_does_not_answer(tmp_path: Path) -> None:
    bmc = shell(tmp_path, "sleep 600")
    began = time.monotonic()
    with pytest.raises(BmcUnreachable, match="did not end"):
        bmc.power_state(timeout_s=0.5)
    assert time.monotonic() - began < 100


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({}, "must be the name of a program"),
        ({"command_program": "../../bin/sh"}, "must be the name of a program"),
        ({"command_program": "/bin/sh"}, "must be the name of a program"),
        ({"command_program": ".."}, "must be the name of a program"),
        ({"command_program": ["pdu"]}, "must be the name of a program"),
        ({"command_program": "absent"}, "No such file"),
        ({"command_program": "folder"}, "is no program"),
        ({"command_program": "text"}, "chmod 755"),
        ({"command_program": "open"}, "everybody .* can change"),
        ({"command_program": "pdu", "command_arguments": ["x"] * 33}, "at most 32"),
        ({"command_program": "pdu", "command_arguments": {"a": 1}}, "must be a text"),
        ({"command_program": "pdu", "command_arguments": [None, ["x"]]}, "must be a text"),
        ({"command_program": "pdu", "command_arguments": ["a\0b"]}, "zero byte"),
        ({"command_program": "pdu", "command_arguments": ["\ud800"]}, "no Unicode"),
        ({"command_program": "pdu", "command_arguments": ["x" * 1025]}, "1024 bytes"),
        ({"command_program": "pdu", "command_password": {"a": 1}}, "must be a text"),
    ],
)
def test_what_may_not_be_started_is_refused_before_anything_is(
    tmp_path: Path, info: dict[str, Any], words: str
) -> None:
    driver = install(tmp_path, NOTES)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no program\n")
    (tmp_path / "text").chmod(0o644)
    (tmp_path / "open").write_text(NOTES)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(Invalid, match=words):
        driver.connect({"command_arguments": [], **info}).power_on(timeout_s=S)
    assert not (tmp_path / "notes").exists()


def test_a_folder_that_everybody_can_write_to_is_refused(tmp_path: Path) -> None:
    driver = install(tmp_path / "commands", NOTES)
    (tmp_path / "commands").chmod(0o777)
    with pytest.raises(Invalid, match="chmod o-w"):
        driver.connect({"command_program": "pdu"})


def test_nodes_of_ipmi_may_be_switched_by_a_program_alone(tmp_path: Path) -> None:
    catalog = load_catalog(Settings(command_directory=str(tmp_path)))
    install(tmp_path, NOTES)
    found = catalog.interfaces_of("ipmi", {"power": "command"})
    found.power.connect({"command_program": "pdu"}).power_off(timeout_s=S)
    assert told(tmp_path)[0]["argv"] == ["off"]
    assert found.names["management"] == "ipmitool"
    assert catalog.names_of("command", {})["management"] == "command"


@pytest.fixture
def example(shared_machine: LabMachine, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What a node says whose machine the how-to's example switches, installed in the temporary folder."""
    shared_machine.bmc.set_faults()
    shutil.copy(EXAMPLE, tmp_path)
    with shared_machine.network.inside():
        yield {
            "command_program": EXAMPLE.name,
            "command_arguments": [shared_machine.bmc.address, str(shared_machine.bmc.port)],
            "command_password": shared_machine.bmc.password,
        }


@pytest.mark.root
def test_the_example_says_that_a_password_is_wrong(
    example: dict[str, Any], shared_machine: LabMachine, tmp_path: Path
) -> None:
    driver = CommandDriver(tmp_path)
    right = driver.connect(example)
    right.power_on(timeout_s=S)
    assert right.power_state(timeout_s=S) is PowerState.ON
    with pytest.raises(BmcAuthenticationFailed, match="ended with 77") as error:
        driver.connect({**example, "command_password": "geheim"}).power_off(timeout_s=60)
    assert "geheim" not in str(error.value)
    assert shared_machine.chassis.is_on


@pytest.mark.root
def test_the_example_takes_what_is_so_already_for_done(
    example: dict[str, Any], shared_machine: LabMachine, tmp_path: Path
) -> None:
    machine = CommandDriver(tmp_path).connect(example)
    machine.power_off(timeout_s=S)
    shared_machine.bmc.set_faults(refuses_needless=True)
    machine.power_off(timeout_s=S)
    with pytest.raises(BmcError, match="not supported in present state"):
        machine.reset(timeout_s=S)


@pytest.mark.root
@pytest.mark.long
def test_the_example_says_that_nobody_answers(
    example: dict[str, Any], shared_machine: LabMachine, tmp_path: Path
) -> None:
    nobody = {**example, "command_arguments": [shared_machine.bmc.address, "1"]}
    with pytest.raises(BmcUnreachable, match="ended with 75"):
        CommandDriver(tmp_path).connect(nobody).power_state(timeout_s=60)
