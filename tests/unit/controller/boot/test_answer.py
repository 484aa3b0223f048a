import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boot.answer import (
    Asker,
    KnownNode,
    Platform,
    Ramdisk,
    Unknown,
    ambiguous_script,
    expand_params,
    first_script,
    kernel_arguments,
    script,
)
from controller.boot.instances import InstanceIso, InstanceRamdisk
from controller.errors import Invalid

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
NODE = KnownNode(label="web1 (u-1)", provision_state="wait call-back", ramdisk=RAMDISK)


def answer(node: KnownNode | None, asker: Asker = ASKER, unknown: Unknown = Unknown.EXPLAIN) -> str:
    return script(asker, node, unknown=unknown)


def test_the_first_script_asks_with_every_mac_address_of_the_machine() -> None:
    text = first_script(BASE_URL)
    assert text.startswith("#!ipxe\n")
    assert "isset ${net63/mac} && set macs ${macs},${net63/mac} ||" in text
    assert (
        f"{BASE_URL}/boot/ipxe/script?mac=${{macs}}&boot=${{netX/mac}}&uuid=${{uuid}}&serial="
        in text
    )


def test_the_kernel_gets_the_arguments_of_real_ironic_in_its_order() -> None:
    assert kernel_arguments(RAMDISK, BASE_URL) == (
        "selinux=0 troubleshoot=0 text nofb vga=normal ipa-api-url=http://192.0.2.1:6385 "
        "ipa-global-request-id=req-1 BOOTIF=${mac} initrd=deploy_ramdisk"
    )


def test_an_instance_from_the_network_gets_ironics_arguments_and_is_tried_again() -> None:
    instance = InstanceRamdisk(
        kernel_url=f"{BASE_URL}/boot/kernel/k",
        ramdisk_url="http://files.example/r",
        arguments="quiet || reboot ${x}\nshell",
    )
    text = answer(replace(NODE, ramdisk=None, instance=instance))
    assert (
        f"kernel {BASE_URL}/boot/kernel/k root=/dev/ram0 text quiet | reboot $ {{x}} shell initrd=ramdisk || goto retry\n"
        "initrd --name ramdisk http://files.example/r || goto retry\nboot || goto retry\n"
    ) in text
    iso = InstanceIso(url="http://files.example/live.iso")
    text = answer(replace(NODE, ramdisk=None, instance=iso))
    assert "imgfree\nsanboot --no-describe http://files.example/live.iso || goto retry\n" in text
    with pytest.raises(Invalid, match="boot_iso"):
        answer(replace(NODE, ramdisk=None, instance=InstanceIso(url="http://a/b c")))


def test_debugging_and_inspection_change_the_arguments_as_in_real_ironic() -> None:
    arguments = kernel_arguments(replace(RAMDISK, debug=True, is_inspection=True), BASE_URL)
    assert " vga=normal ipa-debug=1 ipa-inspection-callback-url=" in arguments
    assert f"{BASE_URL}/v1/continue_inspection" in arguments
    assert "ipa-api-url" not in arguments


def test_a_machine_that_stays_after_its_inspection_is_told_whom_to_call() -> None:
    ramdisk = replace(RAMDISK, is_inspection=True)
    assert "ipa-api-url" not in kernel_arguments(ramdisk, BASE_URL)
    arguments = kernel_arguments(replace(ramdisk, stays=True), BASE_URL)
    assert f"/v1/continue_inspection ipa-api-url={BASE_URL} " in arguments


def test_an_inspection_is_told_what_to_collect() -> None:
    ramdisk = replace(RAMDISK, is_inspection=True, collectors="default, lldp,${x}")
    arguments = kernel_arguments(ramdisk, BASE_URL)
    assert " ipa-inspection-collectors=default,lldp,$ {x} " in arguments
    assert "collectors" not in kernel_arguments(replace(RAMDISK, collectors="lldp"), BASE_URL)


def test_a_node_that_deploys_boots_the_ramdisk_under_the_name_that_the_kernel_is_told() -> None:
    text = answer(NODE)
    assert f"kernel {BASE_URL}/boot/kernel/n selinux=0" in text
    assert "initrd --name deploy_ramdisk http://files.example/r || goto retry" in text
    assert "web1 (u-1)" in text


def test_a_machine_that_only_may_be_the_inspected_one_is_told_so() -> None:
    ramdisk = replace(RAMDISK, is_inspection=True)
    text = answer(replace(NODE, ramdisk=ramdisk, is_guess=True, label=None))
    assert f"this machine ({ASKER.macs[0]}) is not known, but a node has no ports" in text
    assert "nothing is changed on this machine" in text
    assert f"ipa-inspection-callback-url={BASE_URL}/v1/continue_inspection" in text


