"""Programs for the driver_type "command" that hang, flood, talk nonsense or quote passwords; and switch files that name what is not there."""

import json
import sys
import time
from pathlib import Path

import pytest

from controller.errors import SettingsError, SwitchError, SwitchUnreachable
from controller.settings import Settings
from controller.switches.registry import Switches, load_switches
from controller.switches.switchport import parse_switchport
from controller.workflow.networks.carrying_out import carry_out
from controller.workflow.networks.plan import Attachment
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(120)
BLUE = parse_switchport("access/native_vlan=300", "x")
KEEPING = """
import json, os, sys
order = json.load(sys.stdin)
path = sys.argv[1]
kept = json.load(open(path)) if os.path.exists(path) else {}
with open(path + ".log", "a") as log:
    log.write(json.dumps(order) + "\\n")
if order["action"] == "read":
    print(json.dumps({"switchport": kept.get(order["port"])}))
else:
    kept[order["port"]] = order.get("switchport")
    json.dump(kept, open(path, "w"))
"""


def switches(folder: Path, code: str) -> Switches:
    path = folder / "switches.toml"
    words = json.dumps([sys.executable, "-c", code, str(folder / "kept")])
    path.write_text(
        f'[switches.tor]\ndriver_type = "command"\ncommand = {words}\naddress = "10.0.0.1"\npassword = "geheim-42"\n'
    )
    return load_switches(Settings(switch_config_file=str(path)))


def attachment(port: str = "swp1") -> Attachment:
    return Attachment(
        uuid="u",
        address="52:54:00:00:00:01",
        switch="tor",
        port=port,
        network="VIF blue",
        wanted=BLUE,
    )


def test_a_program_is_told_all_and_asked_again_afterwards(tmp_path: Path) -> None:
    site = switches(tmp_path, KEEPING)
    assert carry_out([attachment()], site, wait_s=1, timeout_s=60) == (attachment(),)
    assert carry_out([attachment()], site, wait_s=1, timeout_s=60) == ()
    told = [json.loads(line) for line in (tmp_path / "kept.log").read_text().splitlines()]
    assert [one["action"] for one in told] == ["read", "attach", "read", "read"]
    assert told[1] == {
        "action": "attach",
        "port": "swp1",
        "switchport": {"mode": "access", "native_vlan": 300},
        "switch": {
            "name": "tor",
            "mac_address": None,
            "address": "10.0.0.1",
            "password": "geheim-42",
        },
    }


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (
            "import sys;sys.exit('no login with geheim-42')",
            SwitchError,
            r"no login with \*{6}; look",
        ),
        ("import sys;sys.stderr.write('try later');sys.exit(75)", SwitchUnreachable, "try later"),
        ("print('{}')", SwitchError, "answered '{}', which says of no port"),
        ("print('[' * 100000)", SwitchError, "which says of no port"),
        ('print(\'{"switchport": {"mode": "access", "native_vlan": 5000}}\')', SwitchError, "5000"),
        ("print('x' * 3000000)", SwitchError, "printed more than 1048576 bytes"),
        ("import time;time.sleep(600)", SwitchUnreachable, "did not end within"),
        ("print('{\"switchport\": null}')", SwitchError, "says no VLAN afterwards"),
    ],
)
def test_a_program_that_misbehaves_is_a_switch_that_failed(
    tmp_path: Path, code: str, error: type[Exception], words: str
) -> None:
    site = switches(tmp_path, code)
    timeout_s = 2 if "600" in code else 60
    with pytest.raises(error, match=words) as raised:
        carry_out([attachment()], site, wait_s=1, timeout_s=timeout_s)
    assert str(raised.value).startswith(
        "port swp1 of switch tor (the node's port 52:54:00:00:00:01) cannot be set to VIF blue (access/native_vlan=300): "
    )
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    "code",
    [
        "import sys;sys.exit(said)",
        "print(said)",
        """print('{"switchport": "' + said + '"}')""",
        """print('{"switchport": {"' + said + '": 1}}')""",
    ],
)
@pytest.mark.parametrize("before", [0, 4, 8])  # the cut is within a secret in one of them
def test_no_part_of_a_secret_is_shown_where_its_text_is_cut(
    tmp_path: Path, code: str, before: int
) -> None:
    site = switches(tmp_path, f"said = 'x' * {before} + 'geheim-42 ' * 99\n{code}")
    with pytest.raises(SwitchError) as raised:
        carry_out([attachment()], site, wait_s=1, timeout_s=60)
    assert "******" in str(raised.value)
    assert "gehe" not in str(raised.value)


def test_what_a_port_is_called_is_a_word_of_the_program_and_of_no_shell(tmp_path: Path) -> None:
    site = switches(tmp_path, KEEPING)
    odd = "swp1; touch " + str(tmp_path / "touched") + " $(id) `id`\n"
    carry_out([attachment(odd)], site, wait_s=1, timeout_s=60)
    assert not (tmp_path / "touched").exists()
    assert json.loads((tmp_path / "kept").read_text()) == {odd: BLUE.document()}


def test_a_plug_in_that_ignores_its_deadline_keeps_only_its_own_switch(tmp_path: Path) -> None:
    class Hangs:
        has_ended = False

        def read(self, *_words: object, timeout_s: float) -> None:
            time.sleep(3)
            self.has_ended = True

    site = switches(tmp_path, KEEPING)
    hanging = Hangs()
    held = Switches(switches=site.switches, drivers={"command": hanging})  # type: ignore[dict-item]  # a bad plug-in
    with pytest.raises(SwitchUnreachable, match="switch tor did not answer within"):
        carry_out([attachment()], held, wait_s=0, timeout_s=0.1)
    wait_until(lambda: hanging.has_ended, 20, "its end")


def test_a_plug_in_that_raises_anything_is_named(tmp_path: Path) -> None:
    class Broken:
        def read(self, *_words: object, timeout_s: float) -> None:
            raise KeyError("geheim-42")

    site = switches(tmp_path, KEEPING)
    broken = Switches(switches=site.switches, drivers={"command": Broken()})  # type: ignore[dict-item]  # a bad plug-in
    with pytest.raises(SwitchError, match=r"its plug-in command has failed with KeyError: '\*{6}'"):
        carry_out([attachment()], broken, wait_s=0, timeout_s=20)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("[switches.a]\ndriver_type = 'no-such'", "not installed; installed are command, fake"),
        ("[switches.a]\ndriver_type = 'command'", "switch a: it needs command, such as"),
        ("[switches.a]\ndriver_type = 'command'\ncommand = 'ls -l'", "it needs command"),
        ("[switches.a]\ndriver_type = 'command'\ncommand = ['ls']\nsince = 2026-01-01", "JSON"),
        (
            "[switches.a]\ndriver_type = 'fake'\ndirectry = '/tmp'",
            "a fake switch has only directory",
        ),
    ],
)
def test_a_switch_file_that_cannot_be_used_stops_the_start(
    tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "switches.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=words) as raised:
        load_switches(Settings(switch_config_file=str(path)))
    assert str(raised.value).startswith(f"switch_config_file {path}: ")
