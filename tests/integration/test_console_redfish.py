"""Serial consoles of Redfish BMCs over the API of a real controller: by a real sshd behind the lab's BMC."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.integration.console_site import PATIENCE_S, People, TypedOn, Watcher
from tests.integration.controller_process import controller_process
from tests.integration.redfish_doubles import RedfishLab, driver_info, redfish_lab
from tests.integration.waiting import wait_until
from tests.lab.bmc import VirtualBmc
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.ssh_console import SshConsole

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

_VERSION = {"X-OpenStack-Ironic-API-Version": "latest"}
_COMMAND = "console com2"


@dataclass(frozen=True, slots=True)
class Site:
    """A Redfish machine with a console, and a controller."""

    lab: RedfishLab
    line: TypedOn
    ssh: SshConsole
    url: str

    def enrol(self, **more: object) -> People:
        """Add a node whose console is switched on."""
        info = driver_info(self.lab, redfish_console_host_key=self.ssh.host_key) | more
        body = {
            "driver": "redfish",
            "console_interface": "redfish-ssh",
            "driver_info": {key: value for key, value in info.items() if value is not None},
        }
        reply = requests.post(
            f"{self.url}/v1/nodes", json=body, headers=_VERSION, timeout=PATIENCE_S
        )
        assert reply.ok, reply.text
        people = People(self.url, reply.json()["uuid"])
        people.switch(is_on=True)
        return people

    def offers(self, *ways: str, command: str = "") -> None:
        """Have the BMC offer its console so."""
        self.lab.bmc.set_faults(RedfishFaults(console_ways=ways, console_command=command))
        self.ssh.set_command(command)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    line = TypedOn()
    with redfish_lab(folder) as lab:
        ssh = SshConsole(
            lab.network,
            line.serial,
            address=lab.bmc.address,
            folder=folder / "ssh",
            username=lab.bmc.username,
            password=lab.bmc.password,
        )
        try:
            with lab.network.inside(), controller_process(folder) as url:
                yield Site(lab, line, ssh, url)
        finally:
            ssh.remove()


@pytest.fixture
def site(made: Site) -> Iterator[Site]:
    with made.lab.network.inside():
        made.offers("SSH", "IPMI", command=_COMMAND)
        yield made
        for node in requests.get(f"{made.url}/v1/nodes", timeout=PATIENCE_S).json()["nodes"]:
            people = People(made.url, node["uuid"])
            people.switch(is_on=False)
            people.ok("DELETE", "")


def enters(people: People) -> None:
    """Wait until the console is open, and the machine's line is on it: sshd lets people in before their shell has it."""
    people.wait_open()
    watcher = Watcher(people)
    watcher.wait_for(b"-- console --")
    watcher.leave()


def waits_for(people: People, *words: str) -> str:
    """Wait until the console says why it is not open, and return that."""
    said = ""

    def is_said() -> bool:
        nonlocal said
        reply = people.call("GET", "/console")
        said = reply.text
        return bool(reply.ok and all(word in said for word in ("waiting", *words)))

    try:
        wait_until(is_said, 40, "the console says why it waits")
    except AssertionError as error:
        raise AssertionError(f"{words} not in {said}") from error
    return said


@pytest.mark.parametrize("command", [_COMMAND, ""])
def test_bytes_go_both_ways(site: Site, command: str) -> None:
    site.offers("SSH", command=command)
    people = site.enrol()
    people.wait_open()
    watcher = Watcher(people, "?tail_bytes=4096")
    watcher.wait_for(b"-- console --")
    assert (b"bmc> " in watcher.shown) is bool(command)
    every = bytes(range(256)) * 64
    keyboard = people.keyboard()
    taken = 0
    while taken < len(every):
        taken = people.type(keyboard, every[taken : taken + 4000], taken)
    site.line.expect(every)
    site.line.show(every)
    watcher.wait_for(every)
    watcher.leave()


def test_a_session_that_is_cut_is_opened_again(site: Site) -> None:
    people = site.enrol()
    people.wait_open()
    watcher = Watcher(people)
    watcher.wait_for(b"-- console --")
    site.line.show(b"before\r\n")
    watcher.wait_for(b"before")
    assert site.ssh.cut()
    watcher.wait_for(b"the console was lost")
    watcher.wait_for(b"the console is open again")
    watcher.wait_standing(state="open")
    wait_until(lambda: watcher.shown.count(b"-- console --") == 2, 20, "the console is entered")
    site.line.show(b"after\r\n")
    watcher.wait_for(b"after")
    keyboard = people.keyboard()
    people.type(keyboard, b"root\r")
    site.line.expect(b"root\r")
    watcher.leave()


def test_another_host_key_gets_no_password(site: Site) -> None:
    before = site.ssh.log.count("Failed password") + site.ssh.log.count("Accepted password")
    people = site.enrol(
        redfish_console_host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGvBvqkUDUhaLk8pSg4hZJxHaMcBvXHqqQ8bVCBBMvTm"
    )
    said = waits_for(people, "its key is another than the known one")
    assert "redfish_console_host_key" in said
    after = site.ssh.log.count("Failed password") + site.ssh.log.count("Accepted password")
    assert after == before


