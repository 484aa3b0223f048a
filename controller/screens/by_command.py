"""The provider ``command``: a program of the operator brings the screens, for example by a container with a browser at the BMC's own page.

It is called ``PROGRAM start NODE`` and ``PROGRAM stop NODE``, with the node's UUID; with argument words, never by a shell. What it needs to know is in the
environment under the names that Ironic's console container reads: ``APP``, ``APP_INFO`` (JSON, with secrets) and ``READ_ONLY``; besides ``INGOT_TIMEOUT_S``. ``start``
ends when the screen is there, and prints one JSON object: ``host`` and ``port``, or ``path``; ``password`` and ``seconds`` if it likes. Exit codes are those of sysexits.h, as
for the hardware type ``command``.
"""

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import msgspec

from agent.protocol.foreign_text import clean_line
from controller.bmc import programs
from controller.errors import BmcError, BmcUnreachable, Invalid
from controller.hardware.screen import Screen, ScreenWish
from controller.peers.programs import Finished
from controller.settings import Settings

_LATER = 75
"""EX_TEMPFAIL."""
_MOST_WORDS = 200


class _Printed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``start`` prints."""

    host: Annotated[str, msgspec.Meta(max_length=253, pattern=r"^[A-Za-z0-9._:%-]*$")] = ""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    path: Annotated[str, msgspec.Meta(max_length=107, pattern=r"^(/[^\x00]+)?$")] = ""
    password: Annotated[str, msgspec.Meta(max_length=64)] = ""
    seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


class ScreenByCommand:
    """See :class:`controller.hardware.screen.ProvidesScreens`."""

    properties: Mapping[str, str] = MappingProxyType({})

    def __init__(self, program: str, *, is_read_only: bool) -> None:
        self._program, self._is_read_only = program, is_read_only

    @classmethod
    def from_settings(cls, settings: Settings) -> "ScreenByCommand":
        """Return the provider of a controller."""
        return cls(settings.console_screen_program, is_read_only=settings.console_read_only)

    def validate(self, wish: ScreenWish) -> None:  # noqa: ARG002  # the program looks at it
        """Refuse everything where no program is set."""
        if not self._program:
            raise Invalid(
                "no program brings screens; set console_screen_program to the path of one (docs/how-to/use-graphical-consoles.md)"
            )
        if not os.path.isabs(self._program) or not os.access(self._program, os.X_OK):  # noqa: PTH117  # a text stays one
            raise Invalid(
                f"console_screen_program is {self._program!r}, which is no absolute path of a program that the controller may start"
            )

    def start(self, wish: ScreenWish, *, timeout_s: float) -> Screen:
        """Run ``start``, and read what it prints."""
        self.validate(wish)
        done = self._run("start", wish, timeout_s)
        try:
            printed = msgspec.json.decode(done.raw, type=_Printed)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise BmcError(
                f"{self._program}: start must print one JSON object with host and port, or path: {clean_line(error, _MOST_WORDS)}"
            ) from error
        if bool(printed.path) == bool(printed.host and printed.port):
            raise BmcError(f"{self._program}: start printed neither host and port nor path alone")
        return Screen(
            host="" if printed.path else printed.host,
            port=0 if printed.path else printed.port,
            path=printed.path,
            is_trusted=True,
            password=printed.password,
            lifetime_s=printed.seconds,
        )

    def stop(self, wish: ScreenWish, *, timeout_s: float) -> None:
        """Run ``stop``."""
        self.validate(wish)
        self._run("stop", wish, timeout_s)

    def _run(self, verb: str, wish: ScreenWish, timeout_s: float) -> Finished:
        environment = {
            "APP": wish.application,
            "APP_INFO": json.dumps(dict(wish.information)),
            "READ_ONLY": str(self._is_read_only),
            "INGOT_TIMEOUT_S": f"{timeout_s:.0f}",
        }
        done = programs.run(
            [self._program, verb, wish.node_uuid],
            environment={key: value.encode() for key, value in environment.items()},
            timeout_s=timeout_s,
        )
        if not done.exit_code:
            return done
        last = (done.errors.strip().splitlines() or ["it printed no reason"])[-1]
        words = f"{self._program}: {verb} ended with {done.exit_code}: {clean_line(_masked(last, wish), _MOST_WORDS)}"
        raise (BmcUnreachable if done.exit_code == _LATER else BmcError)(words)


def _masked(line: str, wish: ScreenWish) -> str:
    """Hide the BMC's password, if the program prints it."""
    secret = wish.information.get("password")
    return line.replace(secret, "******") if isinstance(secret, str) and secret else line
