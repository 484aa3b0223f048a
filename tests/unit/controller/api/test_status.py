from typing import Any

import pytest

from controller.api.nodes.status import Doing, progress_text, status_text

IDLE: dict[str, Any] = {
    "maintenance": False,
    "provision_state": "wait call-back",
    "stage": None,
    "stage_started_at": None,
    "stage_deadline_at": None,
    "progress": None,
    "last_error": None,
}


def text_of(**columns: Any) -> str | None:
    return status_text(Doing(**(IDLE | columns)), now=1000.0, steady=2000.0)


def test_an_idle_node_says_nothing_or_what_went_wrong() -> None:
    assert text_of() is None
    assert text_of(last_error="BMC 10.0.0.1 does not answer") == "BMC 10.0.0.1 does not answer"


def test_a_waiting_node_says_since_when_and_how_long_it_may_take() -> None:
    waiting = text_of(
        stage="clean.wait_for_agent",
        stage_started_at=988.0,
        stage_deadline_at=3800.0,
        last_error="old",
    )
    assert waiting == "clean: wait for agent for 12 s, at most 30 min 0 s more"


def test_a_time_limit_that_has_passed_is_not_negative() -> None:
    assert text_of(stage="clean.plan", stage_deadline_at=900.0) == "clean: plan, at most 0 s more"


def test_a_running_step_says_how_far_it_is() -> None:
    progress = {
        "step": "deploy.write_image",
        "phase": "writing",
        "bytes_done": 1_200_000_000,
        "bytes_total": 2_400_000_000,
        "rate_bytes_per_s": 120e6,
        "time_left_s": 10.2,
    }
    shown = text_of(stage="deploy.watch", progress=progress)
    assert shown == ("deploy.write_image writing, 50 % (1.2 GB of 2.4 GB), 120.0 MB/s, 10 s left")


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        ({"step": "s", "phase": None}, "s"),
        ({"phase": "reading", "bytes_done": 512}, "reading, 512 B"),
        ({"phase": "x", "bytes_done": 5, "bytes_total": 0}, "x, 5 B"),
        ({"phase": "x", "bytes_done": 0, "bytes_total": 2_000}, "x, 0 % (0 B of 2.0 kB)"),
        ({"phase": "x", "time_left_s": 0.0}, "x, 0 s left"),
    ],
)
def test_what_is_not_known_is_left_out(progress: dict[str, Any], text: str) -> None:
    assert progress_text(progress) == text


def test_a_node_in_maintenance_says_that_it_rests() -> None:
    facts = {"stage": "deploy.wait_for_agent", "maintenance": True}
    assert text_of(**facts) == "deploy: wait for agent rests until the maintenance ends"
    assert "rests" not in str(text_of(**facts, provision_state="deploying"))
