"""ISO images, unified kernels and vendors' programs: made of small stand-ins, looked at from outside, made twice and compared."""

import hashlib
import itertools
import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE_BUILD = ROOT / "image-build"
LOADERS = ROOT / "build/cache/ramdisk/loaders"
SOURCE_DATE_EPOCH = 1767225600


def run(*argv: str | Path, ok: int = 0, umask: int = 0o022, time_zone: str = "UTC") -> str:
    done = subprocess.run(
        argv,
        env=os.environ | {"INGOT_LOADERS": str(LOADERS), "TZ": time_zone},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == ok, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def _loaders() -> None:
    LOADERS.parent.mkdir(parents=True, exist_ok=True)
    run(IMAGE_BUILD / "boot-loaders", LOADERS)


def stand_in(folder: Path) -> Path:
    """Lay a kernel and an initramfs of a few bytes out; they are only copied."""
    folder.mkdir()
    (folder / "ingot.vmlinuz").write_bytes(b"kernel" * 1000)
    (folder / "ingot.initramfs").write_bytes(b"initramfs" * 100_000)
    return folder / "ingot"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_iso_has_both_ways_to_boot_and_the_settings(tmp_path: Path) -> None:
    name = stand_in(tmp_path / "one")
    (tmp_path / "settings").write_text("ipa-api-url=http://192.0.2.1:6385\n")
    run(IMAGE_BUILD / "make-iso", name, "boot_method=vmedia quiet", tmp_path / "settings")
    iso = name.with_suffix(".iso")
    report = run("xorriso", "-indev", iso, "-report_el_torito", "plain", "-pvd_info")
    assert "Volume Id    : VMEDIA_BOOT_ISO" in report
    assert " BIOS  y " in report
    assert " UEFI  y " in report
    assert iso.read_bytes()[510:512] == b"\x55\xaa"  # a stick boots by its first sector
    run("xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/", tmp_path / "tree")
    assert (tmp_path / "tree/parameters.txt").read_text().startswith("ipa-api-url=")
    grub = (tmp_path / "tree/boot/grub/grub.cfg").read_text()
    assert "linux /boot/vmlinuz boot_method=vmedia quiet\n" in grub
    assert (tmp_path / "tree/boot/initramfs").stat().st_size == 900_000


def test_a_unified_kernel_has_everything_in_sections_of_its_own(tmp_path: Path) -> None:
    name = stand_in(tmp_path / "one")
    run(IMAGE_BUILD / "make-uki", name, "console=ttyS0")
    efi = name.with_suffix(".efi")
    for section, content in ((".cmdline", b"console=ttyS0"), (".linux", b"kernel" * 1000)):
        part = tmp_path / section
        run("objcopy", "-O", "binary", f"--dump-section={section}={part}", efi, tmp_path / "copy")
        assert part.read_bytes()[: len(content)] == content
    lines = [line.split() for line in run("objdump", "-h", efi).splitlines()]
    places = sorted(
        (int(w[3], 16), int(w[3], 16) + int(w[2], 16)) for w in lines if w and w[0].isdecimal()
    )
    for (_, end), (start, _) in itertools.pairwise(places):
        assert end <= start


@pytest.mark.parametrize(("umask", "time_zone"), [(0o022, "UTC"), (0o077, "Asia/Tokyo")])
def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, umask: int, time_zone: str) -> None:
    found = []
    for place, how in (("one", (0o022, "UTC")), ("another-folder", (umask, time_zone))):
        name = stand_in(tmp_path / place)
        run(IMAGE_BUILD / "make-iso", name, "boot_method=vmedia", umask=how[0], time_zone=how[1])
        run(IMAGE_BUILD / "make-uki", name, "quiet", umask=how[0], time_zone=how[1])
        found.append((digest(name.with_suffix(".iso")), digest(name.with_suffix(".efi"))))
        time.sleep(1.1)  # a second of the clock, which is what formats keep
    assert found[0] == found[1]


def test_a_tree_becomes_the_same_archive_whatever_its_times(tmp_path: Path) -> None:
    found: list[bytes] = []
    for place in ("one", "two"):
        tree = tmp_path / place
        for name in ("b", "a/c") if place == "one" else ("a/c", "b"):
            file = tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
        os.utime(tree / "b", (0, len(found)))
        done = subprocess.run(
            (IMAGE_BUILD / "archive", tree),
            env=os.environ | {"SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)},
            capture_output=True,
            check=True,
            timeout=60,
        )
        found.append(done.stdout)
    assert found[0] == found[1]


def test_programs_of_a_vendor_are_found_by_name(tmp_path: Path) -> None:
    """A stand-in for storcli as a Debian package below /opt, as its vendor packs it, and one for ssacli as a program."""
    package = tmp_path / "package"
    program = package / "opt/MegaRAID/storcli/storcli64"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho stand-in\n")
    program.chmod(0o755)
    (package / "DEBIAN").mkdir()
    (package / "DEBIAN/control").write_text(
        "Package: storcli\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: stand-in\n"
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    run("dpkg-deb", "--build", package, tools / "storcli.deb")
    (tools / "ssacli").write_text("#!/bin/sh\n")
    (tools / "ssacli").chmod(0o755)
    tree = tmp_path / "tree"
    run(IMAGE_BUILD / "vendor-tools", tools, tree)
    link = tree / "usr/local/sbin/storcli64"
    assert str(link.readlink()) == "/opt/MegaRAID/storcli/storcli64"
    assert (tree / "opt/MegaRAID/storcli/storcli64").stat().st_mode & 0o111
    assert (tree / "usr/local/sbin/ssacli").stat().st_mode & 0o111


@pytest.mark.parametrize("content", ["a readme", None])
def test_a_folder_without_programs_is_refused(tmp_path: Path, content: str | None) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    if content:
        (tools / "README").write_text(content)
    said = run(IMAGE_BUILD / "vendor-tools", tools, tmp_path / "tree", ok=1)
    assert "neither a program nor a .deb" in said or "is empty" in said


def test_hardware_managers_are_installed_beside_the_agent(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    example = ROOT / "docs/how-to/example-hardware-manager"
    copied = tmp_path / "source"
    run("cp", "-r", example, copied)
    pip = ROOT / "build/venv/bin/pip"
    quiet = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(pip, "wheel", *quiet, "--wheel-dir", wheels, copied)
    tree = tmp_path / "tree"
    run(IMAGE_BUILD / "manager-wheels", wheels, tree)
    library = tree / "opt/ingot/lib"
    assert (library / "acme_hardware/manager.py").exists()
    (entry_points,) = library.glob("*.dist-info/entry_points.txt")
    assert "ingot.hardware_managers" in entry_points.read_text()


@pytest.mark.parametrize("name", ["README", "ironic_python_agent-13.0.0-py3-none-any.whl", None])
def test_a_folder_that_holds_no_managers_is_refused(tmp_path: Path, name: str | None) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    if name:
        (wheels / name).write_text("no wheel")
    said = run(IMAGE_BUILD / "manager-wheels", wheels, tmp_path / "tree", ok=1)
    assert "is no wheel" in said or "run without it" in said or "has no wheels" in said
