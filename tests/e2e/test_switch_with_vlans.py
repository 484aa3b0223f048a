"""The sample script for switches with a real one that knows VLANs: a bridge of the ramdisk's kernel, whose frames are watched."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.lone_ramdisk import BOOT_S, RAMDISK, started
from tests.lab.demo.keys import make_key

pytestmark = [
    pytest.mark.vm,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (RAMDISK / "ingot.initramfs").exists(),
        reason=f"make ramdisk builds {RAMDISK}/ingot.initramfs",
    ),
]
_ROOT = Path(__file__).resolve().parents[2]
_PARTS = (
    *("agent", "controller", "docs/how-to/example-switch", "tests/lab"),
    *("tests/integration/bridge_site.py", "tests/e2e/switch_inside.py"),
)
_RUN_S = 300


def test_frames_pass_where_the_script_lets_them(tmp_path: Path) -> None:
    archive = tmp_path / "parts.tar"
    subprocess.run(["tar", "-C", _ROOT, "-cf", archive, *_PARTS], check=True, timeout=60)
    key = make_key(tmp_path)
    with started(tmp_path, f'sshkey="{key.public}"') as machine:
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        with archive.open("rb") as parts:
            words = [*machine.ssh_words(key), "mkdir /tmp/parts && tar -C /tmp/parts -xf -"]
            subprocess.run(words, stdin=parts, check=True, timeout=_RUN_S)
        machine.run_inside(key, "modprobe -a bridge veth 8021q")
        command = "cd /tmp/parts && PYTHONPATH=/tmp/parts:/opt/ingot/lib python3 -m tests.e2e.switch_inside"
        told = json.loads(machine.run_inside(key, command, timeout_s=_RUN_S))
    assert [one["found"] for one in told] == [one["wanted"] for one in told]
    cleaners, tenant = ["cleaners"], ["tenant"]
    assert [one["heard"] for one in told] == [cleaners, tenant, tenant, tenant, []]
    assert [one["tagged"] for one in told] == [cleaners, [], cleaners, [], []]
