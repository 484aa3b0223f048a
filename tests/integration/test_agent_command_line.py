"""The program as the ramdisk starts it. Nothing here runs a step: the hardware is this host's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.fake_controller import fake_controller

AGENT = Path(sys.executable).with_name("ingot-agent")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(AGENT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def run_agent(folder: Path, cmdline: str) -> subprocess.CompletedProcess[str]:
    file = folder / "cmdline"
    file.write_text(cmdline)
    flags = ["--no-reboot", "--bind", "127.0.0.1:0", "--state-directory", str(folder / "state")]
    return run("run", "--cmdline-file", str(file), *flags)


def test_the_version_is_the_packages() -> None:
    assert run("--version").stdout == "0.1.0\n"


def test_the_inventory_of_this_machine_is_json() -> None:
    inventory = json.loads(run("inventory").stdout)
    assert inventory["memory"]["total"] > 0
    assert inventory["cpu"]["count"] > 0


def test_the_steps_of_every_phase_are_json() -> None:
    steps = json.loads(run("steps").stdout)
    assert set(steps) == {"clean", "deploy", "service"}
    cleaning = steps["clean"]["generic_hardware_manager"]
    assert "erase_devices_metadata" in {step["step"] for step in cleaning}


@pytest.mark.parametrize(
    ("cmdline", "complaint"),
    [
        ("quiet", "no ipa-api-url on the kernel command line"),
        ("ipa-listen-port=x", "kernel argument ipa-listen-port: 'x' is not a whole number"),
    ],
)
def test_a_boot_that_cannot_work_ends_with_the_reason(
    tmp_path: Path, cmdline: str, complaint: str
) -> None:
    ended = run_agent(tmp_path, cmdline)
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_this_machine_is_unknown_to_a_controller_that_refuses_it(tmp_path: Path) -> None:
    with fake_controller() as controller:
        controller.lookup_refusals.extend([(404, "no such node")] * 100)
        ended = run_agent(tmp_path, f"ipa-api-url={controller.url} ipa-lookup-timeout=0")
    assert ended.returncode == 1
    assert "404 Not Found: no such node" in ended.stderr
