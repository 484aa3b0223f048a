"""pyghmi's own BMC as a program: ``plain_bmc.py <first port> <count> <user> <password>``.

What it cannot do is what makes it useful beside the laboratory's BMC: it knows only cipher suite 3 and takes it whatever
is proposed, and it ignores the login of a user that it does not know. Each line on standard input is a JSON object that
sets faults: ``mute``, ``slow_s``, ``stays_off``, ``busy`` (a number of answers), ``kg`` (its own key, in hexadecimal), and ``lan``:
the LAN channels, channel -> ``parameter.set`` -> data of Get LAN Configuration Parameters in hexadecimal. Prints ``ready`` when it listens. It
has no controller behind it: a bridged request (Send Message) is refused with a code that holds the target's address.
"""

import json
import sys
import threading
import time
from typing import Any

from pyghmi.ipmi import bmc

_NETFN_APP, _SEND_MESSAGE, _CHANNEL_INFO = 6, 0x34, 0x42
_NETFN_TRANSPORT, _GET_LAN_PARAMETERS = 0x0C, 2
FAULTS: dict[str, Any] = {}


class PlainBmc(bmc.Bmc):  # type: ignore[misc]  # pyghmi has no types
    """A machine that is a number."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.power = "off"
        self.boot = 0
        self.flags = 0

    def get_power_state(self) -> str:
        return self.power

    def power_off(self) -> None:
        self.power = "off"

    def power_on(self) -> None:
        if not FAULTS.get("stays_off"):
            self.power = "on"

    def power_shutdown(self) -> None:
        self.power = "off"

    def power_reset(self) -> int:
        return 0 if self.power == "on" else 0xD5

    def get_system_boot_options(self, request: dict[str, bytes], session: object) -> None:
        session.send_ipmi_response(data=[1, 5, self.flags, self.boot, 0, 0, 0])  # type: ignore[attr-defined]

    def set_system_boot_options(self, request: dict[str, bytes], session: object) -> None:
        data = request["data"]
        if data[0] == 5:
            self.flags, self.boot = data[1], data[2]
        session.send_ipmi_response()  # type: ignore[attr-defined]

    def handle_raw_request(self, request: dict[str, Any], session: object) -> None:
        if FAULTS.get("mute"):
            return
        time.sleep(FAULTS.get("slow_s", 0))
        if FAULTS.get("busy", 0) > 0:
            FAULTS["busy"] -= 1
            session.send_ipmi_response(code=0xC0)  # type: ignore[attr-defined]
            return
        wanted = (request["netfn"], request["command"])
        if wanted == (_NETFN_APP, _CHANNEL_INFO):
            tell_channel(request["data"][0], session)
            return
        if wanted == (_NETFN_TRANSPORT, _GET_LAN_PARAMETERS):
            tell_lan_parameter(request["data"], session)
            return
        if wanted == (_NETFN_APP, _SEND_MESSAGE):
            session.send_ipmi_response(code=request["data"][1])  # type: ignore[attr-defined]
            return
        super().handle_raw_request(request, session)

    def sessionless_data(self, data: bytes, sockaddr: object) -> None:
        time.sleep(FAULTS.get("slow_s", 0))
        self.kg = bytes.fromhex(FAULTS["kg"]) if "kg" in FAULTS else None
        if not FAULTS.get("mute"):
            super().sessionless_data(data, sockaddr)


def tell_channel(channel: int, session: Any) -> None:
    """Say that the channel is an Ethernet one with IPMI sessions (IPMI 2.0, table 22-29), or that there is none."""
    if str(channel) in FAULTS.get("lan", {}):
        session.send_ipmi_response(data=[channel, 4, 1, 0x80, 0xF2, 0x1B, 0, 0, 0])
    else:
        session.send_ipmi_response(code=0xCC)


def tell_lan_parameter(data: bytes, session: Any) -> None:
    """Send a parameter of a channel; one that it lacks is not supported, a set that it lacks is out of range."""
    channel, parameter, chosen = data[0] & 0xF, data[1], data[2]
    known = FAULTS.get("lan", {}).get(str(channel), {})
    value = known.get(f"{parameter}.{chosen}")
    if value is None:
        session.send_ipmi_response(code=0xC9 if f"{parameter}.0" in known else 0x80)
    else:
        session.send_ipmi_response(data=[0x11, *bytes.fromhex(value)])


def main() -> None:
    first, count, user, password = sys.argv[1:]
    for port in range(int(first), int(first) + int(count)):
        last = PlainBmc({user: password}, port=port, address="127.0.0.1")
    threading.Thread(target=_read_faults, daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    last.listen()


def _read_faults() -> None:
    for line in sys.stdin:
        FAULTS.clear()
        FAULTS.update(json.loads(line))
        sys.stdout.write("set\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
