"""A container image that installs itself: the small Debian system of ``make os-image``, and a stand-in for bootc.

The stand-in takes bootc's words, and refuses what bootc would refuse: it must see the host's processes, the image's storage and the disk, and
nothing of the registry's login. It partitions the disk, writes boot code, ESP and root file system, and puts root's keys there.
"""

import gzip
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

from tests.integration.registry_process import OCI_MANIFEST, RunningRegistry
from tests.lab.enrol import BUILD
from tests.lab.program import run

PROGRAMS = ("/usr/sbin/sgdisk", "/usr/bin/zstd", "/usr/sbin/blockdev", "/usr/bin/dd")
APPLETS = (
    "sh",
    "cat",
    "find",
    "rev",
    "xargs",
    "chmod",
    "grep",
    "head",
    "ls",
    "mkdir",
    "mount",
    "sleep",
    "sync",
    "tr",
    "umount",
)
SECTOR_BYTES = 512
PARTS = {"head": (0, 440), "core": (2048, 1 << 20), "esp": (4096, 48 << 20)}
"""Pieces of the system's disk image that go where they come from: first sector, bytes."""
ROOT_SECTOR = 102400
VERSION = "bootc 1.1.4 (a stand-in)"

BOOTC = r"""#!/bin/sh
set -e
[ "$1" = --version ] && { echo "@VERSION@"; exit 0; }
fail() { echo "error: $*" >&2; exit 1; }
[ "$1 $2" = "install to-disk" ] || fail "unknown subcommand $1 $2"
shift 2
wipe= skip= keys= size=0
while [ $# -gt 1 ]; do
    case "$1" in
    --wipe) wipe=1 ;;
    --skip-fetch-check) skip=1 ;;
    --disable-selinux | --target-imgref=*) ;;
    --root-ssh-authorized-keys=*) keys=${1#*=} ;;
    --root-size=*M) size=+${1#*=} ;;
    *) fail "unexpected argument $1" ;;
    esac
    shift
done
disk=$1
[ $$ != 1 ] || fail "This command must be run with the podman --pid=host flag"
grep -q . /proc/1/comm && [ -d /proc/1/root/etc ] || fail "process 1 of the host cannot be seen"
[ -n "$wipe" ] && [ -n "$skip" ] || fail "wipe or skip-fetch-check was not given"
[ -b "$disk" ] || fail "Not a block device: $disk"
ls /var/lib/containers/storage/overlay-images/*/manifest >/dev/null || fail "the image is not in containers-storage"
[ -z "$keys" ] || [ -s "$keys" ] || fail "$keys holds no keys"
secret=$(echo "@SECRET@" | rev) packed=$(echo "@PACKED@" | rev)
for place in /proc/1/root/tmp /proc/1/root/run /proc/1/root/root /proc/1/root/etc/containers; do
    found=$(find "$place" -xdev -type f -print0 2>/dev/null | xargs -0 -r grep -l -F -e "$secret" -e "$packed") || true
    [ -z "$found" ] || fail "the login lies in $found"
done
for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
    if cat "$file" 2>/dev/null | tr '\0' ' ' | grep -q -F -e "$packed"; then fail "the login lies in $file"; fi
done
if [ -d /sys/class/net/eth0 ] || grep -q eth0 /proc/net/dev; then fail "there is a network"; fi
echo "Installing image: $disk, $(blockdev --getsize64 "$disk") bytes"
sgdisk --zap-all "$disk" >/dev/null
sgdisk -a 1 -n 1:2048:4095 -t 1:ef02 -c 1:BIOS-BOOT -n 2:4096:102399 -t 2:ef00 -c 2:EFI-SYSTEM \
    -n "3:102400:$size" -t 3:8300 -c 3:root "$disk" >/dev/null
blockdev --rereadpt "$disk" || { sleep 2; blockdev --rereadpt "$disk"; }
put() { zstd -q -d -c "/usr/lib/os/$1.zst" | /usr/bin/dd of="$disk" bs=1M seek="$2" oflag=seek_bytes conv=notrunc,sparse iflag=fullblock 2>/dev/null; }
echo "Writing the boot loaders"
zstd -q -d -c /usr/lib/os/head.zst | /usr/bin/dd of="$disk" bs=440 count=1 conv=notrunc iflag=fullblock 2>/dev/null
put core 1048576
put esp 2097152
echo "Writing the root file system"
put root 52428800
sync
if [ -n "$keys" ]; then
    part=
    for part in "$disk"3 "$disk"p3; do [ -b "$part" ] && break; done
    mkdir -p /run/root
    mount -t ext4 "$part" /run/root
    mkdir -p /run/root/root/.ssh
    cat "$keys" >/run/root/root/.ssh/authorized_keys
    chmod 700 /run/root/root/.ssh
    chmod 600 /run/root/root/.ssh/authorized_keys
    umount /run/root
fi
echo "Installation complete!"
"""


