import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boot.answer import Asker, KnownNode, Platform, Ramdisk, Unknown
from controller.boot.grub_answer import ambiguous_script, first_script, script
from controller.boot.instances import InstanceIso, InstanceRamdisk

BASE_URL = "http://192.0.2.1:6385"
MAC = "52:54:00:aa:00:01"
ASKER = Asker(macs=(MAC,), platform=Platform.UEFI, base_url=BASE_URL)
RAMDISK = Ramdisk(
    kernel_url=f"{BASE_URL}/boot/kernel/k1",
    ramdisk_url=f"{BASE_URL}/boot/ramdisk/k1",
    append_params="nofb vga=normal",
    request_id="req-1",
    is_inspection=False,
    debug=False,
)
NODE = KnownNode(label="web1 (u-1)", provision_state="wait call-back", ramdisk=RAMDISK)


def answer(node: KnownNode | None, asker: Asker = ASKER, unknown: Unknown = Unknown.EXPLAIN) -> str:
    return script(asker, node, unknown=unknown)


def test_the_first_script_asks_the_gateway_with_what_tells_machines_apart() -> None:
    text = first_script(6385)
    assert 'set root="tftp,$server:6385"' in text
    assert 'source "/grub/script?mac=$net_default_mac&boot=$net_default_mac&' in text
    assert "&uuid=$uuid&serial=$serial" in text
    assert text.rstrip().endswith("done")


def test_the_kernel_gets_the_arguments_of_real_ironic_and_the_card_it_booted_from() -> None:
    assert (
        "if linux '/boot/kernel/k1' 'selinux=0' 'troubleshoot=0' 'text' 'nofb' 'vga=normal' "
        f"'ipa-api-url={BASE_URL}' 'ipa-global-request-id=req-1' 'BOOTIF={MAC}'; then\n"
        "  if initrd '/boot/ramdisk/k1'; then\n    boot\n" in answer(NODE)
    )


def test_a_stranger_is_inspected_or_told_why_not() -> None:
    ramdisk = replace(RAMDISK, is_inspection=True)
    stranger = KnownNode(label=None, provision_state="", ramdisk=ramdisk, is_stranger=True)
    text = answer(stranger, unknown=Unknown.INSPECT)
    assert f"this machine ({MAC}) is not known: starting the agent" in text
    assert f"'ipa-inspection-callback-url={BASE_URL}/v1/continue_inspection'" in text
    assert "discovery has reached its limits" in answer(None, unknown=Unknown.INSPECT)
    assert "discovery" not in answer(None)


def test_an_instance_in_memory_is_started_and_an_iso_image_is_not() -> None:
    instance = InstanceRamdisk(
        kernel_url=f"{BASE_URL}/boot/kernel/k1",
        ramdisk_url=f"{BASE_URL}/boot/ramdisk/k1",
        arguments="quiet x;reboot",
    )
    text = answer(replace(NODE, ramdisk=None, instance=instance))
    assert "if linux '/boot/kernel/k1' 'root=/dev/ram0' 'text' 'quiet' " in text
    assert "\nreboot" not in text
    iso = InstanceIso(url=f"{BASE_URL}/boot/boot_iso/k1")
    assert "GRUB can start neither an ISO image" in answer(
        replace(NODE, ramdisk=None, instance=iso)
    )


def test_every_answer_tells_the_loop_that_it_is_one() -> None:
    disk = replace(NODE, ramdisk=None)
    for text in (answer(NODE), answer(None), answer(disk), ambiguous_script(ASKER)):
        assert text.startswith("set answered=1\n")


def test_only_its_own_machine_is_told_which_node_it_is() -> None:
    assert "web1 (u-1)" in answer(NODE)
    assert "web1" not in answer(replace(NODE, label=None))
    problem = replace(NODE, ramdisk=None, problem="no kernel at /srv/secret")
    assert "no kernel at /srv/secret" in answer(problem)
    assert "secret" not in answer(replace(problem, label=None))


def test_what_grub_cannot_do_is_said_on_the_screen_instead() -> None:
    foreign = replace(RAMDISK, kernel_url="http://files.example/k")
    assert "GRUB fetches nothing" in answer(replace(NODE, ramdisk=foreign))
    quoted = replace(RAMDISK, append_params='dyndbg="file x"')
    text = answer(replace(NODE, ramdisk=quoted))
    assert "has a quote or a backslash" in text
    assert "linux" not in text


def test_a_disk_is_started_by_the_installed_loader_on_uefi_and_by_its_boot_sector_on_bios() -> None:
    disk = replace(NODE, ramdisk=None)
    assert "chainloader ($esp)$file" in answer(disk)
    text = answer(disk, replace(ASKER, platform=Platform.BIOS))
    assert "set root=hd0\nif chainloader +1; then\n  boot\nfi\nexit\n" in text


def test_an_unknown_machine_is_told_its_address_and_what_to_do_and_is_not_touched() -> None:
    text = answer(None)
    assert f"'  baremetal port create --node NODE {MAC}'" in text
    assert "nothing is changed on this machine" in text
    assert "/boot/kernel" not in text
    assert "booting from the local disk" in answer(None, unknown=Unknown.LOCAL)


HOSTILE = st.text(alphabet="a $'\"\\;|&{}()#\n\r\x1b\x00ü`", max_size=40)


def words_of(line: str) -> list[str]:
    """Read a line as a shell does; GRUB reads single quotes likewise."""
    return shlex.split(line)


@given(label=HOSTILE, problem=HOSTILE, state=HOSTILE)
def test_no_text_adds_a_command_a_line_or_an_expansion(
    label: str, problem: str, state: str
) -> None:
    plain = answer(KnownNode(label="x", provision_state="x", ramdisk=None, problem="x"))
    node = KnownNode(label=label, provision_state=state, ramdisk=None, problem=problem or "x")
    lines = answer(node).splitlines()
    assert len(lines) == len(plain.splitlines())
    for line in lines:
        if line.startswith("echo"):
            assert len(words_of(line)) == 2
            assert not re.search(r"[^\x20-\x7e]", line)


@given(params=HOSTILE)
def test_kernel_arguments_stay_arguments(params: str) -> None:
    text = answer(replace(NODE, ramdisk=replace(RAMDISK, append_params=params)))
    kernel = [line for line in text.splitlines() if line.startswith("if linux ")]
    if not kernel:
        assert "cannot boot the ramdisk" in text
        return
    words = words_of(kernel[0].removesuffix("; then"))
    assert words[:3] == ["if", "linux", "/boot/kernel/k1"]
    assert all(f"'{word}'" in kernel[0] for word in words[2:])


@pytest.mark.parametrize("firmware", list(Platform))
def test_a_machine_without_addresses_is_answered(firmware: Platform) -> None:
    asker = Asker(macs=(), platform=firmware, base_url=BASE_URL)
    assert "none given" in answer(None, asker)
    assert "'BOOTIF='" in answer(NODE, asker)
