import base64
import os
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from flask import Response

from controller.api.access.principal import NOBODY, Principal
from controller.api.auth import make_guard
from controller.api.htpasswd import Htpasswd
from controller.errors import SettingsError
from controller.settings import Settings


def hashed(password: str, prefix: bytes = b"2b") -> str:
    return (
        bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4, prefix=b"2b"))
        .decode()
        .replace("$2b$", f"${prefix.decode()}$")
    )


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "htpasswd"
    path.write_text(f"# people\nann:{hashed('right')}\n\nbob:{hashed('other', b'2y')}\n")
    return path


def guard_of(path: Path) -> Callable[[str, str | None], Principal | Response]:
    guard = make_guard(Settings(auth_strategy="http_basic", htpasswd_file=str(path)))
    return lambda url, login: guard("GET", url, {"Authorization": login} if login else {})


def test_the_right_password_is_welcome_again_and_again(users: Path) -> None:
    guard = guard_of(users)
    ann = Principal(user="ann", is_unrestricted=True)
    assert guard("/v1/nodes", basic("ann", "right")) == ann
    assert guard("/v1/nodes", basic("ann", "right")) == ann
    assert guard("/v1/nodes", basic("bob", "other")) == Principal(user="bob", is_unrestricted=True)


@pytest.mark.parametrize(
    "header", [None, basic("ann", "wrong"), basic("bob", "right"), basic("eve", "right")]
)
def test_anybody_else_is_asked_to_log_in(users: Path, header: str | None) -> None:
    reply = guard_of(users)("/v1/nodes", header)
    assert isinstance(reply, Response)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == 'Basic realm="Baremetal API"'
    assert reply.get_json()["error"]["code"] == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer x", "Basic ???", "Basic", "Basic YQ==", "Basic \u00e4", "Basic /zo=", "Basic Y"],
)
def test_a_header_that_makes_no_sense_is_malformed(users: Path, header: str) -> None:
    reply = guard_of(users)("/v1/nodes", header)
    assert isinstance(reply, Response)
    assert reply.status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/lookup", "/v1/heartbeat/abc", "/v1/continue_inspection", "/boot/ipxe"],
)
def test_what_a_booting_machine_asks_for_is_open(users: Path, path: str) -> None:
    assert guard_of(users)(path, None) == NOBODY


@pytest.mark.parametrize("path", ["/v1/nodes", "/v1/heartbeat/a/b", "/v1/lookups", "/ui", "/bootx"])
def test_nothing_else_is_open(users: Path, path: str) -> None:
    assert isinstance(guard_of(users)(path, None), Response)


def test_a_changed_file_counts_at_once(users: Path) -> None:
    htpasswd = Htpasswd(users)
    assert htpasswd.accepts("ann", "right")
    users.write_text(f"ann:{hashed('new')}\n")
    os.utime(users, ns=(1, 1))
    assert not htpasswd.accepts("ann", "right")
    assert htpasswd.accepts("ann", "new")
    assert not htpasswd.accepts("bob", "other")


def test_a_file_that_breaks_while_it_is_used_leaves_the_users_before(
    users: Path, caplog: pytest.LogCaptureFixture
) -> None:
    htpasswd = Htpasswd(users)
    users.write_text("ann:$2b$99$broken\n")
    assert htpasswd.accepts("ann", "right")
    users.unlink()
    assert htpasswd.accepts("bob", "other")
    assert not htpasswd.accepts("eve", "right")
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


@pytest.mark.parametrize("costs", [[4], [5], [4, 5, 6]])
def test_unknown_users_are_as_much_work_as_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, costs: list[int]
) -> None:
    path = tmp_path / "htpasswd"
    hashes = [bcrypt.hashpw(b"right", bcrypt.gensalt(rounds=cost)).decode() for cost in costs]
    path.write_text("".join(f"user{number}:{one}\n" for number, one in enumerate(hashes)))
    htpasswd = Htpasswd(path)
    compared: list[int] = []
    real = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        compared.append(int(hashed.split(b"$")[2]))
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    for number in range(50):
        for _ in range(2):
            assert not htpasswd.accepts(f"nobody{number}", "wrong")
    assert len(compared) == 100
    assert compared[::2] == compared[1::2]  # a name has one cost
    assert set(compared) == set(costs)


def test_a_file_with_other_hashes_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "htpasswd"
    path.write_text(f"ann:{hashed('x')}\nbob:$apr1$abc$def\n")
    with pytest.raises(SettingsError, match=r"line 2 is not user:bcrypt-hash"):
        Htpasswd(path)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(auth_strategy="magic"),
        Settings(auth_strategy="http_basic"),
        Settings(auth_strategy="http_basic", htpasswd_file="/nonexistent/htpasswd"),
    ],
)
def test_settings_without_usable_users_do_not_start(settings: Settings) -> None:
    with pytest.raises(SettingsError):
        make_guard(settings)
