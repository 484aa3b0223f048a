"""What GRUB would start, from configurations as they are and from hostile ones."""

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.boot.kexec.grub_menu import what_grub_boots
from agent.boot.kexec.grub_script import parse_script
from agent.boot.kexec.grub_test import holds
from agent.boot.kexec.volumes import LinuxBoot, NoBootConfig
from agent.errors import FileSystemError
from tests.unit.agent.boot.kexec.disk_files import (
    BOOT_UUID,
    DEBIAN,
    FEDORA,
    ROOT_UUID,
    fedora_entry,
    place,
    root_volume,
    volume,
)

MACHINE_ID = "7b92728670d64c65879a91ae405012ed"


def boot_of(config: str, more: Mapping[str, str] | None = None, *, uefi: bool = False) -> LinuxBoot:
    root = root_volume({"boot/grub/grub.cfg": config, **(more or {})})
    return what_grub_boots([root], place(root), is_uefi=uefi)


def debian(default: str, environment: str | None = None) -> LinuxBoot:
    more = {} if environment is None else {"boot/grub/grubenv": environment}
    return boot_of(DEBIAN.replace("DEFAULT", default), more)


def kernel(boot: LinuxBoot) -> str:
    return boot.kernel.path.removeprefix("/boot/vmlinuz-")


def test_the_first_entry_of_a_debian_system() -> None:
    boot = debian("0")
    assert str(boot.kernel) == "/boot/vmlinuz-6.1.0-28-amd64 of partition 3"
    assert [one.path for one in boot.initrds] == ["/boot/initrd.img-6.1.0-28-amd64"]
    assert boot.command_line == (
        f"BOOT_IMAGE=/boot/vmlinuz-6.1.0-28-amd64 root=UUID={ROOT_UUID} ro quiet vt.handoff=7"
    )
    assert boot.source == "GRUB, Debian GNU/Linux"


@pytest.mark.parametrize(
    ("default", "version"),
    [
        ("1>1", "6.1.0-27-amd64"),
        ("1 > 0", "6.1.0-28-amd64"),
        (f"gnulinux-advanced-{ROOT_UUID}>gnulinux-6.1.0-27-amd64-advanced", "6.1.0-27-amd64"),
        ("Advanced options for Debian GNU/Linux>1", "6.1.0-27-amd64"),
        ("no such entry", "6.1.0-28-amd64"),
        ("77", "6.1.0-28-amd64"),
        ("", "6.1.0-28-amd64"),
    ],
)
def test_the_default_is_a_number_a_title_or_an_id(default: str, version: str) -> None:
    assert kernel(debian(default)) == version


def test_a_saved_entry_counts() -> None:
    environment = f"# GRUB Environment Block\nsaved_entry=gnulinux-advanced-{ROOT_UUID}>1\n####"
    assert kernel(debian("${saved_entry}", environment)) == "6.1.0-27-amd64"
    assert kernel(debian("${saved_entry}")) == "6.1.0-28-amd64"


def test_an_entry_for_one_start_is_left_to_grub() -> None:
    with pytest.raises(NoBootConfig, match="for one start only"):
        debian("0", "# GRUB Environment Block\nnext_entry=1\n")


def test_the_setup_of_the_firmware_is_no_entry_that_counts() -> None:
    boot = boot_of(DEBIAN.replace("DEFAULT", "uefi-firmware"), uefi=True)
    assert kernel(boot) == "6.1.0-28-amd64"


def test_entries_of_a_fedora_system_come_newest_first_with_grubs_variables() -> None:
    entries = {
        f"loader/entries/{MACHINE_ID}-{version}.conf": fedora_entry(version)
        for version in ("6.8.9-300", "6.8.10-300", "6.8.10-200")
    }
    boot = volume(2, {"grub2/grub.cfg": FEDORA, **entries}, uuid=BOOT_UUID)
    disk = [boot, root_volume({})]
    found = what_grub_boots(disk, place(boot, "/grub2/grub.cfg"), is_uefi=False)
    assert found.kernel.path == "/vmlinuz-6.8.10-300"
    assert [one.path for one in found.initrds] == ["/initramfs-6.8.10-300.img"]
    assert found.command_line == (
        f"BOOT_IMAGE=(hd0,gpt2)/vmlinuz-6.8.10-300 root=UUID={ROOT_UUID} ro console=ttyS0"
    )
    older = {
        "grub2/grubenv": f"saved_entry={MACHINE_ID}-6.8.9-300\nkernelopts=root=/dev/vda3 x=1\n"
    }
    boot = volume(2, {"grub2/grub.cfg": FEDORA, **entries, **older}, uuid=BOOT_UUID)
    found = what_grub_boots([boot], place(boot, "/grub2/grub.cfg"), is_uefi=False)
    assert found.kernel.path == "/vmlinuz-6.8.9-300"
    assert found.command_line.endswith(" root=/dev/vda3 x=1")


def test_a_script_without_a_menu_starts_by_its_boot_command() -> None:
    boot = boot_of("linux /vmlinuz root=UUID=1 'a b' console=ttyS0,115200\ninitrd /i /j\nboot\n")
    assert boot.command_line == 'BOOT_IMAGE=/vmlinuz root=UUID=1 "a b" console=ttyS0,115200'
    assert [one.path for one in boot.initrds] == ["/i", "/j"]
    with pytest.raises(NoBootConfig, match="no entry that starts Linux"):
        boot_of("linux /vmlinuz root=UUID=1\ninitrd /i\n")


