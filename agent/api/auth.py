"""The agent token: it comes in the query, as Ironic's conductor sends it."""

import hmac

from agent.errors import Unauthorized


def check_token(given: str | None, expected: str | None, *, open_without: bool) -> None:
    """Compare the token of a request with ours in constant time.

    Args:
        given: What came with the request; ``None`` = nothing.
        expected: Our token; ``None`` = none was handed out yet.
        open_without: Let requests in while there is no token (an agent without a controller).

    Raises:
        Unauthorized: It is missing or wrong, or there is none to compare with.
    """
    if expected is None and open_without:
        return
    if (
        expected is None
        or given is None
        or not hmac.compare_digest(given.encode(), expected.encode())
    ):
        raise Unauthorized("Token invalid.")