def test_a_stranger_is_inspected_or_told_why_not() -> None:
    ramdisk = replace(RAMDISK, is_inspection=True)
    stranger = KnownNode(label=None, provision_state="", ramdisk=ramdisk, is_stranger=True)
    text = answer(stranger, unknown=Unknown.INSPECT)
    assert f"this machine ({ASKER.macs[0]}) is not known: starting the agent" in text
    assert f"ipa-inspection-callback-url={BASE_URL}/v1/continue_inspection" in text
    assert "ipa-api-url" not in text
    assert "discovery has reached its limits" in answer(None, unknown=Unknown.INSPECT)
    assert "discovery" not in answer(None)
    text = answer(replace(stranger, ramdisk=None, problem="no file /secret"))
    assert "the log of the controller says why" in text
    assert "/secret" not in text


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
    text = answer(replace(NODE, label=f"{given} (u-1)", ramdisk=ramdisk))
    assert f"echo Ingot: node {shown} (u-1)\n" in text
    assert f" troubleshoot=0 text {shown} ipa-api-url={BASE_URL} " in text


def test_what_a_node_is_called_cannot_add_commands_to_the_script() -> None:
    evil = replace(NODE, ramdisk=None, provision_state="x\nsanboot || shell ${net0/mac} && reboot")
    lines = answer(evil).splitlines()
    assert lines[2] == "echo Ingot: its state is x sanboot | shell $ {net0/mac} & reboot"


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


def test_an_unverified_machine_learns_neither_name_nor_state_nor_problem() -> None:
    for node in (
        replace(NODE, label=None),
        replace(NODE, label=None, ramdisk=None, problem="no file /srv/secret/vmlinuz"),
    ):
        text = answer(node)
        assert not any(word in text for word in ("web1", "u-1", "call-back", "secret"))


def test_a_machine_without_orders_hears_the_same_whether_it_is_known_or_not() -> None:
    idle = replace(NODE, label=None, ramdisk=None, provision_state="active")
    assert answer(idle) == answer(None, unknown=Unknown.LOCAL)


def test_a_machine_that_fits_several_nodes_is_left_as_it_is() -> None:
    text = ambiguous_script(ASKER)
    assert "several nodes have MAC addresses of this machine (52:54:00:aa:00:01)" in text
    assert f"chain --autofree --replace {BASE_URL}/boot/ipxe ||" in text
    assert not {"kernel", "sanboot"} & commands(text)


# What iPXE does with a line, from src/core/exec.c: expand, cut at a comment, split into words, end commands at operators.
_EXPANSION = re.compile(r"\$\{[^}]*\}")
_OPERATORS = {"||", "&&", ";"}


def skeleton(text: str) -> list[tuple[str, ...]]:
    """Return the commands of each line, without their arguments, and the settings that the line expands."""
    assert all(character == "\n" or " " <= character <= "~" for character in text)
    found = []
    for line in text.splitlines():
        expanded = _EXPANSION.sub("x", line)
        words = itertools.takewhile(lambda word: not word.startswith("#"), expanded.split())
        parts: list[str] = []
        is_first = True
        for word in words:
            if is_first or word in _OPERATORS:
                parts.append(word)
            is_first = word in _OPERATORS
        found.append((*parts, *_EXPANSION.findall(line)))
    return found


def commands(text: str) -> set[str]:
    return {word for line in skeleton(text) for word in line}


ANY = st.text(max_size=60) | st.text(alphabet="ab|&;#${}/ \\\"'\n\r\t\x1b\x00", max_size=40)


@given(label=ANY, state=ANY, params=ANY, problem=ANY, is_guess=st.booleans())
def test_no_text_adds_a_command_an_expansion_or_a_line(
    label: str, state: str, params: str, problem: str, is_guess: bool
) -> None:
    ramdisk = replace(RAMDISK, append_params=params)
    node = replace(NODE, label=f"l {label}", provision_state=f"s {state}", is_guess=is_guess)
    plain = replace(NODE, is_guess=is_guess)
    assert skeleton(answer(replace(node, ramdisk=ramdisk))) == skeleton(answer(plain))
    for one, other in (
        (replace(node, ramdisk=None), replace(plain, ramdisk=None)),
        (replace(node, problem=f"p {problem}"), replace(plain, problem="p")),
    ):
        assert skeleton(answer(one)) == skeleton(answer(other))


@given(url=st.from_regex(r"https?://[^ ]{1,40}", fullmatch=True) | ANY.map("http://h/".__add__))
def test_a_url_is_one_word_or_refused(url: str) -> None:
    for ramdisk in (replace(RAMDISK, kernel_url=url), replace(RAMDISK, ramdisk_url=url)):
        try:
            text = answer(replace(NODE, ramdisk=ramdisk))
        except Invalid:
            continue
        assert url.isascii()
        assert skeleton(text) == skeleton(answer(NODE))
    try:
        asker = replace(ASKER, base_url=url)
    except Invalid:
        return
    assert skeleton(answer(None, asker)) == skeleton(answer(None))
    assert skeleton(first_script(url)) == skeleton(first_script(BASE_URL))


@pytest.mark.parametrize(
    "url",
    [
        "http://h/a b",
        "http://h/${uuid}",
        "http://h/a||b c",
        "http://h/a#b",
        "http://h/\x1b[2J",
        "http://h/a\nshell",
        "http://h/\u00e9",
        "h/a",
        "",
    ],
)
def test_urls_that_a_script_would_act_on_are_refused(url: str) -> None:
    with pytest.raises(Invalid, match="boot script"):
        answer(replace(NODE, ramdisk=replace(RAMDISK, kernel_url=url)))
