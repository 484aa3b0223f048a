"""An SSH port for consoles where nobody has to log in stays on this machine, unless that is allowed."""

import pytest

from controller.errors import SettingsError
from controller.load_settings import load_settings
from controller.service import check_exposure
from controller.settings import Settings


@pytest.mark.parametrize(
    "safe",
    [
        {"console_ssh_port": 0},
        {"console_ssh_host": "127.0.0.1"},
        {"auth_strategy": "http_basic"},
        {"allow_unauthenticated": True},
    ],
)
def test_a_port_beyond_this_machine_needs_logins(safe: dict[str, str | int]) -> None:
    open_port: dict[str, str | int] = {"console_ssh_port": 6022, "console_ssh_host": "0.0.0.0"}
    with pytest.raises(SettingsError, match="could type on all consoles"):
        check_exposure(Settings(**open_port))  # type: ignore[arg-type]
    check_exposure(Settings(**{**open_port, **safe}))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["10000", "10000-10999", "2:1", "0:5", "1:65536", "a:b", "1:2:3"])
def test_a_range_of_ports_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="console_port_range"):
        load_settings("", {}, {"console_port_range": text})


def test_the_address_of_console_ports_is_an_address() -> None:
    with pytest.raises(SettingsError, match="console_socat_address"):
        load_settings("", {}, {"console_socat_address": "everywhere"})
