"""Intel AMT, against a server that was written by Intel's and DMTF's descriptions and checks digests as RFC 7616 has it; no real AMT was there."""

import hashlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from controller.bmc.amt import AmtBmc, AmtDriver
from controller.bmc.amt_wire import AmtTarget, digest
from controller.errors import AlreadySo, BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import BootDevice, BootMode, PowerState
from controller.hardware.registry import load_catalog
from controller.settings import Settings

S = 20.0
LOGIN = {"amt_username": "admin", "amt_password": "P@ssw0rd-geheim"}
REALM, NONCE = "Digest:0A1B", "Zm9v=="


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class Amt(ThreadingHTTPServer):
    """A machine that is its power state and its boot source."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = 8
        self.source = ""
        self.role = 0
        self.returns = 0
        self.answer: tuple[int, bytes] | None = None
        self.refusals = 0


class Handler(BaseHTTPRequestHandler):
    server: Amt

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if not self._is_let_in():
            self.send_response(401)
            self.send_header(
                "WWW-Authenticate",
                f'Digest realm="{REALM}", nonce="{NONCE}",stale="false",qop="auth"',
            )
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status, answer = self.server.answer or (200, self._carry_out(body).encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _is_let_in(self) -> bool:
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', self.headers.get("Authorization", "")))
        if not said:
            return False
        self.server.refusals += 1
        who = md5(f"{LOGIN['amt_username']}:{REALM}:{LOGIN['amt_password']}")
        middle = f"{NONCE}:{said['nc']}:{said['cnonce']}:{said['qop']}"
        wanted = md5(f"{who}:{middle}:{md5(f'POST:{self.path}')}")
        is_right = str(said["response"]) == wanted
        self.server.refusals -= is_right
        return is_right

    def _carry_out(self, body: str) -> str:
        found = re.search(r"<p:(\w+)_INPUT", body)
        if found is None:
            assert "transfer/Get" in body
            return f"<a:Envelope><h:PowerState>{self.server.state}</h:PowerState></a:Envelope>"
        if self.server.returns == 0:
            self._change(found[1], body)
        name = f"{found[1]}_OUTPUT"
        return f"<g:{name}><g:ReturnValue>{self.server.returns}</g:ReturnValue></g:{name}>"

    def _change(self, method: str, body: str) -> None:
        if method == "RequestPowerStateChange":
            state = int(re.findall(r"<p:PowerState>(\d+)<", body)[0])
            self.server.state = 2 if state == 10 else state
        elif method == "ChangeBootOrder":
            self.server.source = re.findall(r'Name="InstanceID">([^<]*Force[^<]*)<', body)[0]
        elif method == "SetBootConfigRole":
            self.server.role = int(re.findall(r"<p:Role>(\d+)<", body)[0])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def amt() -> Iterator[Amt]:
    found = Amt()
    threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def connect(amt: Amt, **info: Any) -> AmtBmc:
    place = {"amt_address": f"127.0.0.1:{amt.server_address[1]}"}
    return AmtDriver().connect({**place, **LOGIN, **info})


def test_a_machine_is_switched_and_told_what_to_boot(amt: Amt) -> None:
    bmc = connect(amt)
    assert bmc.power_state(timeout_s=S) is PowerState.OFF
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=S)
    assert (amt.source, amt.role) == ("Intel(r) AMT: Force PXE Boot", 1)
    bmc.power_on(timeout_s=S)
    assert bmc.power_state(timeout_s=S) is PowerState.ON
    bmc.reset(timeout_s=S)
    assert amt.state == 2
    bmc.power_off(timeout_s=S)
    assert (amt.state, bmc.power_state(timeout_s=S)) == (8, PowerState.OFF)
    assert bmc.boot_device(timeout_s=S).device is None


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        (3, PowerState.ON),
        (4, PowerState.ON),
        (6, PowerState.OFF),
        (7, PowerState.OFF),
        (13, PowerState.ERROR),
    ],
)
def test_states_between_on_and_off_are_read(amt: Amt, state: int, meaning: PowerState) -> None:
    amt.state = state
    assert connect(amt).power_state(timeout_s=S) is meaning


def test_what_it_refuses_is_told_without_the_password(amt: Amt) -> None:
    with pytest.raises(BmcAuthenticationFailed, match="amt_password") as error:
        connect(amt, amt_password="wrong-wrong").power_on(timeout_s=S)
    assert "wrong-wrong" not in str(error.value)
    amt.returns = 2
    with pytest.raises(BmcError, match="RequestPowerStateChange returns 2"):
        connect(amt).power_on(timeout_s=S)
    for refused in (BootDevice.BIOS, BootDevice.SAFE):
        with pytest.raises(BmcError, match="possible: pxe, disk, cdrom"):
            connect(amt).set_boot_device(refused, mode=BootMode.BIOS, persistent=True, timeout_s=S)
    with pytest.raises(BmcError, match="cannot ask the operating system"):
        connect(amt).soft_power_off(timeout_s=S)


@pytest.mark.parametrize(
    ("state", "returns", "already"),
    [
        (2, 4097, {"power_on"}),
        (4, 4097, {"power_on"}),
        (8, 4097, {"power_off"}),
        (13, 4097, set()),
        (2, 2, set()),
        (8, 1, set()),
    ],
)
def test_a_refusal_says_that_it_is_so_already_only_where_the_state_is_why_and_is_shown(
    amt: Amt, state: int, returns: int, already: set[str]
) -> None:
    amt.state, amt.returns = state, returns
    bmc = connect(amt)
    for name in ("power_on", "power_off"):
        with pytest.raises(BmcError, match=f"RequestPowerStateChange returns {returns}") as refused:
            getattr(bmc, name)(timeout_s=S)
        assert isinstance(refused.value, AlreadySo) is (name in already)


def test_a_wrong_login_is_tried_once_by_all_who_wait(amt: Amt) -> None:
    driver = AmtDriver()
    info = {"amt_address": f"127.0.0.1:{amt.server_address[1]}", **LOGIN}

    def call(_number: int) -> None:
        with pytest.raises(BmcAuthenticationFailed):
            driver.connect({**info, "amt_password": "wrong"}).power_state(timeout_s=S)

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(call, range(24)))
    assert amt.refusals == 1
    assert driver.connect(info).power_state(timeout_s=S) is PowerState.OFF


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            400,
            b"<b:Fault><b:Text xml:lang='en'>no such thing</b:Text></b:Fault>",
            "400: no such thing",
        ),
        (200, b"<b:Fault></b:Fault>", "answers 200"),
        (500, b"", "answers 500"),
        (200, b"<html>", "no PowerState"),
        (200, b"<h:PowerState>99999999999999</h:PowerState>", "no PowerState"),
        (200, b"\xff" * 300_000, "AMT 127.0.0.1"),
    ],
)
def test_nonsense_is_told(amt: Amt, status: int, body: bytes, words: str) -> None:
    amt.answer = (status, body)
    with pytest.raises(BmcError, match=words):
        connect(amt).power_state(timeout_s=S)


def test_nobody_there_is_told_in_time() -> None:
    info = {"amt_address": "127.0.0.1:1", **LOGIN}
    with pytest.raises(BmcUnreachable, match="amt_address"):
        AmtDriver().connect(info).power_state(timeout_s=2)


def test_a_digest_is_that_of_the_rfc() -> None:
    """The example of RFC 2617, 3.5, whose numbers RFC 7616 keeps for MD5, for another method and path."""
    target = AmtTarget(
        url="http://h/dir/index.html", username="Mufasa", password="Circle Of Life", ca_file=""
    )
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b", opaque="5ccc"'
    )
    said = digest(target, challenge, cnonce="0a4f113b")
    who = md5("Mufasa:testrealm@host.com:Circle Of Life")
    assert who == "939e7578ed9e3c518a452acee763bce9"
    wanted = md5(f"{who}:dcd98b:00000001:0a4f113b:auth:{md5('POST:/dir/index.html')}")
    assert f'response="{wanted}"' in said
    assert 'opaque="5ccc"' in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amt_address": None}, "amt_address"),
        ({"amt_username": None}, "amt_username"),
        ({"amt_username": 'a"b'}, "amt_username"),
        ({"amt_password": None}, "amt_password"),
        ({"amt_protocol": "ftp"}, "choose from: HTTP, HTTPS"),
    ],
)
def test_what_is_missing_or_malformed_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        AmtDriver().connect({"amt_address": "192.0.2.9", **LOGIN, **change})
    assert "geheim" not in str(error.value)


def test_the_hardware_type_has_both_kinds() -> None:
    found = load_catalog(Settings()).interfaces_of("amt", {})
    assert (found.names["power"], found.names["management"]) == ("amt", "amt")
