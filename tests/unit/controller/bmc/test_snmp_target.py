"""What driver_info says about an outlet."""

from typing import Any

import pytest

from controller.bmc.snmp_outlets import BY_NAME, ENTERPRISES, TABLES, table_of_system
from controller.bmc.snmp_target import PROPERTIES, Community, User, parse_target
from controller.errors import Invalid

GOOD = {"snmp_address": "192.0.2.20", "snmp_outlet": 7, "snmp_community": "geheim-geheim"}
USER = {
    "snmp_address": "192.0.2.20",
    "snmp_outlet": 7,
    "snmp_version": 3,
    "snmp_user": "ann",
    "snmp_auth_key": "geheim-geheim",
    "snmp_priv_key": "verborgen",
}


def test_a_community_is_enough() -> None:
    target = parse_target(GOOD)
    assert (target.address, target.port, target.driver) == ("192.0.2.20", 161, "auto")
    assert target.login == Community(is_2c=False, read="geheim-geheim", write="geheim-geheim")
    assert target.outlet.index == (7,)
    assert "geheim" not in repr(target)


def test_a_user_of_version_3_has_ironics_defaults() -> None:
    login = parse_target(USER).login
    assert isinstance(login, User)
    assert (login.auth_protocol, login.priv_protocol) == ("md5", "des")
    assert "geheim" not in repr(login)
    old = {**USER, "snmp_user": None, "snmp_security": "bob"}
    named = parse_target(old).login
    assert isinstance(named, User)
    assert named.name == "bob"


@pytest.mark.parametrize("written", [3, "3", "2c", "2C", 1, "1"])
def test_versions_are_numbers_or_texts(written: Any) -> None:
    parse_target({**GOOD, **USER, "snmp_version": written})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"snmp_address": None}, "snmp_address is missing"),
        ({"snmp_address": "a b"}, "snmp_address"),
        ({"snmp_outlet": None}, "snmp_outlet is missing"),
        ({"snmp_outlet": "A1"}, "outlet's number"),
        ({"snmp_outlet": "1..2"}, "outlet's number"),
        ({"snmp_outlet": "-1"}, "outlet's number"),
        ({"snmp_outlet": "4294967296"}, "outlet's number"),
        ({"snmp_outlet": "1.1.1.1.1.1.1.1.1"}, "outlet's number"),
        ({"snmp_outlet": "٣"}, "outlet's number"),
        ({"snmp_driver": "nope"}, "choose from: auto, apc"),
        ({"snmp_version": "4"}, "choose from: 1, 2C, 3"),
        ({"snmp_port": 0}, "snmp_port"),
        ({"snmp_community": None}, "snmp_community is missing"),
        ({"snmp_community": None, "snmp_community_read": "r"}, "snmp_community is missing"),
        ({"snmp_community": ["x"]}, "must be a text"),
        ({"snmp_off_seconds": 21}, "snmp_off_seconds"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_shown(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        parse_target({**GOOD, **change})
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"snmp_user": None}, "snmp_user is missing"),
        ({"snmp_auth_key": "short"}, "snmp_auth_key is too short"),
        ({"snmp_priv_key": "short"}, "snmp_priv_key is too short"),
        ({"snmp_auth_key": None}, "snmp_auth_key is missing"),
        ({"snmp_auth_key": None, "snmp_auth_protocol": "sha"}, "snmp_auth_key is missing"),
        ({"snmp_priv_key": None, "snmp_priv_protocol": "aes"}, "snmp_priv_key is missing"),
        ({"snmp_auth_protocol": "rot13"}, "choose from: NONE, MD5"),
        ({"snmp_context_engine_id": "xyz"}, "hexadecimal"),
    ],
)
def test_what_version_3_lacks_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        parse_target({**USER, **change})
    assert "short'" not in str(error.value)


def test_every_key_that_is_read_is_a_property() -> None:
    class Seen(dict[str, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            keys.add(key)
            return super().get(key, default)

    keys: set[str] = set()
    parse_target(Seen(GOOD))
    parse_target(Seen({**USER, "snmp_user": None, "snmp_security": "bob"}))
    assert keys == set(PROPERTIES)


def test_a_whole_index_stands_in_the_place_of_the_usual_one() -> None:
    sentry = BY_NAME["servertech_sentry4"]
    begin = (*ENTERPRISES, *sentry.state)
    assert sentry.instance(sentry.state, (7,)) == (*begin, 1, 1, 7)
    assert sentry.instance(sentry.state, (2, 1, 7)) == (*begin, 2, 1, 7)
    aten = BY_NAME["aten"]
    assert aten.instance(aten.state, (3,)) == (*ENTERPRISES, *aten.state, 3, 0)


def test_the_longest_beginning_of_a_system_id_decides() -> None:
    for table in TABLES:
        for begin in table.system_ids:
            assert table_of_system((*ENTERPRISES, *begin)) is table
            assert table_of_system((*ENTERPRISES, *begin, 1, 2)) is not None
    assert table_of_system((*ENTERPRISES, 8072, 3, 2, 10)) is None
    assert table_of_system((1, 3, 6, 1, 2, 1, *TABLES[0].system_ids[0])) is None
