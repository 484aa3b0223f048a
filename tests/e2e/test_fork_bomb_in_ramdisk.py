"""In the ramdisk, whose control groups are of version 2, a fork bomb in a program of an image is held, and the ramdisk goes on."""

import json
import shlex
from pathlib import Path

import pytest

from agent.system.containment.process_limit import MOST_PROCESSES
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
_RUN_S = 300
_PROGRAM = '''
import json, pathlib
from agent.disks.mounted_files import in_own_namespace
from agent.system import kernel_calls as kernel
from agent.system.containment.order import Order
from agent.system.containment.run import run_contained
from agent.system.runner import HostRunner
BOMB = """
import os, time
children = 0
try:
    while children < 5000:
        if os.fork() == 0:
            time.sleep(1000)
        children += 1
except BlockingIOError:
    print(children)
"""
def work():
    kernel.mount("tmpfs", "/mnt", "tmpfs", 0)
    for name in ("upper", "work", "root"):
        pathlib.Path("/mnt", name).mkdir()
    kernel.mount("overlay", "/mnt/root", "overlay", 0, "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work")
    order = Order(root="/mnt/root", argv=("/usr/bin/python3", "-c", BOMB))
    return run_contained(order, HostRunner(), timeout_s=200, most_output_bytes=1 << 20).stdout
children = int(in_own_namespace(work))
groups = [path.name for path in pathlib.Path("/sys/fs/cgroup").iterdir() if path.is_dir()]
print(json.dumps({"children": children, "groups": groups}))
'''


def test_a_fork_bomb_is_held_in_the_ramdisk(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with started(tmp_path, f'sshkey="{key.public}"') as machine:
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        machine.run_inside(key, "modprobe overlay")
        command = f"PYTHONPATH=/opt/ingot/lib python3 -c {shlex.quote(_PROGRAM)}"
        told = json.loads(machine.run_inside(key, command, timeout_s=_RUN_S))
    assert told["children"] == MOST_PROCESSES - 2
    assert not [name for name in told["groups"] if name.startswith("contained-")]
