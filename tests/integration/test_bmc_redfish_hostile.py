"""The Redfish driver against a BMC that leads it astray, or fails again and again: where requests go, and how many sessions stay."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.bmc.redfish_sessions import Sessions
from controller.bmc.redfish_target import parse_target
from controller.errors import BmcError, ControllerError
from controller.hardware.abilities import MediaDevice
from controller.hardware.bmc import PowerState
from tests.integration.redfish_doubles import RedfishLab, driver_info
from tests.integration.redfish_fixtures import lab, shared
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["lab", "shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
CALLS = 20
LINKS = ("@odata.id", "target", "Location")


@pytest.fixture
def driver(lab: RedfishLab) -> Iterator[RedfishDriver]:
    """Give a driver for which so much time passes between calls that it logs in with each."""
    hours = itertools.count(step=3600.0)
    made = RedfishDriver(Sessions(clock=lambda: next(hours)))
    yield made
    lab.bmc.set_faults()
    made.close()


def connect(lab: RedfishLab, driver: RedfishDriver, **changes: object) -> RedfishBmc:
    return driver.connect(driver_info(lab, **changes))


def sessions(lab: RedfishLab) -> int:
    return int(lab.client().get("SessionService/Sessions")["Members@odata.count"])


class Listener:
    """Counts who comes to another address than the BMC's."""

    def __init__(self, address: str, port: int = 0) -> None:
        self.server = socket.create_server((address, port))
        self.came = 0
        threading.Thread(target=self._count, daemon=True).start()

    @property
    def name(self) -> str:
        address, port = self.server.getsockname()
        return f"{address}:{port}"

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.came += 1
            connection.close()

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.fixture
def elsewhere(lab: RedfishLab) -> Iterator[Listener]:
    made = Listener(lab.network.gateway)
    yield made
    made.close()


@pytest.fixture
def in_clear(lab: RedfishLab) -> Iterator[Listener]:
    made = Listener(lab.bmc.address, 80)
    yield made
    made.close()


def leading_to(root: str, names: tuple[str, ...]) -> RedfishFaults:
    return RedfishFaults(tasks=True, points_to=dict.fromkeys(names, root))


@pytest.mark.parametrize("names", [*((name,) for name in LINKS), LINKS], ids=str)
@pytest.mark.parametrize("auth", ["session", "basic"])
@pytest.mark.parametrize("root", ["http://{elsewhere}", "https://{elsewhere}", "http://{bmc}"])
def test_whatever_links_say_only_the_bmc_is_asked(
    lab: RedfishLab,
    driver: RedfishDriver,
    caplog: pytest.LogCaptureFixture,
    elsewhere: Listener,
    in_clear: Listener,
    names: tuple[str, ...],
    auth: str,
    root: str,
) -> None:
    """Sessions, systems, actions, drives and tasks are where links lead; a name of the BMC that we do not know does no harm."""
    root = root.format(elsewhere=elsewhere.name, bmc=lab.bmc.address)
    lab.bmc.set_faults(leading_to(root, names))
    bmc = connect(lab, driver, redfish_auth_type=auth)
    assert bmc.power_state(timeout_s=S) is PowerState.OFF
    bmc.power_on(timeout_s=S)
    assert lab.machine.is_on
    bmc.attach_media(MediaDevice.CDROM, lab.http.publish("x.iso", b"x"), timeout_s=S)
    bmc.detach_media(MediaDevice.CDROM, timeout_s=S)
    driver.close()
    assert (elsewhere.came, in_clear.came) == (0, 0)
    if auth == "session" or names != ("Location",):  # else there is no link to follow
        assert f"BMC {lab.bmc.url}: its links lead to '{root}'" in caplog.text
    lab.bmc.set_faults()
    assert sessions(lab) == 0


def test_a_task_is_followed_at_the_bmc_alone(lab: RedfishLab, elsewhere: Listener) -> None:
    """The driver waits for no task yet; what sushy does where one is waited for is seen here."""
    lab.bmc.set_faults(leading_to(f"http://{elsewhere.name}", ("Location", "TaskMonitor")))
    target = parse_target(driver_info(lab))
    sessions_of_all = Sessions()
    ends_at = time.monotonic() + S
    with (
        sessions_of_all.conversation(target, ends_at, "reset") as conversation,
        conversation.root(ends_at) as root,
    ):
        path = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
        answer = root._conn.post(path, data={"ResetType": "On"}, blocking=True, timeout=S)
    assert answer.request.url.startswith(f"http://{elsewhere.name}/redfish/v1/TaskService")
    assert answer.status_code < 300
    sessions_of_all.close()
    assert lab.machine.is_on
    assert elsewhere.came == 0


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("root", ["//{elsewhere}", "ftp://{elsewhere}", "http://x@{elsewhere}"])
def test_links_of_other_forms_lead_nowhere_else_either(
    lab: RedfishLab, driver: RedfishDriver, elsewhere: Listener, name: str, root: str
) -> None:
    lab.bmc.set_faults(leading_to(root.format(elsewhere=elsewhere.name), (name,)))
    bmc = connect(lab, driver)
    for call in (bmc.power_state, bmc.power_on, bmc.media):
        with contextlib.suppress(BmcError):
            call(timeout_s=S)
    driver.close()
    assert elsewhere.came == 0


@pytest.mark.parametrize(
    ("faults", "changes"),
    [
        (RedfishFaults(), {"redfish_system_id": "/redfish/v1/Systems/none"}),
        (RedfishFaults(refuses_systems=404), {}),
        (RedfishFaults(refuses_systems=403), {}),
        (RedfishFaults(refuses_systems=401), {}),
        (RedfishFaults(refuses_systems=500), {}),
        (RedfishFaults(nonsense=True), {}),
    ],
    ids=["wrong system", "404", "403", "401", "500", "nonsense"],
)
def test_a_bmc_that_fails_again_and_again_keeps_one_session_at_most(
    lab: RedfishLab, driver: RedfishDriver, faults: RedfishFaults, changes: dict[str, object]
) -> None:
    before = sessions(lab)
    bmc = connect(lab, driver, **changes)
    lab.bmc.set_faults(faults)
    for _ in range(CALLS):
        with pytest.raises(ControllerError):
            bmc.power_state(timeout_s=S)
        assert sessions(lab) <= before + 1
    driver.close()
    assert sessions(lab) == before


def test_a_role_that_may_not_do_it_costs_no_sessions(
    lab: RedfishLab, driver: RedfishDriver
) -> None:
    user = {"UserName": "reader", "Password": "only-reads-1", "RoleId": "ReadOnly"}
    made = lab.client().ask("POST", "AccountService/Accounts", user)
    before = sessions(lab)
    login = {"redfish_username": "reader", "redfish_password": "only-reads-1"}
    bmc = connect(lab, driver, **login)
    for _ in range(CALLS):
        with pytest.raises(BmcError, match="may not do that"):
            bmc.power_on(timeout_s=S)
        assert sessions(lab) <= before + 1
    lab.client().ask("DELETE", made.headers["Location"])


def test_a_session_that_has_expired_is_not_opened_again_to_be_ended(
    lab: RedfishLab, driver: RedfishDriver
) -> None:
    connect(lab, driver).power_state(timeout_s=S)
    reset = "Managers/BMC/Actions/Manager.Reset"
    assert lab.client().ask("POST", reset, {"ResetType": "ForceRestart"}).status_code == 204
    driver.close()
    assert sessions(lab) == 0
