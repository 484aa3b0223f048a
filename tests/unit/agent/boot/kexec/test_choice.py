"""Which boot loader counts, and the entries of the Boot Loader Specification."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.boot.kexec.choice import choose_boot
from agent.boot.kexec.loader_entries import (
    by_specification,
    by_version,
    compare_versions,
    matching,
    parse_entry,
)
from agent.boot.kexec.volumes import LinuxBoot, NoBootConfig, Volume
from tests.unit.agent.boot.kexec.disk_files import ESP_UUID, ROOT_UUID, root_volume, volume

SIMPLE = "linux /vmlinuz root=UUID=1\nboot"
STUB = f"search --no-floppy --fs-uuid --set=root {ROOT_UUID}\nconfigfile /boot/grub/grub.cfg\n"


def esp(content: dict[str, str]) -> Volume:
    return volume(2, content, kind="vfat", uuid=ESP_UUID, is_esp=True)


def choose(*volumes: Volume, uefi: bool = True) -> LinuxBoot:
    return choose_boot(volumes, is_uefi=uefi, machine="x86_64")


def entry(name: str, **fields: Any) -> str:
    lines = {"title": name, "linux": f"/{name}/linux", "options": "root=UUID=1", **fields}
    return "".join(f"{key.replace('_', '-')} {value}\n" for key, value in lines.items())


def test_bios_starts_grub_wherever_its_configuration_lies() -> None:
    for path in ("boot/grub/grub.cfg", "grub2/grub.cfg", "@/boot/grub/grub.cfg"):
        assert choose(root_volume({path: SIMPLE}), uefi=False).kernel.path == "/vmlinuz"


def test_uefi_goes_by_what_lies_on_the_esp() -> None:
    root = root_volume({"boot/grub/grub.cfg": SIMPLE})
    assert choose(esp({"EFI/debian/grub.cfg": STUB}), root).kernel.volume == root
    whole = esp({"EFI/redhat/grub.cfg": "linux /vmlinuz-esp root=UUID=1\nboot"})
    assert choose(whole, root).kernel.path == "/vmlinuz-esp"
    assert choose(whole, root, uefi=False).kernel.path == "/vmlinuz"
    assert choose(esp({"EFI/BOOT/BOOTX64.EFI": "MZ"}), root).kernel.volume == root


def test_two_answers_are_none() -> None:
    root = root_volume({"boot/grub/grub.cfg": SIMPLE})
    same = esp({"EFI/debian/grub.cfg": STUB, "EFI/BOOT/grub.cfg": STUB})
    assert choose(same, root).kernel.volume == root
    other = esp({"EFI/debian/grub.cfg": STUB, "EFI/x/grub.cfg": "linux /other root=UUID=1\nboot"})
    with pytest.raises(NoBootConfig, match="start different systems"):
        choose(other, root)
    with pytest.raises(NoBootConfig, match="start different systems"):
        choose(root, volume(4, {"grub/grub.cfg": SIMPLE}), uefi=False)
    with pytest.raises(NoBootConfig, match="both GRUB and systemd-boot"):
        choose(esp({"loader/loader.conf": ""}), root)


def test_what_was_looked_at_is_said() -> None:
    locked = volume(4, None, kind="swap", why="no file system that a kernel lies on")
    with pytest.raises(NoBootConfig) as caught:
        choose(root_volume({}), locked, uefi=False)
    assert str(caught.value) == (
        "no configuration of GRUB: partition 3 (ext4): nothing there; partition 4 (swap): no file system that a kernel"
        " lies on"
    )
    with pytest.raises(NoBootConfig, match="EFI system partition cannot be read: damaged"):
        choose(volume(2, None, kind="vfat", is_esp=True, why="damaged"), root_volume({}))
    with pytest.raises(NoBootConfig, match="the disk has no partitions"):
        choose(uefi=False)


def test_systemd_boot_takes_the_newest_entry_or_its_default() -> None:
    entries = {
        "loader/entries/a-6.9.conf": entry("a", version="6.9", sort_key="a"),
        "loader/entries/a-6.10.conf": entry("b", version="6.10", sort_key="a"),
        "loader/entries/arm.conf": entry("c", version="9", sort_key="a", architecture="aa64"),
        "loader/entries/bad+0-3.conf": entry("d", version="9", sort_key="a"),
        "loader/entries/.hidden.conf": entry("e", version="9", sort_key="a"),
    }
    found = choose(esp({"loader/loader.conf": "timeout 3\n", **entries}))
    assert (found.kernel.path, found.source) == ("/b/linux", "systemd-boot, b")
    found = choose(esp({"loader/loader.conf": "default a-6.9*\n", **entries}))
    assert found.kernel.path == "/a/linux"
    with pytest.raises(NoBootConfig, match="default is @saved, which only the firmware"):
        choose(esp({"loader/loader.conf": "default @saved\n", **entries}))
    with pytest.raises(NoBootConfig, match="has no entry for this machine"):
        choose(esp({"loader/loader.conf": ""}))


def test_entries_may_lie_on_a_boot_partition_of_their_own() -> None:
    boot = volume(4, {"loader/entries/x.conf": entry("x", initrd="/x/initrd")})
    found = choose(esp({"EFI/systemd/systemd-bootx64.efi": "MZ"}), boot)
    assert (found.kernel.volume, found.initrds[0].volume) == (boot, boot)


def test_an_entry_of_a_unified_kernel_cannot_be_started() -> None:
    files = {"loader/loader.conf": "", "loader/entries/u.conf": "title U\nefi /EFI/Linux/u.efi\n"}
    with pytest.raises(NoBootConfig, match="'U', which is no Linux kernel by itself"):
        choose(esp(files))


def test_the_fields_of_an_entry() -> None:
    text = "# note\ntitle\tX Y\nlinux  /k\ninitrd /a\ninitrd /b\noptions one\noptions two  three\nfoo bar\n\n"
    found = parse_entry("m-1+3.conf", text)
    assert (found.name, found.title, found.is_used_up) == ("m-1", "X Y", False)
    assert (found.linux, found.initrds, found.options) == ("/k", ("/a", "/b"), "one two  three")
    assert parse_entry("m-1+0-3.conf", "").is_used_up
    assert matching([found], "M-*.conf") is found


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("6.9", "6.10"),
        ("6.1~rc1", "6.1"),
        ("6.1", "6.1.1"),
        ("6.1-200.fc40", "6.1-1000.fc40"),
        ("6.1", "6.1^git"),
        ("6.1.1", "6.1a"),
        ("", "1"),
    ],
)
def test_versions(older: str, newer: str) -> None:
    assert compare_versions(older, newer) < 0
    assert compare_versions(newer, older) > 0
    assert compare_versions(newer, newer) == 0


_VERSIONS = st.text(alphabet="0129.~^-ab_+", max_size=12)


@given(_VERSIONS, _VERSIONS, _VERSIONS)
def test_versions_have_one_order(a: str, b: str, c: str) -> None:
    assert compare_versions(a, b) == -compare_versions(b, a)
    if compare_versions(a, b) <= 0 and compare_versions(b, c) <= 0:
        assert compare_versions(a, c) <= 0


@given(st.lists(st.text(max_size=40), max_size=5), st.text(max_size=200))
def test_any_entry_can_be_read_and_sorted(names: list[str], text: str) -> None:
    entries = [parse_entry(f"{name}.conf", text) for name in names]
    assert sorted(map(id, by_specification(entries))) == sorted(map(id, entries))
    assert sorted(map(id, by_version(entries))) == sorted(map(id, entries))
