"""A stand-in for podman and for the bootc of an image: it takes the real words, writes to the disk that it is given, and keeps a diary.

Run as a program of the name ``podman``; beside it lie ``behaviour`` (a word: what the image's bootc does) and ``diary``, a line of JSON for
each call. It pulls from a real registry, as podman does, with the login of the ``--authfile``.
"""

# ruff: noqa: T201  # its output is what is tested

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HERE = Path(__file__).resolve().parent
STORAGE = HERE / "storage"
MIB = 1 << 20
ESP_GUID = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"


def put_into(folder: Path) -> str:
    """Make the program in a new folder; return a search path that finds it first."""
    (folder / "storage").mkdir(parents=True)
    program = folder / "podman"
    program.write_text(f"#!{sys.executable}\n{Path(__file__).read_text()}")
    program.chmod(0o755)
    (folder / "behaviour").write_text("")
    return f"{folder}:{os.environ['PATH']}"


def calls(folder: Path) -> list[dict[str, Any]]:
    """Return the calls that the program in the folder has seen, oldest first: ``words`` and ``files``."""
    file = folder / "diary"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def main(words: list[str]) -> int:
    if words[0].startswith("--log-level="):
        del words[0]
    with (HERE / "diary").open("a") as diary:
        diary.write(json.dumps({"words": words, "files": files_of(words)}) + "\n")
    behaviour = (HERE / "behaviour").read_text()
    match words[:2]:
        case ["info", _]:
            print(STORAGE)
        case ["pull", *_]:
            return pull(words, behaviour)
        case ["image", "inspect"]:
            stored = json.loads((STORAGE / "image.json").read_text())
            print(json.dumps([stored]))
        case ["run", *_]:
            return run(words, behaviour)
        case ["rm", _]:
            return 0
    return 0


def files_of(words: list[str]) -> dict[str, str]:
    """Return what the files of a call hold: the login while it is pulled, the keys while it is installed, and who else can read them."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if name == "--authfile":
            path = Path(value)
            found["login"] = path.read_text() if path.exists() else "gone"
            found["mode"] = oct(path.stat().st_mode & 0o777)
        if name == "--volume" and value.endswith(":/run/ingot-bootc:ro"):
            found["keys"] = (Path(value.split(":")[0]) / "authorized_keys").read_text()
    return found


def pull(words: list[str], behaviour: str) -> int:
    if behaviour == "slow pull":
        print("Copying blob sha256:00", file=sys.stderr, flush=True)
        time.sleep(600)
    name, _, digest = words[-1].partition("@")
    host, _, repository = name.partition("/")
    request = Request(f"http://{host}/v2/{repository}/manifests/{digest}")  # of the test
    request.add_header("Accept", "application/vnd.oci.image.manifest.v1+json")
    auths = json.loads(files_of(words)["login"])["auths"]
    if host in auths:
        request.add_header("Authorization", f"Basic {auths[host]['auth']}")
    with urlopen(request, timeout=30) as reply:  # of the test
        body = reply.read()
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
        return 125
    if behaviour == "full":
        print("writing blob: write: no space left on device", file=sys.stderr)
        return 125
    for layer in json.loads(body)["layers"]:
        print(f"Copying blob {layer['digest']}", file=sys.stderr)
        if host in auths:  # as a talkative registry would quote it
            print(f"with {base64.b64decode(auths[host]['auth']).decode()}", file=sys.stderr)
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    stored = {"Architecture": architecture, "Size": 4096, "Id": digest[7:]}
    if behaviour == "foreign":
        stored["Architecture"] = "sparc64"
    (STORAGE / "image.json").write_text(json.dumps(stored))
    return 0


def run(words: list[str], behaviour: str) -> int:
    if words[-1] == "--version":
        if behaviour == "no bootc":
            print("crun: executable file `bootc` not found in $PATH", file=sys.stderr)
            return 127
        print("bootc 1.1.4")
        return 0
    disk = Path(words[-1])
    print("Installing image: docker://registry/os", flush=True)
    if behaviour == "nothing":
        return 0
    root_size = next((w.partition("=")[2] for w in words if w.startswith("--root-size=")), None)
    partition(disk, root_size)
    if behaviour == "half":
        print("error: Installing to disk: Creating rootfs: mkfs.ext4 failed", file=sys.stderr)
        return 1
    if behaviour == "kept open":
        holder = f"import os, time; os.open({str(disk)!r}, os.O_RDWR | os.O_EXCL); print(1, flush=True); time.sleep(60)"
        held = subprocess.Popen(
            [sys.executable, "-c", holder], stdout=subprocess.PIPE, start_new_session=True
        )
        assert held.stdout is not None
        assert held.stdout.readline() == b"1\n"
        (HERE / "holder").write_text(str(held.pid))
    return 0


def partition(disk: Path, root_size: str | None) -> None:
    """Make what bootc makes, smaller: BIOS boot, ESP, root."""
    end = "0" if root_size is None else f"+{root_size}"
    parts = (
        "-n=1:0:+1M",
        "-t=1:ef02",
        "-n=2:0:+4M",
        "-t=2:ef00",
        "-c=2:EFI-SYSTEM",
        f"-n=3:0:{end}",
        "-c=3:root",
    )
    subprocess.run(["sgdisk", "--zap-all", *parts, disk], check=True, capture_output=True)
    files: dict[int, tuple[str, ...]] = {2: ("mkfs.fat",), 6: ("mke2fs", "-q", "-F", "-t", "ext4")}
    for start_mib, words in files.items():
        made = HERE / "file-system"
        with made.open("wb") as file:
            file.truncate(4 * MIB)
        subprocess.run([*words, made], check=True, capture_output=True)
        with disk.open("r+b") as target:
            target.seek(start_mib * MIB)
            target.write(made.read_bytes())
    with disk.open("r+b") as target:
        target.write(b"\xeb\x63\x90")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
