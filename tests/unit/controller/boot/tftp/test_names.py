import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boot.tftp.names import url_path_of

SAFE = re.compile(
    r"/boot/(kernel|ramdisk)/[A-Za-z0-9_-]{1,64}|/boot/grub/script\?[A-Za-z0-9=&:,;.+_~%-]*"
)


def test_kernel_ramdisk_and_script_have_names() -> None:
    assert url_path_of(b"/boot/kernel/abc_-9") == "/boot/kernel/abc_-9"
    assert url_path_of(b"boot/ramdisk/k") == "/boot/ramdisk/k"
    assert url_path_of(b"/grub/script?mac=52:54:00:aa:00:01&serial=A B/#1%") == (
        "/boot/grub/script?mac=52:54:00:aa:00:01&serial=A%20B%2F%231%25"
    )


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b"/etc/passwd",
        b"/boot/kernel/../../v1/nodes",
        b"/boot/kernel/a?x=1",
        b"/boot/kernel/" + b"a" * 65,
        b"/boot/loader/snponly.efi",
        b"../boot/kernel/a",
        b"/grub/script",
        b"/grub/../v1/nodes?x",
        b"/grub/script?" + b"a" * 600,
        b"\xff\xfe",
    ],
)
def test_nothing_else_has_a_name(name: bytes) -> None:
    assert url_path_of(name) is None


@given(st.binary(max_size=400), st.sampled_from([b"", b"/grub/script?", b"/boot/kernel/"]))
def test_whatever_is_asked_for_the_controller_is_asked_for_one_of_three_things(
    text: bytes, head: bytes
) -> None:
    path = url_path_of(head + text)
    assert path is None or SAFE.fullmatch(path)
