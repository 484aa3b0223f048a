"""How long a step may take: as long as its progress moves."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.settings import Settings
from controller.workflow.limits import moved, silence_limit

DAY_S = 86400


@pytest.mark.parametrize(
    ("kind", "step", "setting"),
    [
        ("deploy", "write_image", "deploy_step_timeout_s"),
        ("deploy", "install_bootloader", "deploy_step_timeout_s"),
        ("deploy", "erase_devices_metadata", "deploy_step_timeout_s"),
        ("clean", "erase_devices_metadata", "clean_step_timeout_s"),
        ("clean", "update_firmware", "clean_step_timeout_s"),
        ("clean", "erase_devices", "erase_step_timeout_s"),
        ("clean", "erase_devices_express", "erase_step_timeout_s"),
        ("deploy", "erase_devices", "erase_step_timeout_s"),
        ("deploy", "", "deploy_step_timeout_s"),
    ],
)
def test_every_step_has_the_limit_of_its_kind(kind: str, step: str, setting: str) -> None:
    settings = Settings(
        deploy_step_timeout_s=1.0, clean_step_timeout_s=2.0, erase_step_timeout_s=3.0
    )
    assert silence_limit(settings, kind, step) == (setting, getattr(settings, setting))


def test_16_terabytes_can_be_erased_by_default() -> None:
    slow_disk_bytes_per_s = 100e6
    assert silence_limit(Settings(), "clean", "erase_devices")[1] > 16e12 / slow_disk_bytes_per_s


PROGRESS = st.none() | st.fixed_dictionaries(
    {"phase": st.sampled_from(["write", "verify"])},
    optional={
        "bytes_done": st.integers(0, 3) | st.none(),
        "rate_bytes_per_s": st.floats(0, 9),
        "updated_at": st.floats(0, 9),
        "time_left_s": st.floats(0, 9),
    },
)


@given(st.lists(PROGRESS, min_size=1))
def test_it_moves_when_phase_or_bytes_change_and_only_then(
    reports: list[dict[str, Any] | None],
) -> None:
    seen: list[Any] | None = None
    before: tuple[Any, Any] | None = None
    for report in reports:
        facts = ((report or {}).get("phase"), (report or {}).get("bytes_done"))
        news = moved(seen, report)
        assert (news is not None) == (facts != before)
        seen, before = news or seen, facts


def test_what_the_database_made_of_it_is_recognized() -> None:
    progress = {"phase": "write", "bytes_done": 5}
    seen = moved(None, progress)
    assert isinstance(seen, list), "a tuple would come back from JSON as a list"
    assert moved(seen, dict(progress)) is None
