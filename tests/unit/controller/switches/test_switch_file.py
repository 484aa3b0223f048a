import pytest

from controller.errors import SettingsError
from controller.switches.switch_file import read_switch_file

GOOD = """
[switches.tor-1]
driver_type = "command"
mac_address = "AA-BB-CC-DD-EE-01"
allowed_vlans = "100-102,300"
default_vlan = 1
command = ["/etc/ingot/switch"]
password = "geheim"

[switches.of]
driver_type = "fake"
mac_address = "00001234ABCD0001"

[networks]
blue = "access/native_vlan=300"
red = {switchport = "access/native_vlan=301", physical_network = "rack-2"}
"""


def test_the_file_is_read() -> None:
    found = read_switch_file(GOOD)
    one = found.switches["tor-1"]
    assert (one.mac_address, one.driver_type, one.default_vlan) == (
        "aa:bb:cc:dd:ee:01",
        "command",
        1,
    )
    assert one.allowed_vlans == frozenset({100, 101, 102, 300})
    assert one.options == {"command": ["/etc/ingot/switch"], "password": "geheim"}
    assert "geheim" not in repr(one)
    assert one.secrets().text("cannot log in with geheim") == "cannot log in with ******"
    assert found.switches["of"].mac_address == "00001234abcd0001"
    assert str(found.networks["blue"].switchport) == "access/native_vlan=300"
    assert found.networks["red"].physical_network == "rack-2"
    assert read_switch_file("").switches == {}


def test_a_secret_in_a_table_of_a_switch_is_one_too() -> None:
    text = '[switches.a]\ndriver_type = "x"\nauth = {user = "admin", password = "geheim-1"}\nusers = [{enable_secret = "geheim-2"}]'
    secrets = read_switch_file(text).switches["a"].secrets()
    said = secrets.text("no login of admin with geheim-1, nor with geheim-2")
    assert said == "no login of admin with ******, nor with ******"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "no valid TOML"),
        ("[switch.a]", "'switch'; possible"),
        ("switches = 5", "must be a table"),
        ("switches.a = 5", "switch a must be a table"),
        ("[switches.a]\ndriver_typ = 'x'\npassword = 'geheim'", "no driver_type, but driver_typ"),
        ("[switches.a]\ndriver_type = 5", "no driver_type"),
        ("[switches.a]\ndriver_type = 'x'\nmac_address = 'a'", "no MAC address"),
        ("[switches.a]\ndriver_type = 'x'\nallowed_vlans = 5", "must be a text"),
        ("[switches.a]\ndriver_type = 'x'\nallowed_vlans = '5-x'", "is no VLAN"),
        ("[switches.a]\ndriver_type = 'x'\ndefault_vlan = 5000", "is not between"),
        (
            "[switches.a]\ndriver_type='x'\nmac_address='aa:bb:cc:dd:ee:01'\n[switches.b]\ndriver_type='x'\nmac_address='AA:BB:CC:DD:EE:01'",
            "a and b have one mac_address",
        ),
        ("networks.a = 5", "network a must be a text such as"),
        ("networks.a = 'access'", "network a"),
        ("networks.a = {switchport = 'access/native_vlan=1', x = 1}", "has 'x'"),
        ("networks.a = {switchport = 'access/native_vlan=1', physical_network = 1}", "be a text"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        read_switch_file(text)
    assert "geheim" not in str(raised.value)