def test_a_configuration_may_lead_to_another_one_of_another_partition() -> None:
    stub = f"search.fs_uuid {ROOT_UUID} root hd0,gpt2\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    config = "source ${config_directory}/custom.cfg\nlinux /v root=$own\nboot"
    root = root_volume(
        {"boot/grub/grub.cfg": config, "boot/grub/custom.cfg": "set own=/dev/vda3\n"}
    )
    esp = volume(2, {"EFI/debian/grub.cfg": stub}, kind="vfat", is_esp=True)
    boot = what_grub_boots([esp, root], place(esp, "/EFI/debian/grub.cfg"), is_uefi=True)
    assert str(boot.kernel) == "/v of partition 3"
    assert boot.command_line == "BOOT_IMAGE=/v root=/dev/vda3"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("menuentry 'Windows' { chainloader +1 }", "'Windows' by the command chainloader"),
        ("menuentry 'Xen' {\n multiboot2 /xen\n module2 /vmlinuz\n}", "command multiboot2"),
        ("cryptomount -u 1234\nlinux /v\nboot", "cryptomount"),
        ("menuentry 'x' { echo nothing }", "'x', which loads no Linux kernel"),
        ("menuentry 'x' { linux (hd1,gpt1)/v root=UUID=1 }", "not on the disk that was written"),
        ("linux (hd0,gpt9)/v\nboot", "not on the disk that was written"),
        ("linux /v\ninitrd newc:x:/i\nboot", "'newc:x:/i', which is not on the disk"),
        ("for x in a b; do linux $x; done", "uses 'for'"),
        ("while true; do true; done", "uses 'while'"),
        ("menuentry 'x {", "a quote without an end"),
        ('menuentry "x', "a quote without an end"),
        ("menuentry x { linux /v", "} is missing"),
        ("if true; then linux /v", "fi is missing"),
        ("}", "a brace where none can be"),
        ("if [ x ]; then true; fi }", "a brace where none can be"),
        ("menuentry x", "without a body"),
        ("function { true }", "a function without a name"),
        ("true | false", r"uses '\|'"),
        ("function f { f; }\nf", "calls itself too deeply"),
        ("source /boot/grub/grub.cfg", "calls itself too deeply|file after file"),
        ("configfile /boot/grub/grub.cfg", "lead to each other|calls itself|file after file"),
        ("return", "returns before its end"),
        ("set a=" + "x" * 70000, "too long"),
        ("set a=xxxxxxxx\n" + "set a=$a$a\n" * 40, "too long"),
        ("\n".join(f"set a{n}=1" for n in range(3000)), "too many variables"),
        ("\n".join(f"menuentry {n} {{ true }}" for n in range(1100)), "more than 1000 entries"),
        ("true;" * 60_000, "more than 100000 words"),
        ("true;" * 30_000, "more than 20000 steps"),
        ("if true; then " * 40 + "fi;" * 40, "nested more than 16 deep"),
        ("", "no entry that starts Linux"),
    ],
)
def test_what_cannot_be_followed_is_an_answer(config: str, reason: str) -> None:
    with pytest.raises(NoBootConfig, match=reason):
        boot_of(config)


def test_a_configuration_that_is_too_large_is_not_read() -> None:
    with pytest.raises(FileSystemError, match="has more than"):
        boot_of("#" * (2 << 20))


def test_a_doubling_of_words_stays_in_its_bounds() -> None:
    lines = "set a=xxxxxxxxxxxxxxxx\n" + "set a=$a$a\n" * 10 + "set b=$a$a$a\n"
    boot = boot_of(lines + "linux /v root=$a\nboot")
    assert len(boot.command_line) < 20_000


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("x = x", True),
        ("x == y", False),
        ("-n x", True),
        ("-z x", False),
        ("! -z x", True),
        ("x", True),
        ("", False),
        ("2 -gt 10", False),
        ("9" * 60 + " -gt 1", False),
        ("x = x -a y = z", False),
        ("x = y -o y = y", True),
        ("-f /boot/grub/grub.cfg", True),
        ("-f /boot/grub", False),
        ("-d /boot/grub", True),
        ("x = x junk", False),
        ("! ! x", True),
    ],
)
def test_grubs_tests(words: str, expected: bool) -> None:
    files = {"-f": lambda path: path.endswith(".cfg"), "-d": lambda path: path.endswith("grub")}
    assert holds(words.split(), files) is expected


_WORDS = (
    "if then else elif fi menuentry submenu function { } ; [ ] = != -z -n -s ! 'y' $x ${x} set x=y default=0 default=1>0 linux"
    " initrd /vmlinuz /initrd root=UUID=1 boot configfile source /boot/grub/grub.cfg load_env search --set=root --fs-uuid blscfg"
    " return 0 savedefault # export true false --id -a -o (hd0,gpt3)/v (,gpt3)/v < & x y"
)
_PIECES = st.sampled_from([*_WORDS.split(), "\n", '"x"', '"$x', "'", "\\"])


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=60))
def test_whatever_a_configuration_says_there_is_an_answer(pieces: list[str]) -> None:
    more = {"boot/grub/grubenv": "x=1\n", "vmlinuz": "k"}
    with contextlib.suppress(NoBootConfig):
        assert boot_of(" ".join(pieces), more).kernel.volume.number == 3


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_script_or_an_error(text: str) -> None:
    with contextlib.suppress(NoBootConfig):
        assert isinstance(parse_script(text), tuple)


def test_a_word_of_many_pieces_costs_no_more_than_its_length() -> None:
    with pytest.raises(NoBootConfig, match="no entry"):
        boot_of("set a=" + "''" * 400_000)
