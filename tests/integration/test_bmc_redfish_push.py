"""Images that the controller pushes: how many at once, what is told of them, and that nobody's push reaches no machine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controller.bmc.redfish_firmware import RedfishFirmware
from controller.bmc.redfish_push import Push, Pushes
from controller.bmc.redfish_target import parse_target
from controller.settings import Settings
from tests.integration.redfish_doubles import RedfishLab, driver_info, redfish_lab
from tests.integration.waiting import wait_until
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
AT_ONCE = 4


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedfishLab]:
    with redfish_lab(tmp_path_factory.mktemp("lab")) as made:
        made.bmc.set_faults(RedfishFaults(only_pushed=True))
        yield made


@contextmanager
def held_image(image: bytes | None) -> Iterator[tuple[str, Callable[[], None]]]:
    """Serve an image, ``None`` = there is none, to nobody before the returned function is called."""
    may_go = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            may_go.wait(60)
            self.send_response(200 if image else 404)
            self.send_header("Content-Length", str(len(image or b"")))
            self.end_headers()
            self.wfile.write(image or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/firmware.bin", may_go.set
    finally:
        may_go.set()
        server.shutdown()
        server.server_close()


def threads() -> int:
    return sum(one.name == "firmware" for one in threading.enumerate())


def test_a_push_that_nobody_looks_at_any_more_reaches_no_machine(lab: RedfishLab) -> None:
    pushes = Pushes(60.0, abandoned_s=0.3)
    with held_image(firmware_image("BMC", "9.9.9")) as (url, go):
        name = pushes.begin(parse_target(driver_info(lab)), url, None)
        assert name is not None
        threading.Event().wait(0.5)
        go()
        wait_until(lambda: threads() == 0, 20, "the end of the push")
    assert pushes.look(name) is None
    service = lab.client().get("UpdateService/FirmwareInventory/BMC")
    assert service["Version"] != "9.9.9"
    assert lab.client().get("TaskService/Tasks")["Members@odata.count"] == 0


def test_a_push_that_is_looked_at_goes_on_for_longer(lab: RedfishLab) -> None:
    pushes = Pushes(60.0, abandoned_s=1.0)
    with held_image(None) as (url, go):
        name = pushes.begin(parse_target(driver_info(lab)), url, None)
        assert name is not None
        for _ in range(20):
            threading.Event().wait(0.1)
            found = pushes.look(name)
            assert found is not None
            assert not found.has_ended
        go()
        wait_until(lambda: (pushes.look(name) or Push()).has_ended, 20, "the end of the push")
    assert "its server answers 404" in str((pushes.look(name) or Push()).failure)


def test_who_finds_no_turn_free_waits_in_its_step_without_a_thread(lab: RedfishLab) -> None:
    driver = RedfishFirmware(Settings(firmware_update_timeout_s=60.0))
    (step,) = driver.steps({})
    bmc = driver.connect(driver_info(lab))
    with held_image(None) as (url, go):
        wanted = {"settings": [{"component": "bmc", "url": url}]}
        looks = []
        for _ in range(AT_ONCE + 2):
            state = step.begin(bmc, wanted, S).state
            assert state is not None
            looks.append(step.look(bmc, state, S))
        phases = [(look.state or {})["phase"] for look in looks]
        assert phases == ["push"] * AT_ONCE + ["order"] * 2
        assert looks[-1].message == "bmc: its image waits for its turn"
        assert threads() == AT_ONCE
        lab.bmc.set_faults(RedfishFaults(only_pushed=True, tasks=True))
        reset = {"ResetType": "On"}  # somebody else's task
        path = "Systems/1/Actions/ComputerSystem.Reset"
        assert lab.client().ask("POST", path, reset).status_code == 202
        lab.bmc.set_faults(RedfishFaults(only_pushed=True))
        waiting = looks[-1].state
        assert waiting is not None
        assert (step.look(bmc, waiting, S).state or {})["phase"] == "order"
        go()
        wait_until(lambda: threads() == 0, 20, "the end of the pushes")
    last = looks[-1].state
    assert last is not None
    assert (step.look(bmc, last, S).state or {})["phase"] == "push"
    wait_until(lambda: threads() == 0, 20, "the end of the last")


@pytest.mark.parametrize("url", ["http://[::1/x", "http://a:b/x", "http://\x00/"])
def test_a_push_of_what_is_no_address_ends_with_words(lab: RedfishLab, url: str) -> None:
    pushes = Pushes(60.0)
    name = pushes.begin(parse_target(driver_info(lab)), url, None)
    assert name is not None
    wait_until(lambda: (pushes.look(name) or Push()).has_ended, 20, "the end of the push")
    found = pushes.look(name)
    assert found is not None
    assert found.failure
    assert "log says why" not in found.failure


def test_pushes_that_go_on_are_never_forgotten(lab: RedfishLab) -> None:
    pushes = Pushes(60.0, most_kept=2)
    target = parse_target(driver_info(lab))
    with held_image(None) as (url, go):
        held = pushes.begin(target, url, None)
        assert held is not None
        others = []
        for _ in range(3):
            others.append(pushes.begin(target, "http://[::1/x", None))
            wait_until(lambda: threads() == 1, 20, "the end of the other push")
        assert [pushes.look(str(one)) is not None for one in others] == [False, False, True]
        found = pushes.look(held)
        assert found is not None
        assert not found.has_ended
        go()
        wait_until(lambda: threads() == 0, 20, "the end of the push")
