import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.erasure import DiskErasure, ErasureReport, ErasureState, ReadBack
from controller.api.nodes.certificate_page import page
from controller.settings import Settings
from controller.store.certificates import MOST_BYTES, canonical
from controller.store.tables import Node
from controller.workflow.agent_view import ordered_erase_level
from controller.workflow.certificates import (
    FAILED,
    METADATA_ONLY,
    SANITIZED,
    UnreadableReport,
    certificates_of,
    report_of,
    summary,
    unseen,
    verdict,
)

NODE = Node(uuid="1be26c0b-03f2-4d2e-ae87-c02d7f33c123", name="m1")
GONE = ReadBack(
    block_bytes=4096,
    blocks=574,
    places=62,
    zeros=574,
    changed=0,
    same=0,
    unknown=0,
    unreadable=0,
    expected="changed",
)
ERASED = DiskErasure(
    path="/dev/nvme0n1",
    state=ErasureState.ERASED,
    detail="NVMe format, user data erase: done",
    size_bytes=64 << 20,
    sector_bytes=512,
    is_rotational=False,
    model="QEMU NVMe Ctrl",
    serial="NV0",
    level_asked="clear",
    levels=["clear"],
    method="NVMe format, user data erase",
    command="nvme format /dev/nvme0n1 --ses=1 --force",
    read_back=GONE,
    started_at=1_795_916_277.25,
    ended_at=1_795_916_279.5,
)


def changed(**changes: Any) -> DiskErasure:
    return msgspec.structs.replace(ERASED, **changes)


def certify(*disks: DiskErasure) -> tuple[dict[str, Any], ...]:
    report = ErasureReport(step="erase_devices", level_asked="clear", disks=list(disks))
    return certificates_of(report, NODE, ordered="clear", controller="c1", at=1_795_916_280.0)


def test_only_what_is_erased_as_asked_and_shown_is_sanitized() -> None:
    assert verdict(ERASED, "clear") == SANITIZED
    assert verdict(changed(level_asked=None, levels=[], read_back=None), "clear") == METADATA_ONLY
    for bad in (
        changed(state=ErasureState.FAILED),
        changed(level_asked="purge"),
        changed(levels=[]),
        changed(read_back=None),
        changed(read_back=msgspec.structs.replace(GONE, same=1)),
        changed(read_back=msgspec.structs.replace(GONE, unknown=1)),
        changed(read_back=msgspec.structs.replace(GONE, unreadable=1)),
        changed(read_back=msgspec.structs.replace(GONE, blocks=0)),
    ):
        assert verdict(bad, "clear") == FAILED


def test_what_the_controller_ordered_counts_not_what_the_agent_says_it_was_asked_for() -> None:
    """An agent that was told to purge and reports a clear erasure has not done it."""
    assert verdict(ERASED, "purge") == FAILED
    assert verdict(changed(levels=["clear", "purge"]), "purge") == SANITIZED
    node = Node(driver_info={"agent_erase_level": " Purge "})
    assert ordered_erase_level(node, Settings()) == "purge"
    assert ordered_erase_level(Node(driver_info={}), Settings(erase_level="purge")) == "purge"


def test_each_disk_has_a_certificate_but_one_that_was_left_alone_on_purpose() -> None:
    kept = changed(state=ErasureState.LEFT_ALONE, path="/dev/sdb")
    failed = changed(state=ErasureState.FAILED, path="/dev/sdc")
    made = certify(ERASED, kept, failed)
    assert [one["verdict"] for one in made] == [SANITIZED, FAILED]
    assert made[1]["sanitization"]["levels"] == []
    assert made[0]["sanitization"]["started_at"] == "2026-11-29T01:37:57+00:00"
    assert (
        summary([one["verdict"] for one in made])
        == "sanitization certificates: 1 sanitized, 1 failed"
    )


