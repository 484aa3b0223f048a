from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AgentError
from agent.hardware.erasing import EraseLevel, EraseWish
from hardware_managers.nvme.drive import (
    NvmeController,
    estimate_s,
    namespace_summary,
    parse_id_ctrl,
    parse_sanitize_log,
)
from hardware_managers.nvme.plan import plan_erasure
from tests.unit.fakes import disk

DATA = Path(__file__).parents[3] / "data/nvme"
NAMESPACE = disk("/dev/nvme0n1")
OTHER = Path("/dev/nvme0n2")
QEMU = parse_id_ctrl((DATA / "id-ctrl-qemu.json").read_text())
SES_2 = "NVMe format, cryptographic erase"

controllers = st.builds(
    lambda oacs, fna, sanicap: replace(QEMU, oacs=oacs, fna=fna, sanicap=sanicap),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFF),
    st.integers(0, 0xFFFFFFFF),
)


def methods(controller: NvmeController, wish: EraseWish | None = None) -> list[str]:
    return [plan.method for plan in plan_erasure(NAMESPACE, controller, wish or EraseWish())]


def test_what_qemu_says_leads_to_a_format_and_to_nothing_more() -> None:
    assert QEMU.serial == "NV0"
    assert QEMU.subsystem == "nqn.2019-08.org.qemu:ss0"
    (plan,) = plan_erasure(NAMESPACE, QEMU, EraseWish())
    assert plan.command == "nvme format /dev/nvme0n1 --ses=1 --force"
    assert plan.levels == {EraseLevel.CLEAR}
    assert plan.obstacle is None


@given(controllers)
def test_keys_are_destroyed_only_where_the_drive_announces_it(controller: NvmeController) -> None:
    announced = controller.sanicap & 1 or (controller.oacs & 2 and controller.fna & 4)
    plans = plan_erasure(NAMESPACE, controller, EraseWish())
    assert any(EraseLevel.DESTROY_KEYS in plan.levels for plan in plans) == bool(announced)


@given(controllers)
def test_only_sanitize_reaches_purge(controller: NvmeController) -> None:
    plans = plan_erasure(NAMESPACE, controller, EraseWish())
    purging = {plan.method for plan in plans if EraseLevel.PURGE in plan.levels}
    assert len(purging) == (controller.sanicap & 0b111).bit_count()
    assert all(method.startswith("NVMe sanitize") for method in purging)


@given(controllers)
def test_a_method_that_reaches_more_is_stronger(controller: NvmeController) -> None:
    plans = plan_erasure(NAMESPACE, controller, EraseWish())
    purging = [plan.strength for plan in plans if EraseLevel.PURGE in plan.levels]
    others = [plan.strength for plan in plans if EraseLevel.PURGE not in plan.levels]
    assert all(strong > weak for strong in purging for weak in others)


@given(controllers, st.lists(st.just(OTHER), max_size=1))
def test_a_command_for_all_namespaces_names_all(
    controller: NvmeController, siblings: list[Path]
) -> None:
    for plan in plan_erasure(NAMESPACE, controller, EraseWish(), siblings=siblings):
        is_for_all = plan.method.startswith("NVMe sanitize") or controller.fna & 0b11
        assert plan.also == (tuple(siblings) if is_for_all else ())


def test_what_is_switched_off_or_elsewhere_is_only_reported() -> None:
    (off,) = plan_erasure(NAMESPACE, QEMU, EraseWish(use_nvme=False))
    assert "agent_enable_nvme_secure_erase" in (off.obstacle or "")
    (far,) = plan_erasure(NAMESPACE, QEMU, EraseWish(), remote="tcp")
    assert "reached over tcp" in (far.obstacle or "")


def test_the_sanitize_log_says_done_running_or_never() -> None:
    done = parse_sanitize_log((DATA / "sanitize-log-done.txt").read_text())
    assert done.has_done(2)
    assert not done.has_done(4)  # it was another operation
    running = parse_sanitize_log((DATA / "sanitize-log-running.txt").read_text())
    assert running.is_running
    assert round(running.percent) == 36
    assert not running.has_done(2)
    never = parse_sanitize_log((DATA / "sanitize-log-never.txt").read_text())
    assert not any(never.has_done(action) for action in (2, 3, 4))
    assert estimate_s(done.text, "Block Erase") == 90
    assert estimate_s(never.text, "Block Erase") is None


@given(st.text())
def test_other_texts_are_never_taken_for_a_log_that_says_done(text: str) -> None:
    with pytest.raises(AgentError):
        parse_sanitize_log(text.replace("SSTAT", ""))
    with pytest.raises(AgentError):
        parse_id_ctrl(text)


def test_a_namespace_is_summed_up() -> None:
    text = namespace_summary((DATA / "id-ns-qemu.json").read_text())
    assert text == "id-ns: nsze 131072, ncap 131072, nuse 131072, flbas 0, dlfeat 1"
