"""``driver_type = "command"``: a program of the operator's drives the switch, so that any switch can be had without Python.

For each question the program is started with the words of ``command`` and no shell. It reads one JSON object from its standard input::

    {"action": "read" | "attach" | "detach", "port": "<port_id>", "switchport": {"mode": .., "native_vlan": .., "allowed_vlans": [..]},
     "switch": {"name": .., "mac_address": .., <the other options of the switch>}}

``switchport`` comes with ``attach`` alone. It answers ``read`` with ``{"switchport": {..}}``, or ``{"switchport": null}`` for a port in no VLAN. An exit
status other than 0 is a failure, with the words on its standard error; 75 (EX_TEMPFAIL) says that it may pass.
"""

import json
from collections.abc import Mapping
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import Invalid, ProgramFailed, ProgramLate, SwitchError, SwitchUnreachable
from controller.peers import programs
from controller.switches.driver import Switch
from controller.switches.switchport import Switchport, read_switchport

_COMMAND = "command"
_TEMPORARY = 75
_SHOWN = 400
_UNREADABLE = (ValueError, TypeError, KeyError, RecursionError, Invalid)


class CommandSwitch:
    """See :class:`controller.switches.driver.SwitchDriver`."""

    properties: Mapping[str, str] = {  # a Mapping is not written to
        _COMMAND: "The program and its arguments, a list of texts. Required. All other options are told to the program."
    }

    def validate(self, switch: Switch) -> None:
        """Check that there is a program to be started."""
        words = switch.options.get(_COMMAND)
        is_list = isinstance(words, list) and bool(words)
        if not is_list or not all(isinstance(word, str) and word for word in words or ()):
            raise Invalid('it needs command, such as ["/etc/ingot/switch", "tor-1"]')
        try:
            _document(switch, {})
        except TypeError as error:  # a date
            raise Invalid(f"an option is nothing that JSON has: {error}") from error

    def attach(self, switch: Switch, port: str, wanted: Switchport, *, timeout_s: float) -> None:
        """Have the program do it."""
        order = {"action": "attach", "port": port, "switchport": wanted.document()}
        _run(switch, order, timeout_s)

    def detach(self, switch: Switch, port: str, *, timeout_s: float) -> None:
        """Have the program do it."""
        _run(switch, {"action": "detach", "port": port}, timeout_s)

    def read(self, switch: Switch, port: str, *, timeout_s: float) -> Switchport | None:
        """Have the program say it."""
        text = _run(switch, {"action": "read", "port": port}, timeout_s)
        try:
            return _switchport(text)
        except _UNREADABLE as error:
            raise SwitchError(_unreadable(switch.secrets().text(text))) from error


def _switchport(text: str) -> Switchport | None:
    found = json.loads(text)["switchport"]
    return None if found is None else read_switchport(found, "switchport")


def _unreadable(text: str) -> str:
    """Return what is wrong with an answer whose secrets are masked already: what reads it cuts it, and half a secret is no known one."""
    begin = f"its program answered {clean_line(text, _SHOWN)!r}, which says of no port what it is set to"
    try:
        _switchport(text)
    except _UNREADABLE as error:
        return f"{begin}: {clean_line(error, _SHOWN)}"
    return begin


def _document(switch: Switch, order: Mapping[str, Any]) -> bytes:
    options = {key: value for key, value in switch.options.items() if key != _COMMAND}
    told = {"name": switch.name, "mac_address": switch.mac_address, **options}
    return json.dumps({**order, "switch": told}).encode()


def _run(switch: Switch, order: Mapping[str, Any], timeout_s: float) -> str:
    words = switch.options[_COMMAND]
    try:
        done = programs.run(
            words, environment={}, timeout_s=timeout_s, given=_document(switch, order)
        )
    except ProgramLate as error:
        raise SwitchUnreachable(str(error)) from error
    except ProgramFailed as error:
        raise SwitchError(str(error)) from error
    if done.exit_code == 0:
        return done.output
    masked = switch.secrets().text(done.errors or done.output)  # before it is cut
    said = clean_line(masked, _SHOWN) or "nothing"
    text = f"{words[0]} ended with status {done.exit_code} and said: {said}"
    raise (SwitchUnreachable if done.exit_code == _TEMPORARY else SwitchError)(text)
