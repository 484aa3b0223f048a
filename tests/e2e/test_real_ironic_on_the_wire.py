"""Real Ironic orders what has no need of a machine: its hardware is fake, our agent is a process whose hardware is a file.

What is shown is the conversation: that Ironic hears the end of every step in time, takes failures for failures, and gets through a
service. Every kind of step is in ``tests/integration/test_steps_that_ironic_orders.py``.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ironic_rig import WAIT_S, Rig, ironic_rig
from tests.lab.real_ironic import PEER

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (PEER / "bin/ironic").exists(), reason="make peers installs the real Ironic"
    ),
]

REGULAR_HEARTBEAT_S = 90
"""The earliest after which an agent of Ironic's default ``ramdisk_heartbeat_timeout`` tells again of its own accord."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ironic_rig(tmp_path) as made:
        made.enrol("m1")
        yield made


def test_a_step_that_ends_in_a_moment_is_heard_of_before_the_next_regular_heartbeat(
    rig: Rig,
) -> None:
    """Ironic drops a heartbeat that comes while it holds the node, as it does right after its order."""
    for _ in range(4):
        rig.api.provision("m1", "provide")
        rig.boot("m1", "clean wait")
        began = time.monotonic()
        rig.api.wait_for_state("m1", "available", timeout_s=WAIT_S)
        assert time.monotonic() - began < REGULAR_HEARTBEAT_S
        rig.api.provision("m1", "manage")
        rig.api.wait_for_state("m1", "manageable", timeout_s=WAIT_S)


def test_a_step_that_fails_is_told_in_the_agent_s_words(rig: Rig) -> None:
    rig.api.provision("m1", "clean", clean_steps=[{"interface": "deploy", "step": "fail"}])
    rig.boot("m1", "clean wait")
    node = rig.api.wait_for_rest("m1", timeout_s=WAIT_S)
    assert node["provision_state"] == "clean failed"
    assert "/dev/fake: the drive answered no; replace it" in node["last_error"]


def test_an_adopted_node_is_serviced(rig: Rig) -> None:
    rig.api.set_instance("m1", image_source="http://127.0.0.1/none", image_checksum="0" * 64)
    rig.api.provision("m1", "adopt")
    rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)

    step = {"interface": "deploy", "step": "grow_deaf"}
    rig.api.provision("m1", "service", service_steps=[step])
    agent = rig.boot("m1", "service wait")
    (agent.folder / "finish-step").touch()
    node = rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)
    assert node["last_error"] is None
    assert (agent.folder / "deaf").exists(), "the step was not run"