def push_bootc_image(
    server: RunningRegistry,
    name: str,
    tag: str,
    busybox: bytes,
    *,
    secret: str,
    packed: str,
    folder: Path,
) -> str:
    """Upload the image and return its digest; ``secret`` and ``packed`` are the login that it must not find."""
    script = BOOTC
    for mark, text in (("VERSION", VERSION), ("SECRET", secret[::-1]), ("PACKED", packed[::-1])):
        script = script.replace(f"@{mark}@", text)
    files = {"bin/busybox": busybox, "usr/bin/bootc": script.encode()}
    files |= programs()
    files |= {f"usr/lib/os/{piece}.zst": data for piece, data in system(folder).items()}
    layer = gzip.compress(packed_layer(files), 1)
    plain = hashlib.sha256(gzip.decompress(layer)).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Cmd": ["/bin/sh"],
            "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": {"containers.bootc": "1"},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain}"]},
    }
    blobs = {
        "application/vnd.oci.image.config.v1+json": json.dumps(config).encode(),
        "application/vnd.oci.image.layer.v1.tar+gzip": layer,
    }
    described, layers = (
        {"mediaType": kind, "digest": server.push_blob(name, blob), "size": len(blob)}
        for kind, blob in blobs.items()
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described,
        "layers": [layers],
    }
    return server.push_manifest(name, tag, manifest)


def programs() -> dict[str, bytes]:
    """Return the programs of this machine that the image needs, with their libraries."""
    found: dict[str, bytes] = {}
    for program in PROGRAMS:
        paths = [program, *re.findall(r"(/lib\S+) \(0x", run("ldd", program))]
        found |= {path.lstrip("/"): Path(path).read_bytes() for path in paths}
    return found


def system(folder: Path) -> dict[str, bytes]:
    """Return the pieces of the small system's disk, packed with zstd."""
    image = BUILD / "os-image/debian.raw"
    pieces = {}
    shown = run("sgdisk", "--info=3", str(image))
    last = re.search(r"Last sector: (\d+)", shown)
    assert last
    assert f"First sector: {ROOT_SECTOR}" in shown
    root = (ROOT_SECTOR, (int(last[1]) + 1 - ROOT_SECTOR) * SECTOR_BYTES)
    for name, (sector, size_bytes) in {**PARTS, "root": root}.items():
        piece = folder / name
        words = (
            f"skip={sector * SECTOR_BYTES}",
            f"count={size_bytes}",
            "iflag=skip_bytes,count_bytes",
        )
        run(
            "dd",
            f"if={image}",
            f"of={piece}",
            "bs=1M",
            *words,
            "conv=sparse",
            "status=none",
            timeout_s=300,
        )
        run("zstd", "-q", "-1", "--rm", str(piece), timeout_s=300)
        packed = piece.with_suffix(".zst")
        pieces[name] = packed.read_bytes()
        packed.unlink()
    return pieces


def packed_layer(files: dict[str, bytes]) -> bytes:
    """Return the files as a tar archive, with busybox under the names of its applets."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as layer:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            layer.addfile(entry, io.BytesIO(data))
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            layer.addfile(link)
        for place in ("run", "tmp", "var/lib/containers/storage"):
            made = tarfile.TarInfo(place)
            made.type, made.mode = tarfile.DIRTYPE, 0o755
            layer.addfile(made)
    return packed.getvalue()