def test_a_step_whose_end_was_not_seen_is_failed() -> None:
    made = unseen(NODE, "erase_devices", "the agent restarted", controller="c1", at=0.0)
    assert made["verdict"] == FAILED
    assert "the agent restarted" in page(
        {"certificate": {**made, "id": "x"}, "signature": {"value": "y"}}
    )


def test_the_text_that_is_signed_does_not_depend_on_the_order_of_keys() -> None:
    (made,) = certify(ERASED)
    turned = dict(reversed(list(made.items())))
    assert canonical(made) == canonical(turned) == canonical(json.loads(canonical(made)))


def test_a_certificate_has_no_secrets_of_a_command_line_in_it() -> None:
    told = msgspec.to_builtins(
        changed(
            command="hdparm --security-erase --password=geheim /dev/sda",
            detail="https://user:geheim@web/log",
        )
    )
    sent = {"step": "erase_devices", "level_asked": "clear", "disks": [told]}
    report = report_of({"clean_result": {"erasure": sent}})
    assert report is not None
    assert "geheim" not in str(report)


def test_a_report_is_found_in_the_result_of_a_step_and_nothing_else_is_taken_for_one() -> None:
    report = ErasureReport(step="erase_devices", level_asked="clear", disks=[ERASED])
    sent = {"clean_result": {"/dev/nvme0n1": "done", "erasure": msgspec.to_builtins(report)}}
    assert report_of(sent) == report
    for other in (
        None,
        "text",
        {},
        {"clean_result": {"/dev/sda": "shredded"}},
        {"clean_result": 7},
    ):
        assert report_of(other) is None


@pytest.mark.parametrize(
    "erasure",
    [
        7,
        {"step": "erase_devices"},
        {"step": "x", "level_asked": None, "disks": [{"path": "/dev/sda", "state": "perfect"}]},
        {"step": "x", "level_asked": None, "disks": [msgspec.to_builtins(ERASED)] * 257},
        {"step": "x", "level_asked": None, "disks": [[[[[[[[[[[[]]]]]]]]]]]]},
    ],
)
def test_a_report_of_another_form_is_not_read_as_a_good_one(erasure: Any) -> None:
    with pytest.raises(UnreadableReport):
        report_of({"clean_result": {"erasure": erasure}})


@given(st.text(max_size=300))
def test_foreign_words_enter_bounded_and_the_page_has_none_of_their_markup(text: str) -> None:
    hostile = msgspec.to_builtins(changed(model=f"<script>{text}", log_after=text * 100))
    sent = {"step": "erase_devices", "level_asked": "clear", "disks": [hostile]}
    report = report_of({"clean_result": {"erasure": sent}})
    assert report is not None
    (made,) = certificates_of(report, NODE, ordered="clear", controller="c1", at=0.0)
    assert len(canonical(made).encode()) < MOST_BYTES
    assert "\x00" not in canonical(made)
    shown = page({"certificate": {**made, "id": "x"}, "signature": {"value": "y"}})
    assert "<script>" not in shown


def test_the_largest_report_makes_certificates_that_fit_and_serials_that_the_table_takes() -> None:
    wide = "\N{GRINNING FACE}" * 4000
    texts = dict.fromkeys(
        (
            *("path", "vendor", "model", "serial", "wwn", "transport", "level_asked", "manager"),
            *("method", "command", "detail", "log_before", "log_after"),
        ),
        wide,
    )
    disk = msgspec.to_builtins(changed(**texts, levels=[wide] * 8))
    disk["read_back"]["expected"] = wide
    tools = {f"{number}{wide}": wide for number in range(1000)}
    sent = {"step": wide, "level_asked": "clear", "disks": [disk] * 2, "tools": tools}
    report = report_of({"clean_result": {"erasure": sent}})
    assert report is not None
    for made in certificates_of(report, NODE, ordered="clear", controller="c1", at=0.0):
        assert len(canonical({**made, "id": "x" * 36}).encode()) < MOST_BYTES
        assert len(made["media"]["serial"]) <= 255
        assert len(made["sanitization"]["tools"]) == 32
