"""The lab starts, kills and restarts the real controller."""

import pytest
import requests

from tests.lab.errors import LabError
from tests.lab.lab import Lab

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

_VERSION = {"X-OpenStack-Ironic-API-Version": "1.82"}


def test_the_controller_answers_inside_and_outside_and_survives_being_killed(lab: Lab) -> None:
    controller = lab.controller(settings={"log_level": "DEBUG"})
    outside = f"{controller.outer_url}/v1/nodes"
    node = {"driver": "fake-hardware", "name": "one"}
    answer = requests.post(outside, json=node, headers=_VERSION, timeout=10)
    assert answer.status_code == 201
    controller.kill()
    assert not controller.is_running
    with pytest.raises(requests.ConnectionError):
        requests.get(outside, timeout=2)
    controller.start()
    with lab.network.inside():
        inside = requests.get(f"{controller.url}/v1/nodes", headers=_VERSION, timeout=10)
    assert [node["name"] for node in inside.json()["nodes"]] == ["one"]
    controller.stop()
    assert not controller.is_running


def test_a_controller_that_does_not_start_says_why(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"(?s)controller is not running.*no_such_setting"):
        lab.controller(settings={"no_such_setting": 1})
