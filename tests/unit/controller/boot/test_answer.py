from dataclasses import replace

import pytest

from controller.boot.answer import (
    Asker,
    KnownNode,
    Platform,
    Ramdisk,
    Unknown,
    expand_params,
    first_script,
    kernel_arguments,
    script,
)

BASE_URL = "http://192.0.2.1:6385"
ASKER = Asker(macs=("52:54:00:aa:00:01",), platform=Platform.BIOS, base_url=BASE_URL)
RAMDISK = Ramdisk(
    kernel_url=f"{BASE_URL}/boot/kernel/n",
    ramdisk_url="http://files.example/r",
    append_params="nofb vga=normal",
    request_id="req-1",
    is_inspection=False,
    debug=False,
)
NODE = KnownNode(uuid="u-1", name="web1", provision_state="wait call-back", ramdisk=RAMDISK)


def answer(node: KnownNode | None, asker: Asker = ASKER, unknown: Unknown = Unknown.EXPLAIN) -> str:
    return script(asker, node, unknown=unknown)


def test_the_first_script_asks_with_every_mac_address_of_the_machine() -> None:
    text = first_script(BASE_URL)
    assert text.startswith("#!ipxe\n")
    assert "isset ${net7/mac} && set macs ${macs},${net7/mac} ||" in text
    assert (
        f"{BASE_URL}/boot/ipxe/script?mac=${{macs}}&uuid=${{uuid}}&platform=${{platform}}" in text
    )


def test_the_kernel_gets_the_arguments_of_real_ironic_in_its_order() -> None:
    assert kernel_arguments(RAMDISK, BASE_URL) == (
        "selinux=0 troubleshoot=0 text nofb vga=normal ipa-api-url=http://192.0.2.1:6385 "
        "ipa-global-request-id=req-1 BOOTIF=${mac} initrd=deploy_ramdisk"
    )


def test_debugging_and_inspection_change_the_arguments_as_in_real_ironic() -> None:
    arguments = kernel_arguments(replace(RAMDISK, debug=True, is_inspection=True), BASE_URL)
    assert " vga=normal ipa-debug=1 ipa-inspection-callback-url=" in arguments
    assert f"{BASE_URL}/v1/continue_inspection" in arguments
    assert "ipa-api-url" not in arguments


def test_a_node_that_deploys_boots_the_ramdisk_under_the_name_that_the_kernel_is_told() -> None:
    text = answer(NODE)
    assert f"kernel {BASE_URL}/boot/kernel/n selinux=0" in text
    assert "initrd --name deploy_ramdisk http://files.example/r || goto retry" in text
    assert "web1 (u-1)" in text


def test_a_machine_that_only_may_be_the_inspected_one_is_told_so() -> None:
    ramdisk = replace(RAMDISK, is_inspection=True)
    text = answer(replace(NODE, ramdisk=ramdisk, is_guess=True, provision_state="inspect wait"))
    assert f"this machine ({ASKER.macs[0]}) is not known, but node web1 (u-1)" in text
    assert "nothing is changed on this machine" in text
    assert f"ipa-inspection-callback-url={BASE_URL}/v1/continue_inspection" in text


def test_a_ramdisk_that_cannot_be_fetched_ends_in_a_new_question_not_in_a_dead_machine() -> None:
    text = answer(NODE)
    assert f"chain --autofree --replace {BASE_URL}/boot/ipxe ||" in text
    assert "poweroff" not in text


@pytest.mark.parametrize(
    ("platform", "last_line"),
    [
        (Platform.BIOS, "sanboot --no-describe --drive 0x80 || exit 1"),
        (Platform.UEFI, "exit 1"),
    ],
)
def test_a_node_that_shall_not_boot_the_ramdisk_goes_on_to_its_disk(
    platform: Platform, last_line: str
) -> None:
    text = answer(
        replace(NODE, ramdisk=None, provision_state="active"), replace(ASKER, platform=platform)
    )
    assert text.splitlines()[-1] == last_line
    assert "its state is active" in text


def test_an_unknown_machine_is_told_its_address_and_what_to_do_and_is_not_touched() -> None:
    text = answer(None)
    assert "echo   MAC addresses: 52:54:00:aa:00:01" in text
    assert "baremetal port create --node NODE 52:54:00:aa:00:01" in text
    assert "kernel" not in text


def test_an_unknown_machine_boots_its_disk_when_the_setting_says_so() -> None:
    assert answer(None, unknown=Unknown.LOCAL).splitlines()[-1].startswith("sanboot")


def test_a_node_whose_ramdisk_is_missing_says_why_on_the_screen_and_asks_again() -> None:
    text = answer(replace(NODE, ramdisk=None, problem="no deploy_kernel: set it"))
    assert "echo   no deploy_kernel: set it" in text
    assert "goto again_now" in text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a || b", "a | b"),
        ("a ||| b", "a | b"),
        ("a |||| b", "a | b"),
        ("a &&& b", "a & b"),
        ("a &&&&& b", "a & b"),
        ("a ; b", "a b"),
        ("a #; b", "a b"),
        ("a #|| b", "a | b"),
        ("a ## b", "a b"),
        ("a $${b}", "a $$ {b}"),
        ("a\n;\nb", "a b"),
        ("a=1;2#3|4&5", "a=1;2#3|4&5"),
    ],
)
def test_neither_a_name_nor_kernel_arguments_can_hold_what_ipxe_acts_on(
    given: str, shown: str
) -> None:
    ramdisk = replace(RAMDISK, append_params=given)
    text = answer(replace(NODE, name=given, ramdisk=ramdisk))
    assert f"echo Ingot: node {shown} (u-1)\n" in text
    assert f" troubleshoot=0 text {shown} ipa-api-url={BASE_URL} " in text


def test_what_a_node_is_called_cannot_add_commands_to_the_script() -> None:
    evil = replace(NODE, ramdisk=None, provision_state="x\nsanboot || shell ${net0/mac} && reboot")
    lines = answer(evil).splitlines()
    assert (
        lines[2]
        == "echo Ingot: its state is x sanboot | shell $ {net0/mac} & reboot: booting from the local disk"
    )


def test_a_line_break_in_the_kernel_arguments_does_not_end_the_kernel_line() -> None:
    arguments = kernel_arguments(replace(RAMDISK, append_params="a\nshell"), BASE_URL)
    assert "text a shell ipa-api-url" in arguments


@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, "d"), ("console=ttyS0", "console=ttyS0"), ("%default% x", "d x"), ("", "")],
)
def test_a_nodes_own_kernel_arguments_may_include_the_default_ones(
    own: str | None, expected: str
) -> None:
    assert expand_params(own, "d") == expected
