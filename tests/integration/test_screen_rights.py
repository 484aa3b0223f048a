"""Whose screen it is, for how long, and who types; what the operator's program is told, and what becomes of it after a crash."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.integration.basic_users import write_users
from tests.integration.screen_site import (
    QemuScreen,
    Screens,
    enrol,
    greet,
    qemu_screen,
    read,
    screen_site,
    scripted_screen,
    viewer,
    wait_for_verbs,
)
from tests.integration.waiting import wait_until
from tests.integration.web_socket import ClosedError, RefusedError
from tests.lab.ports import free_port

pytestmark = pytest.mark.timeout(120)
ANN = ("ann", "ann")


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[QemuScreen]:
    with qemu_screen(tmp_path / "qemu") as made:
        yield made


def controller() -> psutil.Process:
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return next(one for one in mine if "ingot-controller" in " ".join(one.cmdline()))


def test_a_session_ends_with_its_word_unless_the_page_brings_another(
    tmp_path: Path, screen: QemuScreen
) -> None:
    with screen_site(tmp_path, console_token_s=4.0) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        people = enrol(url)
        with people.browser() as ends, people.browser() as goes_on:
            viewer(ends)
            client = viewer(goes_on)
            assert 0 < ends.told()["ends_in_s"] <= 4
            goes_on.say("token nonsense")
            time.sleep(2.5)
            goes_on.say(f"token {people.token()}")
            closed = ends.wait_closed()
            assert closed.code == 1001
            assert "has ended" in ends.texts[-1]["reason"]
            assert client.picture() is not None
            assert goes_on.told(1)["ends_in_s"] > 2
            assert "has ended" in goes_on.wait_closed().reason  # nobody brought a third
        old = people.token()
        time.sleep(4.1)
        with pytest.raises(RefusedError) as refused:
            people.browser(old)
        assert refused.value.status == 403


def test_who_only_watches_sees_and_does_not_type(tmp_path: Path, screen: QemuScreen) -> None:
    with screen_site(tmp_path) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        people = enrol(url)
        watching = people.ok("GET", "/states/console?watch=true")["console_info"]["url"]
        with people.browser(watching.partition("#")[2]) as browser:
            client = viewer(browser)
            assert browser.told()["may_type"] is False
            for _ in range(5):
                client.press(ord("s"))
                assert not client.picture().is_blank  # it is still on
            browser.say(f"token {people.token()}")  # of somebody who may type: not in this session
            client.press(ord("s"))
            assert client.picture() is not None
            assert screen.clients == 1
        with people.browser() as browser:
            viewer(browser).press(ord("s"))
            screen.wait_off()


def test_nobody_types_where_the_site_says_so(tmp_path: Path, screen: QemuScreen) -> None:
    with screen_site(tmp_path, console_read_only=True) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        with enrol(url).browser() as browser:
            client = viewer(browser)
            assert browser.told()["may_type"] is False
            client.press(ord("s"))
            assert client.picture() is not None
        assert program.calls[0][1]["READ_ONLY"] == "True"


def test_whose_right_shrinks_while_typing_has_to_come_again(tmp_path: Path) -> None:
    def behave(sock: socket.socket) -> None:
        greet(sock)
        read(sock, 1000)

    with scripted_screen(behave) as port, screen_site(tmp_path) as (url, program):
        program.answers(host="127.0.0.1", port=port)
        people = enrol(url)
        watching = people.ok("GET", "/states/console?watch=1")["console_info"]["url"]
        with people.browser() as browser:
            browser.receive(12)
            browser.say(f"token {watching.partition('#')[2]}")
            assert "may only watch now" in browser.wait_closed().reason


def test_the_word_is_enough_for_a_browser_and_the_api_asks_for_a_login(
    tmp_path: Path, screen: QemuScreen
) -> None:
    roles = tmp_path / "roles"
    roles.write_text("ann:admin\ntim:reader:red\ntom:member:red\n")
    settings = {
        "auth_strategy": "http_basic",
        "htpasswd_file": str(write_users(tmp_path, ["ann", "tim", "tom"])),
        "roles_file": str(roles),
    }
    with screen_site(tmp_path, **settings) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        enrol(url, auth=ANN, owner="red")
        tom, tim = Screens(url, "m1", ("tom", "tom")), Screens(url, "m1", ("tim", "tim"))
        assert requests.get(f"{url}/v1/nodes/m1/states/console", timeout=30).status_code == 401
        assert tim.call("GET", "/states/console").status_code == 403
        assert requests.get(f"{url}/ui/screen.html", timeout=30).status_code == 200
        assert requests.get(f"{url}/ui/", timeout=30).status_code == 401
        with tom.browser() as browser:
            viewer(browser)
            assert browser.told()["may_type"] is True
        assert "tom is at the screen" in (tmp_path / "controller.log").read_text()


def test_the_program_that_fails_is_quoted_without_the_password(tmp_path: Path) -> None:
    info = {"redfish_address": "https://192.0.2.1", "redfish_password": "sesame77"}
    with screen_site(tmp_path, console_screen_timeout_s=2.0) as (url, program):
        people = enrol(
            url, driver="redfish", console_interface="redfish-graphical", driver_info=info
        )

        def reason() -> str:
            with people.browser() as browser:
                browser.wait_closed()
                return str(browser.texts[-1]["reason"])

        program.answers()
        program.ends(75, "podman: no such image; the password is sesame77\n")
        assert "start ended with 75: podman: no such image" in reason()
        assert "sesame77" not in (tmp_path / "controller.log").read_text()
        given = program.calls[0][1]
        assert given["APP"] == "redfish-graphical"
        assert json.loads(given["APP_INFO"]) == {
            "address": "https://192.0.2.1",
            "system_id": None,
            "username": "",
            "password": "sesame77",
            "verify_ca": True,
            "auth_type": "auto",
            "node_uuid": people.uuid,
        }
        program.ends(0, wait_s=10)
        assert "did not end within 2 s" in reason()
        program.ends(0)
        for answer, words in (
            ({}, "neither host and port nor path"),
            ({"host": "127.0.0.1", "port": 5900, "path": "/x"}, "neither host and port nor path"),
            ({"host": "127.0.0.1", "port": "5900"}, "must print one JSON object"),
            ({"path": "relative"}, "must print one JSON object"),
            ({"host": "a b", "port": 1}, "must print one JSON object"),
            ({"host": "127.0.0.1", "port": 5900, "more": 1}, "must print one JSON object"),
        ):
            program.answers(**answer)
            assert words in reason()
        (program.folder / "answer").write_text("x" * (2 << 20))
        assert "more than 1048576 bytes" in reason()


def test_a_screen_that_is_not_there_at_once_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    with screen_site(tmp_path) as (url, program):
        program.answers(host="127.0.0.1", port=port)
        with enrol(url).browser() as browser:
            wait_for_verbs(program, "start")
            time.sleep(1)
            with socket.create_server(("127.0.0.1", port)) as listener:
                sock, _ = listener.accept()
                with sock:
                    sock.sendall(b"RFB 003.008\n")
                    assert read(sock, 12) == b"RFB 003.008\n"
                    sock.sendall(b"\1\1")
                    sock.sendall(bytes(4))
                    assert browser.receive(12) == b"RFB 003.008\n"


def test_a_screens_own_time_ends_its_sessions(tmp_path: Path, screen: QemuScreen) -> None:
    with screen_site(tmp_path) as (url, program):
        program.answers(path=str(screen.path), password=screen.password, seconds=2)
        people = enrol(url)
        with people.browser() as browser:
            viewer(browser)
            assert "time is over" in browser.wait_closed().reason
        with people.browser() as browser:
            viewer(browser)
        assert program.verbs[:3] == ["start", "stop", "start"]


def test_the_controllers_end_ends_sessions_and_lets_go(tmp_path: Path, screen: QemuScreen) -> None:
    with screen_site(tmp_path) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        with enrol(url).browser() as browser:
            viewer(browser)
            controller().send_signal(signal.SIGTERM)
            assert "the controller ends" in browser.wait_closed().reason
        wait_for_verbs(program, "start", "stop")


def test_what_a_killed_controller_has_left_is_stopped_by_the_next(
    tmp_path: Path, screen: QemuScreen
) -> None:
    with screen_site(tmp_path) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        people = enrol(url)
        token = people.token()
        with people.browser(token) as browser:
            viewer(browser)
            controller().kill()
            assert browser.wait_closed().code == 1006
        assert program.verbs == ["start"]
        again = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("ingot-controller")),
                *("serve", "--config", str(tmp_path / "controller.toml")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_verbs(program, "start", "stop")
            assert program.calls[1][0] == ["stop", people.uuid]
            with pytest.raises(RefusedError) as refused:
                people.browser(token)
            assert refused.value.status == 403
            with people.browser() as browser:  # switched on as before
                viewer(browser)
        finally:
            again.terminate()
            again.wait(30)


def test_without_a_provider_the_console_is_not_switched_on_and_says_what_to_set(
    tmp_path: Path,
) -> None:
    with screen_site(tmp_path, console_screen_provider="") as (url, _program):
        with pytest.raises(AssertionError, match="console_screen_provider"):
            enrol(url)
        checked = Screens(url, "m1").ok("GET", "/validate")["console"]
        assert checked["result"] is False
        assert "console_screen_provider" in checked["reason"]


def test_the_address_in_driver_info_is_used_and_not_this_machine(
    tmp_path: Path, screen: QemuScreen
) -> None:
    with screen_site(tmp_path) as (url, program):
        info = {"vnc_address": "127.0.0.1:5901", "vnc_password": "secret"}
        people = enrol(url, console_interface="vnc", driver_info=info)
        assert people.ok("GET", "")["driver_info"]["vnc_password"] == "******"
        with people.browser() as browser, pytest.raises(ClosedError, match="own machine"):
            browser.receive(1)
        wrong = people.call(
            "PATCH", "", [{"op": "replace", "path": "/driver_info/vnc_address", "value": "a b"}]
        )
        reasons = wrong.text if not wrong.ok else str(people.ok("GET", "/validate")["console"])
        assert "vnc_address" in reasons
        assert program.verbs == []


def test_a_change_of_the_node_ends_the_session(tmp_path: Path) -> None:
    def behave(sock: socket.socket) -> None:
        greet(sock)
        read(sock, 1000)

    info = {"redfish_address": "https://192.0.2.1", "redfish_password": "sesame77"}
    with scripted_screen(behave) as port, screen_site(tmp_path) as (url, program):
        program.answers(host="127.0.0.1", port=port)
        people = enrol(
            url, driver="redfish", console_interface="redfish-graphical", driver_info=info
        )
        with people.browser() as browser:
            browser.receive(12)
            patch = {"op": "replace", "path": "/driver_info/redfish_password", "value": "other"}
            people.ok("PATCH", "", [patch])
            assert "was changed" in browser.wait_closed().reason
        wait_until(lambda: "stop" in program.verbs, 20, "the screen of before is let go of")
