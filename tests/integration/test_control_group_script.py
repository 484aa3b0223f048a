"""What an agent leaves behind when it ends is ended, its containers too: the ramdisk's program ``group``, in control groups of a mount of their own."""

import subprocess
import uuid
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

SCRIPT = (
    Path(__file__).resolve().parents[2]
    / "image-build/elements/ingot-init/appended/usr/lib/ingot/group"
)
LEAVES = """
mkdir -p /sys/fs/cgroup/$1-containers/one
sh -c 'echo $$ >/sys/fs/cgroup/$0-containers/one/cgroup.procs; exec sleep 600' "$1" &
setsid sleep 600 &
sleep 0.5
cat /sys/fs/cgroup/$1/cgroup.procs /sys/fs/cgroup/$1-containers/one/cgroup.procs | wc -l
exit 7
"""


def test_programs_and_containers_of_an_agent_that_ended_are_killed_and_their_groups_go() -> None:
    name = f"ingot-test-{uuid.uuid4().hex[:8]}"
    mounted = "mount --make-rprivate / && mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    program = f'{mounted}; {SCRIPT} {name} sh -c "$0" x {name}; echo "ended with $?"'
    listed = f"ls -d /sys/fs/cgroup/{name}* 2>/dev/null | wc -l"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"{program}; {listed}", LEAVES],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    running, ended, groups = done.stdout.split("\n")[:3]
    assert int(running) >= 3  # the agent, its program and its container
    assert ended == "ended with 7"
    assert groups == "0"  # a group with a process in it cannot be removed
