"""The filter of system calls, carried out by a machine of its own kind: a few lines of classic BPF."""

import errno
import struct

import pytest

from agent.system.containment import call_filter as module
from agent.system.containment.call_filter import MACHINES, call_filter

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
ARCHITECTURE = {"x86_64": 0xC000003E, "ppc64le": 0xC0000015}
UNSHARE = {"x86_64": 272, "ppc64le": 282}
CLONE = {"x86_64": 56, "ppc64le": 120}
SOCKET = {"x86_64": 41, "ppc64le": 326}
CLONE3 = 435


def answer(program: bytes, number: int, architecture: int, argument: int = 0) -> int:
    """Run the program on a call; see bpf(4) and seccomp_data in <linux/seccomp.h>."""
    data = struct.pack("<IIQQ", number, architecture, 0, argument)
    steps = list(struct.iter_unpack("<HBBI", program))
    at = register = 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x06:
            return int(value)
        if code == 0x20:
            register = struct.unpack_from("<I", data, value)[0]
            continue
        holds = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}
        at += yes if holds[code] else no


@pytest.mark.parametrize("machine", MACHINES)
def test_exactly_the_named_calls_are_denied(machine: str) -> None:
    program, own = call_filter(machine), ARCHITECTURE[machine]
    denied = {number for number in range(700) if answer(program, number, own, 1) == EPERM}
    assert denied == set(module._DENIED[machine].values())
    assert answer(program, CLONE3, own) == ENOSYS
    assert answer(program, 1, own) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_user_namespaces_the_network_and_other_processors_are_denied(machine: str) -> None:
    program, own = call_filter(machine), ARCHITECTURE[machine]
    assert answer(program, UNSHARE[machine], own) == EPERM
    assert answer(program, CLONE[machine], own, 17) == ALLOW
    for flag in (0x10000000, 0x20000000, 0x40000000, 0x20000, 0x2000000, 0x80):
        assert answer(program, CLONE[machine], own, 17 | flag) == EPERM
    assert answer(program, SOCKET[machine], own, 1) == ALLOW
    for family in (0, 2, 10, 16, 17, 38, 40):
        assert answer(program, SOCKET[machine], own, family) == EPERM
    assert answer(program, 0, own ^ 1) == KILL


def test_the_second_numbering_of_x86_is_denied() -> None:
    assert answer(call_filter("x86_64"), 0x40000000 | 1, ARCHITECTURE["x86_64"]) == EPERM


def test_the_program_fits_into_what_the_kernel_takes() -> None:
    assert all(len(call_filter(machine)) // 8 <= 4096 for machine in MACHINES)
