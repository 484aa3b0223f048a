import pytest

from controller.client.times import Deployment, Event, Row, event_of, last_deployment, step_markers


def state(time_s: float, before: str, after: str) -> Event:
    text = f"{before} -> {after}"
    return Event(time_s=time_s, kind="state", text=text, data={"from": before, "to": after})


def said(time_s: float, kind: str, text: str, **data: object) -> Event:
    return Event(time_s=time_s, kind=kind, text=text, data=data)


RECEIPT = {
    "phases": [
        {"phase": "connect", "seconds": 0.5, "bytes_done": None},
        {"phase": "write", "seconds": 20.0, "bytes_done": 400_000_000},
        {"phase": "read back", "seconds": 1.5, "bytes_done": 2_621_440},
    ]
}
CLEANED = (
    state(1.0, "cleaning", "available"),
    said(0.5, "step", "clean step erase ended after 1.0 s", step="erase", seconds=1.0),
)
FAILED = (
    state(10.0, "available", "deploying"),
    state(12.0, "deploying", "wait call-back"),
    state(30.0, "wait call-back", "deploy failed"),
)
DEPLOYED = (
    state(100.0, "deploy failed", "deploying"),
    said(100.0, "request", "active was asked for"),
    said(100.1, "step", "deploy step deploy begins"),
    said(101.0, "power", "power: power on -> power off", **{"from": "power on", "to": "power off"}),
    said(103.0, "power", "power: power off -> power on", **{"from": "power off", "to": "power on"}),
    state(103.0, "deploying", "wait call-back"),
    said(113.0, "boot", "DHCP gave 10.0.0.7 to 52:54", file="lease"),
    said(114.0, "boot", "Machine asked what to boot", file="script", boots="ramdisk"),
    said(115.0, "boot", "Machine fetched its kernel", file="kernel", seconds=1.0),
    said(120.0, "boot", "Machine fetched its ramdisk", file="ramdisk", seconds=5.0),
    said(135.0, "boot", "DHCP gave 10.0.0.7 to 52:54", file="lease"),
    said(136.0, "agent", "the agent looked its node up"),
    said(138.0, "agent", "first heartbeat of agent 1 at https://10.0.0.7:9999"),
    state(138.0, "wait call-back", "deploying"),
    said(138.5, "step", "deploy steps planned: deploy (100), write_image (80)"),
    said(138.5, "step", "deploy step deploy ended after 38 s", step="deploy", seconds=38.4),
    said(138.5, "step", "deploy step write_image begins"),
    state(139.0, "deploying", "wait call-back"),
    said(162.0, "step", "http://web/i is on /dev/sda", receipt=RECEIPT),
    state(162.0, "wait call-back", "deploying"),
    said(162.5, "step", "deploy step write_image ended", step="write_image", seconds=24.0),
    said(170.0, "power", "power: power on -> power off", **{"from": "power on", "to": "power off"}),
    said(170.1, "step", "deploy step tear_down_agent ended", step="tear_down_agent", seconds=7.6),
    said(171.0, "power", "power: power off -> power on", **{"from": "power off", "to": "power on"}),
    said(171.2, "step", "deploy step boot_instance ended", step="boot_instance", seconds=1.1),
    state(171.3, "deploying", "active"),
)


def table(*events: Event) -> Deployment:
    found = last_deployment(events)
    assert found is not None
    return found


def test_the_rows_of_the_last_deployment_add_up_to_its_time() -> None:
    found = table(*CLEANED, *FAILED, *DEPLOYED)
    assert (found.started_s, found.outcome) == (100.0, "active")
    assert found.seconds == pytest.approx(71.3)
    names = [row.name for row in found.rows if not row.is_part]
    assert names == [
        "power off",
        "power on",
        "firmware, DHCP",
        "DHCP, boot script",
        "kernel download",
        "ramdisk download",
        "kernel and ramdisk start, to the agent's lookup",
        "agent's first call",
        "step deploy",
        "planning of the steps",
        "step write_image",
        "step tear_down_agent",
        "step boot_instance",
        "to active",
    ]


def test_the_phases_of_the_image_stand_below_its_step() -> None:
    rows = table(*DEPLOYED).rows
    at = next(number for number, row in enumerate(rows) if row.name == "step write_image")
    assert rows[at].seconds == pytest.approx(24.0)
    assert rows[at + 1 : at + 4] == (
        Row(name="connect", seconds=0.5, is_part=True),
        Row(name="write", seconds=20.0, bytes_done=400_000_000, is_part=True),
        Row(name="read back", seconds=1.5, bytes_done=2_621_440, is_part=True),
    )


def test_the_first_boot_ends_when_the_system_asks_for_an_address() -> None:
    lease = said(190.0, "boot", "DHCP gave 10.0.0.7 to 52:54", file="lease")
    rows = table(*DEPLOYED, lease).rows
    assert rows[-1].name == "first boot, until the system asks for an address"
    assert rows[-1].seconds == pytest.approx(18.7)
    later = said(180.0, "request", "deleted was asked for")
    assert table(*DEPLOYED, later, lease).rows[-1].name == "to active"


def test_a_failed_deployment_ends_with_its_failure() -> None:
    found = table(*CLEANED, *FAILED)
    assert found.outcome == "deploy failed"
    assert found.rows[-1] == Row(name="to deploy failed", seconds=20.0)


def test_a_deployment_that_runs_has_no_outcome_yet() -> None:
    found = table(*DEPLOYED[:10])
    assert found.outcome is None
    assert found.seconds == pytest.approx(20.0)


def test_a_node_that_was_never_deployed_has_no_table() -> None:
    assert last_deployment(CLEANED) is None
    assert last_deployment(()) is None


def test_the_ends_of_steps_come_from_the_history() -> None:
    assert [marker.name for marker in step_markers([*CLEANED, *DEPLOYED])] == [
        "step erase",
        "step deploy",
        "step write_image",
        "step tear_down_agent",
        "step boot_instance",
    ]


def test_an_event_of_another_controller_has_no_data() -> None:
    document = {"created_at": "2026-01-01T00:00:01+00:00", "event": "deployed"}
    assert event_of(document) == Event(time_s=1767225601.0, kind="", text="deployed")