def test_a_refused_login_is_held_back(site: Site) -> None:
    before = site.ssh.log.count("Failed password")
    people = site.enrol(redfish_console_password="not the password")  # a wrong one
    said = waits_for(people, "the login was refused")
    assert "redfish_console_password" in said
    assert "not the password" not in said
    assert site.ssh.log.count("Failed password") == before + 1
    people.ok("PATCH", "", [{"op": "remove", "path": "/driver_info/redfish_console_password"}])
    people.switch(is_on=False)
    people.switch(is_on=True)  # what has changed is looked at now
    enters(people)


def test_a_login_that_redfish_refuses_is_told_and_ssh_not_tried(site: Site) -> None:
    before = site.ssh.log.count("Connection from")
    people = site.enrol(redfish_password="not the password")  # a wrong one
    said = waits_for(people, "redfish_username")
    assert "not the password" not in said
    assert said.count(site.lab.bmc.url) == 1
    assert site.ssh.log.count("Connection from") == before


def test_a_bmc_that_answers_nonsense_is_told(site: Site) -> None:
    site.lab.bmc.set_faults(RedfishFaults(garbage=True))
    people = site.enrol()
    waits_for(people, "serial console")
    site.offers("SSH")
    enters(people)


def test_a_bmc_without_sshd_is_told(site: Site) -> None:
    people = site.enrol(redfish_console_port=2200)
    said = waits_for(people, "Connection refused")
    assert "redfish_console_port" in said


def test_a_bmc_without_a_console_says_what_to_do(site: Site) -> None:
    site.offers()
    people = site.enrol()
    said = waits_for(people, "its serial console is switched off")
    assert "no-console" in said
    site.offers("SSH")
    enters(people)


def test_a_bmc_with_ipmi_alone_is_asked_by_ipmi(site: Site, tmp_path: Path) -> None:
    site.offers("IPMI")
    lab = site.lab
    ipmi = VirtualBmc(
        lab.machine,
        lab.network,
        address=lab.bmc.address,
        log=tmp_path / "ipmi.log",
        serial=site.line.serial,
    )
    try:
        people = site.enrol()
        people.wait_open()
        watcher = Watcher(people)
        people.type(people.keyboard(), b"root\r")
        site.line.expect(b"root\r")
        site.line.show(b"Password: ")
        watcher.wait_for(b"Password: ")
        watcher.leave()
    finally:
        ipmi.stop()


def test_driver_info_says_it_whole_and_the_bmc_is_not_asked(site: Site) -> None:
    site.lab.bmc.set_faults(RedfishFaults(garbage=True))
    people = site.enrol(
        redfish_console_type="ssh", redfish_console_port=22, redfish_console_command=_COMMAND
    )
    enters(people)


def test_no_session_is_left_at_the_bmc(site: Site) -> None:
    people = site.enrol()
    enters(people)
    sessions = site.lab.client().get("SessionService/Sessions")
    assert sessions["Members"] == []


def test_the_first_key_is_kept_and_another_one_refused(made: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with (
        made.lab.network.inside(),
        pytest.MonkeyPatch.context() as patch,
    ):
        made.offers("SSH")
        patch.setenv("HOME", str(home))
        with controller_process(tmp_path) as url:
            site = Site(made.lab, made.line, made.ssh, url)
            people = site.enrol(redfish_console_host_key=None)
            enters(people)
            kept = (home / ".ssh/known_hosts").read_text()
            assert made.ssh.host_key.split()[1] in kept
            made.ssh.stop()
            made.ssh.renew_key()
            made.ssh.start()
            waits_for(people, "its key is another than the known one")
            address = made.lab.bmc.address
            subprocess.run(
                ["ssh-keygen", "-R", address, "-f", str(home / ".ssh/known_hosts")], check=True
            )
            wait_until(
                lambda: made.ssh.host_key.split()[1] in (home / ".ssh/known_hosts").read_text(),
                40,
                "the new key is kept",
            )
            people.wait_open()


def test_a_key_that_cannot_be_kept_ends_the_session(made: Site, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("no folder")
    with made.lab.network.inside(), pytest.MonkeyPatch.context() as patch:
        made.offers("SSH")
        patch.setenv("HOME", str(home))
        with controller_process(tmp_path) as url:
            people = Site(made.lab, made.line, made.ssh, url).enrol(redfish_console_host_key=None)
            assert "redfish_console_host_key" in waits_for(people, "cannot be kept")


@pytest.mark.long
def test_a_server_that_says_nothing_is_given_up(site: Site) -> None:
    with socket.create_server((site.lab.bmc.address, 2201)):
        people = site.enrol(redfish_console_port=2201)
        assert "timed out" in waits_for(people, "port 2201")
