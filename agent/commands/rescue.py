"""``rescue.finalize_rescue``: let a person in by SSH with the password that the controller sends.

The login is open when the command has succeeded, and the agent then serves nobody any more (as Ironic's agent): the machine is
somebody's. The password and its hash are in no log, no result and no error.
"""

from collections.abc import Callable, Iterable

import msgspec

from agent.commands.command import Command, Control, Job, Kind, Params, parse_params
from agent.errors import InvalidRequest
from agent.protocol.password_hash import (
    LONGEST_PASSWORD,
    hash_password,
    is_password,
    is_password_hash,
)
from agent.system.rescue_login import RescueLogin


class _FinalizeRescue(msgspec.Struct, frozen=True, kw_only=True):
    rescue_password: str
    hashed: bool = False


class Rescue:
    """The command and what it needs; ``on_open`` is called when the login is open."""

    def __init__(self, login: RescueLogin, on_open: Callable[[], None]) -> None:
        self._login = login
        self._on_open = on_open

    def commands(self) -> Iterable[Command]:
        """Return the command."""
        prepare = self.finalize_rescue
        return [Command(name="rescue.finalize_rescue", kind=Kind.SYNC, prepare=prepare)]

    def finalize_rescue(self, params: Params) -> Job:
        """Open the login with ``rescue_password``, which is a hash already if ``hashed``.

        Raises:
            InvalidRequest: It is empty, or no password or hash can look like that.
        """
        wanted = parse_params(params, _FinalizeRescue, "finalize_rescue")
        password = wanted.rescue_password
        if wanted.hashed:
            if not is_password_hash(password):
                raise InvalidRequest(
                    "finalize_rescue: rescue_password is not a hash in the form of crypt(5) ($6$salt$hash), "
                    "though hashed is true"
                )
        elif not is_password(password):
            raise InvalidRequest(
                f"finalize_rescue: rescue_password must have 1 to {LONGEST_PASSWORD} letters, none of them a control "
                "character"
            )

        def finalize(_control: Control) -> None:
            self._login.open(password if wanted.hashed else hash_password(password))
            self._on_open()

        return finalize
