"""A program of a foreign root file system reaches nothing but that file system and the devices it is given, and leaves nothing behind.

The foreign root is this machine's own, laid over with a place for what is written: so the hostile programs have every tool there is.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from agent.disks.mounted_files import in_own_namespace
from agent.errors import CommandFailed
from agent.system import kernel_calls as kernel
from agent.system.containment.order import Node, Order
from agent.system.containment.process_limit import MOST_PROCESSES, ROOT
from agent.system.containment.run import run_contained
from agent.system.runner import HostRunner, Output
from tests.integration.disk_images import MIB
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.integration.processes import processes_with
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.root
_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def contained(
    folder: Path,
    *argv: str,
    disks: Sequence[LoopDisk] = (),
    links: Sequence[tuple[str, str]] = (),
    timeout_s: float = 60,
    most_output_bytes: int = MIB,
) -> Output:
    """Run a program in a copy of this machine; what it writes goes to ``folder/upper``."""

    def work() -> Output:
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(exist_ok=True)
        for name, target in links:
            (folder / "upper" / name).symlink_to(target)
        options = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        kernel.mount("overlay", f"{folder}/root", "overlay", 0, options)
        order = Order(
            root=f"{folder}/root", argv=argv, nodes=tuple(map(node, disks)), environment=_PATH
        )
        return run_contained(
            order, HostRunner(), timeout_s=timeout_s, most_output_bytes=most_output_bytes
        )

    return in_own_namespace(work)


def node(disk: LoopDisk) -> Node:
    number = disk.path.stat().st_rdev
    return Node(name=disk.path.name, major=os.major(number), minor=os.minor(number))


def python(folder: Path, script: str, **more: object) -> str:
    """Run a hostile script; it ends with an error unless every line of it was refused as it says."""
    return contained(folder, "/usr/bin/python3", "-c", PRELUDE + script, **more).stdout  # type: ignore[arg-type]


PRELUDE = """
import ctypes, os, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def refused(what, *wanted):
    try:
        result = what()
    except OSError as error:
        assert not wanted or error.errno in wanted, error
        return
    assert isinstance(result, int) and result < 0, f"it was done: {result}"
    assert not wanted or ctypes.get_errno() in wanted, os.strerror(ctypes.get_errno())
"""


def test_a_program_sees_its_own_devices_and_no_others(tmp_path: Path) -> None:
    with loop_disk(tmp_path, MIB, noise=False) as own, loop_disk(tmp_path, MIB) as other:
        number = other.path.stat().st_rdev
        script = f"""
assert sorted(os.listdir("/dev")) == sorted(["{own.path.name}", "fd", "full", "null", "random", "stderr", "stdin", "stdout", "tty",
    "urandom", "zero"])
with open("{own.path}", "r+b") as disk:
    disk.write(b"mine")
refused(lambda: os.mknod("/dev/other", 0o60600, {number}), 30)
refused(lambda: os.mknod("/other", 0o60600, {number}), 1)
open("/etc/written", "w").close()
"""
        python(tmp_path, script, disks=[own])
        os.sync()
        assert own.read(0, 4) == b"mine"
        assert other.read(0, 4) == b"\1\2\3\4"
    assert (tmp_path / "upper/etc/written").exists()
    assert not Path("/etc/written").exists()


def test_a_program_has_no_network_and_no_way_to_get_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"""
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG):
    refused(lambda: socket.socket(family, socket.SOCK_STREAM), 1)
refused(lambda: socket.create_connection(("127.0.0.1", {port})), 1)
socket.socketpair()
assert os.listdir("/sys/class/net") == ["lo"]
"""
        python(tmp_path, script)


def test_a_program_cannot_get_out_of_its_root_or_get_privileges(tmp_path: Path) -> None:
    script = """
refused(lambda: libc.mount(b"/etc", b"/", None, 4096, None), 1)
refused(lambda: libc.mount(b"proc", b"/proc", b"proc", 0, None), 1)
refused(lambda: libc.umount2(b"/proc", 2), 1)
refused(lambda: os.chroot("/tmp"), 1)
for flags in (0x10000000, 0x20000, 0x40000000):
    refused(lambda: libc.unshare(flags), 1)
    refused(lambda: libc.syscall(56, flags | 17, 0, 0, 0, 0), 1)
refused(lambda: libc.syscall(435, 0, 0), 38)
refused(lambda: libc.syscall(272 | 0x40000000, 0x10000000), 1)
refused(lambda: libc.ptrace(16, 1, 0, 0), 1)
refused(lambda: open("/proc/1/environ"))
refused(lambda: os.listdir("/proc/1/root"))
refused(lambda: open("/proc/1/mem", "r+b"))
refused(lambda: socket.sethostname("evil"), 1)
refused(lambda: libc.syscall(103, 3, ctypes.create_string_buffer(100), 100), 1)
refused(lambda: libc.syscall(250, 0, -3, 0), 1)
refused(lambda: libc.syscall(321, 0, 0, 0), 1)
refused(lambda: libc.syscall(425, 1, 0), 1)
refused(lambda: libc.reboot(0), 1)
refused(lambda: os.setuid(1), 1)
for path in ("/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/sys/kernel/mm/ksm/run"):
    refused(lambda: open(path, "w"), 30)
