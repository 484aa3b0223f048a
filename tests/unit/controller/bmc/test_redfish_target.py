from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.bmc.redfish_target import PROPERTIES, parse_target
from controller.errors import Invalid

GOOD = {
    "redfish_address": "https://192.0.2.10",
    "redfish_username": "admin",
    "redfish_password": "s3cret",
}


def test_what_is_left_out_gets_the_defaults_of_ironic() -> None:
    target = parse_target({"redfish_address": "192.0.2.10"})
    assert (target.url, target.root) == ("https://192.0.2.10", "/redfish/v1/")
    assert (target.system, target.verify, target.auth) == (None, True, "AUTO")
    assert (target.username, target.password) == ("", "")


@pytest.mark.parametrize(
    ("written", "url", "root"),
    [
        ("bmc.example", "https://bmc.example", "/redfish/v1/"),
        ("bmc.example:8443", "https://bmc.example:8443", "/redfish/v1/"),
        ("http://192.0.2.10:8000/", "http://192.0.2.10:8000", "/redfish/v1/"),
        ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443", "/redfish/v1/"),
        ("2001:db8::1", "https://[2001:db8::1]", "/redfish/v1/"),
        (" https://proxy.example/rack7/redfish/v1 ", "https://proxy.example", "/rack7/redfish/v1/"),
    ],
)
def test_an_address_is_taken_in_every_form(written: str, url: str, root: str) -> None:
    target = parse_target({**GOOD, "redfish_address": written})
    assert (target.url, target.root) == (url, root)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("redfish_address", None, "redfish_address is missing"),
        ("redfish_address", "ftp://bmc", "http or https URL"),
        ("redfish_address", "https://root:geheim@bmc", "redfish_username"),
        ("redfish_address", "https://bmc?x=1", "more than host, port and path"),
        ("redfish_address", "https://", "http or https URL"),
        ("redfish_address", "https://[::1", "cannot be read|http or https URL"),
        ("redfish_system_id", "1", "give a path, for example /redfish/v1/Systems/1"),
        ("redfish_verify_ca", "/no/such/file", "redfish_verify_ca must be"),
        ("redfish_verify_ca", 7, "redfish_verify_ca must be"),
        ("redfish_auth_type", "digest", "choose from: AUTO, SESSION, BASIC"),
        ("redfish_password", ["x"], "redfish_password must be a text"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_give(key: str, value: object, words: str) -> None:
    with pytest.raises(Invalid, match=words) as raised:
        parse_target({**GOOD, key: value})
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(("said", "meant"), [("False", False), (True, True), ("yes", True)])
def test_whether_certificates_are_checked_is_said_in_ironics_words(
    said: object, meant: bool
) -> None:
    assert parse_target({**GOOD, "redfish_verify_ca": said}).verify is meant


def test_a_path_of_certificates_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("")
    for path in (tmp_path, file):
        assert parse_target({**GOOD, "redfish_verify_ca": str(path)}).verify == str(path)


def test_the_password_does_not_show() -> None:
    assert "s3cret" not in repr(parse_target(GOOD))


@given(st.dictionaries(st.sampled_from(sorted(PROPERTIES)), st.text() | st.integers() | st.none()))
def test_anything_else_is_refused_and_nothing_breaks(info: dict[str, Any]) -> None:
    try:
        target = parse_target(info)
    except Invalid:
        return
    assert target.url.startswith(("http://", "https://"))
    assert target.root.endswith("/")


@pytest.mark.parametrize("prefix", ["ilo", "drac"])
def test_nodes_of_other_hardware_types_keep_their_names(prefix: str) -> None:
    others = {key.replace("redfish", prefix): value for key, value in GOOD.items()}
    assert parse_target(others) == parse_target(GOOD)
    wins = {**others, "redfish_address": "https://192.0.2.99"}
    assert parse_target(wins).url == "https://192.0.2.99"
