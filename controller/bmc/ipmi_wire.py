"""Messages between the pool (``ipmi_pool.py``) and its workers (``ipmi_worker.py``): MessagePack on a packet socket."""

from enum import StrEnum

import msgspec

from controller.bmc.ipmi_target import IpmiTarget

MAX_MESSAGE_BYTES = 4096


class Outcome(StrEnum):
    """How a request ended."""

    ANSWER = "answer"
    SILENCE = "silence"  # nothing came back
    REFUSED = "refused"  # user name or password
    FAILED = "failed"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom to log in."""

    address: str
    port: int
    username: str
    password: str
    privilege_level: int
    cipher_suite: int | None
    kg: bytes | None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One IPMI request."""

    login: Login
    netfn: int
    command: int
    data: tuple[int, ...]
    timeout_s: float
    first_timeout_s: float
    """Wait before a login packet counts as lost."""
    is_last_try: bool
    """A login in which a packet is lost is begun once more; before the last try it is not, for then there is another."""
    idle_s: float
    """The worker ends when no request follows for so long."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request."""

    outcome: Outcome
    code: int = 0
    data: bytes = b""
    text: str = ""
    counts: bool = False
    """Of a refusal: the BMC may have counted a wrong password; without it, it was silent before one was shown."""
    may_be_loss: bool = False
    """Of a refusal: the BMC fell silent in the midst of the login, as some do that refuse it; a packet that is lost looks alike."""


def login_of(target: IpmiTarget) -> Login:
    """Return how a worker logs in to a BMC."""
    return Login(
        address=target.address,
        port=target.port,
        username=target.username,
        password=target.password,
        privilege_level=target.privilege_level,
        cipher_suite=target.cipher_suite,
        kg=target.kg,
    )
