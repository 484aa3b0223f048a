"""``make bench``, the ramdisk: its size, its way to the first heartbeat, and the memory it needs, beside the real agent's.

Writes ``build/bench/ramdisk.json``. Both ramdisks were built the same way (``make ramdisk ramdisk-ipa``) and start on the same virtual
machine in turns. The clock starts with the kernel's first line on the serial console and ends when the heartbeat is received.
``BENCH_PARTS=size,start,memory,deployment`` says what is measured; ``memory`` deploys a 4 GiB image several times and takes longest
(``BENCH_MEMORIES=640,512`` tries these sizes in MiB alone); ``deployment`` deploys with fast track and kexec and counts from the request to
the system's login prompt.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.conditions import busy_note, conditions
from tests.integration.fake_controller import fake_controller
from tests.lab import accelerator
from tests.lab.console import Console
from tests.lab.errors import LabError

_BUILD = Path(__file__).resolve().parents[2] / "build"
_PARTS = ("size", "start", "memory", "deployment")
_VARIANTS = ("ingot", "ipa")
_MAC = "52:54:00:1a:07:02"
_MEMORY_MIB = 1024
_START_S = 600.0
_GOALS = {"size": 0.8, "start": 0.4, "deployment_s": 35.0}
_DEPLOYMENT = "test_with_fast_track_a_deployment_needs_no_boot_at_all"
_MEMORIES_MIB = "1024,896,768,704,640,576,512,448,384"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of a ramdisk; ``None`` = no heartbeat within the limit."""

    variant: str
    round: int
    heartbeat_s: float | None


def main() -> int:
    """Measure; 1 = something is not built, 2 = an option is wrong."""
    wanted = tuple(filter(None, os.environ.get("BENCH_PARTS", "size,start").split(",")))
    if unknown := set(wanted) - set(_PARTS):
        sys.stderr.write(f"BENCH_PARTS: no part {min(unknown)!r}; there are {_PARTS}\n")
        return 2
    needed = _VARIANTS if set(wanted) & {"size", "start"} else _VARIANTS[:1]
    missing = [name for name in needed if not image(name).exists()]
    if missing:
        sys.stderr.write(f"{image(missing[0])} is missing; make ramdisk ramdisk-ipa builds it\n")
        return 1
    about = conditions()
    note = busy_note(float(about["load_at_start"]))
    document: dict[str, object] = {"conditions": about, "note": note}
    if "size" in wanted:
        document["size"] = sizes({name: image(name).stat().st_size for name in _VARIANTS})
    if "start" in wanted:
        rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
        starts = [start(name, turn) for turn in range(1, rounds + 1) for name in _VARIANTS]
        document["start"] = summary(starts)
    if "memory" in wanted:
        tried = memories(os.environ.get("BENCH_MEMORIES", _MEMORIES_MIB))
        document["memory_mib"] = least_memory(tried, deploys_with)
    if "deployment" in wanted:
        rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
        document["deployment"] = deployments([deploy() for _turn in range(rounds)])
    _write(document)
    return 0


def image(variant: str) -> Path:
    """Return the initramfs of a variant."""
    return _BUILD / "ramdisk" / f"{variant}.initramfs"


def sizes(found: dict[str, int]) -> dict[str, object]:
    """Return bytes and their ratio; the kernel is the same and not counted."""
    ratio = round(found["ingot"] / found["ipa"], 3)
    return {
        "bytes": found,
        "ratio": ratio,
        "goal": _GOALS["size"],
        "reached": ratio <= _GOALS["size"],
    }


def summary(starts: Sequence[Start]) -> dict[str, object]:
    """Return every start, the medians in seconds and their ratio; a ramdisk that failed once has no median."""
    medians: dict[str, float | None] = {}
    for name in _VARIANTS:
        times = [s.heartbeat_s for s in starts if s.variant == name]
        good = [t for t in times if t is not None]
        medians[name] = (
            round(statistics.median(good), 2) if good and len(good) == len(times) else None
        )
    ours, theirs = medians["ingot"], medians["ipa"]
    ratio = round(ours / theirs, 3) if ours and theirs else None
    return {
        "starts": [asdict(s) for s in starts],
        "median_s": medians,
        "ratio": ratio,
        "goal": _GOALS["start"],
        "reached": ratio is not None and ratio <= _GOALS["start"],
    }


def memories(text: str) -> tuple[int, ...]:
    """Return the sizes of a list with commas, the largest first."""
    return tuple(sorted({int(word) for word in text.split(",")}, reverse=True))


