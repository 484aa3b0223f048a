"""What ends a command of ``ingot``; the message says what failed, on what, why, and what to do next."""


class ClientError(Exception):
    """Base of all errors of the command line."""


class Unreachable(ClientError):
    """No controller answers at the address."""


class Refused(ClientError):
    """The controller answered, but not with success; ``status`` is its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotReached(ClientError):
    """A node rests in another state than the one that was wanted, or does not rest in time."""
