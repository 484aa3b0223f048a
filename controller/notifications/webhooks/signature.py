"""How a call is signed: Standard Webhooks, version 1 of the symmetric signature (``standard-webhooks/spec``). Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def signed_headers(
    secret: bytes, message_id: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """Return the headers that tell a message's name and time, and prove both with its body.

    Args:
        secret: What both sides know.
        message_id: The same for each try.
        timestamp: Of this try, seconds since the epoch.
        body: As it is sent.
    """
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