def least_memory(sizes_mib: Sequence[int], works: Callable[[int], bool]) -> int | None:
    """Return the smallest size that works, tried from the largest down to the first that does not; ``None`` = none."""
    least = None
    for size in sizes_mib:
        if not works(size):
            break
        least = size
    return least


def start(variant: str, number: int) -> Start:
    """Start a ramdisk once on a machine of its own and wait for its first heartbeat."""
    with fake_controller() as controller, tempfile.TemporaryDirectory() as folder:
        port = controller.url.rpartition(":")[2]
        console = Console(Path(folder) / "console.log")
        process = subprocess.Popen(
            machine(variant, f"http://10.0.2.2:{port}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout
        assert process.stdin
        pipes = (process.stdout, process.stdin)
        reader = threading.Thread(target=console.read_from, args=pipes, daemon=True)
        reader.start()
        seconds = None
        try:
            console.wait_for("Linux version", timeout_s=_START_S)
            began = time.monotonic()
            controller.wait_for("POST", "/v1/heartbeat/", timeout_s=_START_S)
            seconds = round(time.monotonic() - began, 2)
        except (LabError, AssertionError) as error:
            sys.stderr.write(f"{variant}: no heartbeat: {str(error)[:300]}\n")
        finally:
            process.kill()
            process.wait()
            reader.join(10)
    sys.stdout.write(f"{variant} {number}: {seconds} s\n")
    return Start(variant=variant, round=number, heartbeat_s=seconds)


def machine(variant: str, url: str) -> tuple[str, ...]:
    """Return QEMU's command line: two processors, a disk of 1 GiB, a card behind QEMU's own DHCP server."""
    arguments = (
        f"console=ttyS0,115200n8 no_timer_check nofb ipa-api-url={url} BOOTIF={_MAC} "
        "ipa-lookup-interval=1"
    )
    return (
        *("qemu-system-x86_64", "-accel", accelerator.chosen(), "-cpu", "max", "-smp", "2"),
        *("-m", str(_MEMORY_MIB), "-nodefaults", "-no-reboot", "-display", "none"),
        *("-serial", "stdio", "-netdev", "user,id=n"),
        *("-device", f"virtio-net-pci,netdev=n,mac={_MAC}"),
        *("-blockdev", "driver=null-co,node-name=d,size=1073741824,read-zeroes=on"),
        *("-device", "virtio-blk-pci,drive=d,serial=BENCH"),
        *("-kernel", str(_BUILD / f"ramdisk/{variant}.vmlinuz"), "-initrd", str(image(variant))),
        *("-append", arguments),
    )


def deploys_with(memory_mib: int) -> bool:
    """Return whether a machine with so much memory gets a 4 GiB qcow2 image and boots it (an end-to-end test does it)."""
    is_deployed = _passes("tests/e2e/test_small_memory.py", LAB_MEMORY_MIB=str(memory_mib))
    sys.stdout.write(f"{memory_mib} MiB: {'deployed' if is_deployed else 'not deployed'}\n")
    return is_deployed


def deploy() -> float | None:
    """Deploy once with fast track and kexec; return the seconds to the login prompt, ``None`` = the test failed."""
    seconds = _BUILD / "test-results" / _DEPLOYMENT / "seconds.json"
    seconds.unlink(missing_ok=True)
    is_deployed = _passes(f"tests/e2e/test_kexec.py::{_DEPLOYMENT}")
    login_s = round(json.loads(seconds.read_text())["login"], 2) if is_deployed else None
    sys.stdout.write(f"deployment with fast track and kexec: {login_s} s\n")
    return login_s


def deployments(seconds: Sequence[float | None]) -> dict[str, object]:
    """Return every deployment and the median; one that failed leaves no median."""
    good = [one for one in seconds if one is not None]
    median_s = statistics.median(good) if good and len(good) == len(seconds) else None
    goal_s = _GOALS["deployment_s"]
    return {
        "login_s": list(seconds),
        "median_s": median_s,
        "goal_s": goal_s,
        "reached": median_s is not None and median_s <= goal_s,
    }


def _passes(test: str, **environment: str) -> bool:
    """Run an end-to-end test; return whether it passed."""
    done = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "--timeout=3600", test),
        env=os.environ | environment,
        cwd=_BUILD.parent,
        check=False,
        timeout=4000,
    )
    return done.returncode == 0


def _write(document: dict[str, object]) -> None:
    target = _BUILD / "bench/ramdisk.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(target.read_text()) if target.exists() else {}
    target.write_text(json.dumps(known | document, indent=2) + "\n")
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    sys.exit(main())