for name in ("cmdline", "kmsg", "kcore", "sysrq-trigger"):
    if os.path.exists(f"/proc/{name}"):
        assert os.stat(f"/proc/{name}").st_rdev == os.makedev(1, 3), name
assert open("/proc/cmdline").read() == ""
assert subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0
assert "INGOT_SECRET" not in os.environ
status = open("/proc/self/status").read()
assert "CapEff:\\t000000000000000b" in status and "CapBnd:\\t000000000000000b" in status and "NoNewPrivs:\\t1" in status
os.kill(1, 9)
os.kill(1, 19)
refused(lambda: os.kill(-1, 0), 3)
assert len([name for name in os.listdir("/proc") if name.isdigit()]) == 2, "it sees foreign processes"
print("contained")
"""
    os.environ["INGOT_SECRET"] = "x"
    try:
        assert python(tmp_path, script) == "contained\n"
    finally:
        del os.environ["INGOT_SECRET"]


@pytest.mark.parametrize("how", ["setsid sleep {}", "(setsid nohup sleep {} >/dev/null 2>&1 &)"])
def test_what_stays_in_the_background_ends_with_the_program(tmp_path: Path, how: str) -> None:
    mark = f"7{os.getpid()}"
    contained(tmp_path, "/bin/sh", "-c", how.format(mark) + " & echo started")
    assert not processes_with(mark)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


@pytest.mark.parametrize(
    ("script", "timeout_s", "reason"),
    [
        ("yes", 60, "printed more than 1048576 bytes"),
        ("yes '' >&2", 60, "printed more than 1048576 bytes"),
        ("trap '' TERM INT; setsid sleep {mark} & sleep {mark}", 1, "no end after 1 s"),
        ("sleep {mark} & exit 3", 60, "exit status 3: no output"),
        ("kill -9 $$", 60, "exit status 137"),
        ("kill -TERM 1; sleep {mark}", 60, "exit status 143"),
    ],
)
def test_a_program_that_does_not_end_well_is_ended_whole(
    tmp_path: Path, script: str, timeout_s: float, reason: str
) -> None:
    mark = f"8{os.getpid()}"
    with pytest.raises(CommandFailed, match=f"^/bin/sh -c .*{reason}"):
        contained(tmp_path, "/bin/sh", "-c", script.format(mark=mark), timeout_s=timeout_s)
    assert not processes_with(mark)
    assert not control_groups(os.getpid())


BOMB = """
import os, time
children = 0
try:
    while children < 5000:
        if os.fork() == 0:
            time.sleep(1000)
        children += 1
except BlockingIOError:
    print("no more than", children)
"""


def test_a_fork_bomb_is_held(tmp_path: Path) -> None:
    said = contained(tmp_path, "/usr/bin/python3", "-c", BOMB).stdout
    assert said == f"no more than {MOST_PROCESSES - 2}\n"  # process 1 and the bomb itself count
    assert not control_groups(os.getpid())


def control_groups(agent: int) -> set[Path]:
    """Return the groups that a process made: version 2 has them in the root, version 1 in a folder of the controller."""
    name = f"contained-{agent}-*"
    return {*ROOT.glob(name), *(ROOT / "pids").glob(name)}


ABRUPT = """
import sys
from pathlib import Path
from tests.integration.test_containment import contained
contained(Path(sys.argv[1]), "/bin/sh", "-c", "setsid sleep $0 & sleep $0", sys.argv[2])
"""


def test_nothing_outlives_an_agent_that_is_killed(tmp_path: Path) -> None:
    mark = f"6{os.getpid()}"
    agent = subprocess.Popen([sys.executable, "-c", ABRUPT, str(tmp_path), mark])
    try:
        wait_until(lambda: sleepers(mark) >= 2, 60, "the program")
    finally:
        agent.kill()
        agent.wait()
    wait_until(lambda: not processes_with(mark), 60, "the end of everything")
    for group in control_groups(agent.pid):
        wait_until(partial(is_removed, group), 60, "the end of the last process in it")


def is_removed(group: Path) -> bool:
    with suppress(OSError):  # the kernel is not done with its processes
        group.rmdir()
    return not group.exists()


def sleepers(mark: str) -> int:
    wanted = f"sleep\0{mark}\0".encode()
    files = (Path(f"/proc/{number}/cmdline") for number in processes_with(mark))
    return sum(file.exists() and file.read_bytes() == wanted for file in files)


@pytest.mark.parametrize("name", ["dev", "proc", "sys", "tmp", "run"])
def test_a_link_in_the_place_of_a_folder_leads_nowhere(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(CommandFailed, match=r"no place for the program could be made: .*Error"):
        contained(tmp_path, "/bin/true", links=[(name, str(outside))])
    assert not list(outside.iterdir())


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"^/no/such: exit status 125: /no/such: No such file"):
        contained(tmp_path, "/no/such")
