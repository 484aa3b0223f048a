"""A ramdisk with the elements podman, burnin and debug: what they bring does its work in a machine, as steps of the agent.

Builds that ramdisk first, which takes minutes where nothing of it is cached.
"""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lone_ramdisk import BOOT_S, BareDisk, Started, started
from tests.e2e.steps_inside import STEP, inside
from tests.integration.ramdisk_files import unpack
from tests.integration.registry_process import OCI_MANIFEST, RunningRegistry, registry
from tests.lab.demo.keys import SshKey, make_key

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(3000)]

ROOT = Path(__file__).resolve().parents[2]
HOST = "10.0.2.2"
"""The machine that runs the tests, as its virtual machine sees it."""
IMAGES = {
    "greet": "echo the answer is $((6 * 7)); echo I am $(id -u); ls /",
    "fail": "echo going down; exit 3",
    "last": "echo here; exec sleep 3600",
}
TOOLS = "curl iperf3 less lsof lsusb ping strace tcpdump vi"
DISK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The running machine, the key to it, and the registry that it can reach at ``images``."""

    machine: Started
    key: SshKey
    images: str

    def step(self, name: str, *, stop_at: str = "", **driver_info: Any) -> Any:
        """Run a step as the agent does and return what came of it; ``stop_at``: a line of it that has it stopped."""
        order = {"step": name, "node": {"driver_info": driver_info}, "stop_at": stop_at}
        return inside(self.machine, self.key, STEP, **order)

    def shell(self, command: str) -> str:
        return self.machine.run_inside(self.key, command)


@pytest.fixture(autouse=True, scope="session")
def _needs() -> None:
    """Nothing but what is built here, in the place of the folder's fixture of this name."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("elements")
    words = ("--with", "podman,burnin,debug", "--name", "further", "--output", folder)
    subprocess.run((ROOT / "image-build/build-ramdisk", *words), check=True, timeout=2400)
    key = make_key(folder)
    disks = (BareDisk(size_bytes=DISK_BYTES),)
    arguments = f'sshkey="{key.public}"'
    with (
        registry(folder) as server,
        started(folder, arguments, disks=disks, ramdisk=folder / "further") as machine,
    ):
        program = busybox(folder / "further.initramfs", folder)
        for name, script in IMAGES.items():
            push_image(server, name, program, script)
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        machine.console.wait_for("ingot: devices settled", timeout_s=BOOT_S)
        yield Bench(machine=machine, key=key, images=f"{HOST}:{server.host.partition(':')[2]}")


def busybox(initramfs: Path, folder: Path) -> bytes:
    """Return the static program that the ramdisk begins with: it needs no other file."""
    return (unpack(initramfs, folder / "laid-out") / "archives/usr/bin/busybox").read_bytes()


def push_image(server: RunningRegistry, name: str, program: bytes, script: str) -> None:
    """Upload a container image with one program, which runs ``script``."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as layer:
        entry = tarfile.TarInfo("bin/busybox")
        entry.size, entry.mode = len(program), 0o755
        layer.addfile(entry, io.BytesIO(program))
        for applet in ("sh", "id", "ls", "sleep"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            layer.addfile(link)
    content = packed.getvalue()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/sh", "-c", script], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
    }
    blobs = {
        "application/vnd.oci.image.config.v1+json": json.dumps(config).encode(),
        "application/vnd.oci.image.layer.v1.tar": content,
    }
    described, layer_described = (
        {"mediaType": kind, "digest": server.push_blob(name, blob), "size": len(blob)}
        for kind, blob in blobs.items()
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described,
        "layers": [layer_described],
    }
    server.push_manifest(name, "1", manifest)


def test_containers_run_as_steps_fail_as_they_fail_and_are_stopped(bench: Bench) -> None:
    listed = "".join(
        f"\n  - name: {name}\n    image: docker://{bench.images}/{name}:1\n"
        "    pull_options: [--tls-verify=false]"
        for name in IMAGES
    )
    file = "/etc/ironic-python-agent.d/mysteps.yaml"
    bench.shell(f"mkdir -p {Path(file).parent}; cat >{file} <<'END'\nsteps:{listed}\nEND\n")

    said = bench.step("greet")
    assert said.get("error") is None
    assert said["result"]["output"][:2] == ["the answer is 42", "I am 0"]
    assert {"bin", "dev", "proc"} <= set(said["result"]["output"])
    assert "usr" not in said["result"]["output"]  # the ramdisk's
    failed = bench.step("fail")
    assert "exit status 3" in failed["error"]
    assert "going down" in failed["error"]
    stopped = bench.step("last", stop_at="here")
    assert "stop" in stopped["error"]
    assert bench.shell("podman ps --all --quiet") == ""
    running = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'slee[p] 3600' || true"
    assert bench.shell(running).strip() == "0"


def test_processors_memory_and_disks_are_burned_in(bench: Bench) -> None:
    (loaded,) = bench.step("burnin_cpu", agent_burnin_cpu_timeout=2)["result"]["stressors"]
    assert (loaded["stressor"], loaded["bogo-ops"] > 0) == ("cpu", True)
    settings: dict[str, Any] = {"agent_burnin_vm_timeout": 2, "agent_burnin_vm_vm-bytes": "32m"}
    (written,) = bench.step("burnin_memory", **settings)["result"]["stressors"]
    assert (written["stressor"], written["bogo-ops"] > 0) == ("vm", True)
    done = bench.step("burnin_disk", agent_burnin_fio_disk_loops=1)["result"]
    (job,) = done["disks"]
    assert job["errors"] == 0
    assert job["read_bytes"] >= DISK_BYTES // 2
    assert done["machine"]["disks"] == ["DISK-0"]
    assert bench.shell("cmp -s -n 1048576 /dev/vda /dev/zero || echo written").strip() == "written"


def test_people_find_their_tools(bench: Bench) -> None:
    look = f"for tool in {TOOLS}; do command -v $tool >/dev/null || echo $tool; done"
    assert bench.shell(look) == ""
    traced = bench.shell("strace -f -o /run/trace true && tail -n 1 /run/trace")
    assert "exited with 0" in traced
    assert bench.shell(f"curl -s http://{bench.images}/v2/").strip() == "{}"
    assert "bytes from 127.0.0.1" in bench.shell("ping -c 1 127.0.0.1")
    captured = "tcpdump -i lo -c 1 -w /run/captured 2>&1 & sleep 5; ping -c 3 127.0.0.1 >/dev/null; wait; tcpdump -r /run/captured 2>&1"
    assert "ICMP echo" in bench.shell(captured)
