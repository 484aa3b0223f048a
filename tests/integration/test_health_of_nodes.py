"""What a BMC says of its machine's health is read with the power state and shown with the node."""

from pathlib import Path

import pytest
import requests

from controller.errors import BmcError, BmcUnreachable
from controller.hardware.abilities import Health
from tests.integration.running_controller import (
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until


class TellingBmc(MachineBmc):
    """A BMC that says what the test wants."""

    says: Health | BmcError | None = None

    def health(self, *, timeout_s: float) -> Health | None:
        self._call("health")
        if isinstance(self.says, BmcError):
            raise self.says
        return self.says


def telling(controller: RunningController) -> TellingBmc:
    before = controller.enrol("m1", "active", power_state="power off")
    bmc = TellingBmc(before.machine)
    controller.driver.bmcs["m1"] = bmc
    return bmc


def let_it_say(bmc: TellingBmc, answer: Health | BmcError | None) -> None:
    bmc.says = answer
    looks = bmc.calls.count("health")
    wait_until(lambda: bmc.calls.count("health") > looks + 2, 20, "more looks")


def test_changes_are_kept_and_told_and_silence_changes_nothing(tmp_path: Path) -> None:
    with running_controller(tmp_path, power_sync_interval_s=0.05) as controller:
        bmc = telling(controller)
        for answer in (
            Health.OK,
            BmcError("nonsense"),
            BmcUnreachable("silent"),
            Health.CRITICAL,
            None,
        ):
            let_it_say(bmc, answer)
        node = controller.node("m1")
        assert (node.health, node.maintenance, node.last_error) == (None, False, None)
        told = [(event.message, event.severity) for event in controller.events("m1", "health")]
        assert told == [
            ("health: None -> OK", "INFO"),
            ("health: OK -> Critical", "ERROR"),
            ("health: Critical -> None", "INFO"),
        ]


@pytest.mark.parametrize(("version", "is_shown"), [("1.108", False), ("1.109", True)])
def test_it_is_shown_since_109(tmp_path: Path, version: str, is_shown: bool) -> None:
    with running_controller(tmp_path, power_sync_interval_s=0.05) as controller:
        let_it_say(telling(controller), Health.WARNING)
        headers = {"X-OpenStack-Ironic-API-Version": version}
        shown = requests.get(f"{controller.url}/v1/nodes/m1", headers=headers, timeout=30).json()
        assert shown.get("health") == ("Warning" if is_shown else None)
        assert ("health" in shown) is is_shown
