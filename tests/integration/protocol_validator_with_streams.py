"""DMTF's protocol validator with its tests of event streams: 1.3.2 has them, and does not run them ("temporarily turned off").

Run by the peer's Python, with the validator's own arguments.
"""

import sys
from collections.abc import Iterator
from typing import Any

from redfish_protocol_validator import resources, utils  # type: ignore[import-not-found]
from redfish_protocol_validator.console_scripts import main  # type: ignore[import-not-found]
from redfish_protocol_validator.constants import RequestType  # type: ignore[import-not-found]

_PLAIN = resources.get_default_resources


def _with_stream(sut: Any, *arguments: Any, **named: Any) -> Iterator[dict[str, Any]]:
    """Give what the validator reads, and the stream that the event service names, opened."""
    for read in _PLAIN(sut, *arguments, **named):
        yield read
        if not read["uri"].rstrip("/").endswith("/EventService"):
            continue
        document = read["response"].json()
        sut.set_nav_prop_uri("Subscriptions", document["Subscriptions"]["@odata.id"])
        address = document["ServerSentEventUri"]
        sut.set_server_sent_event_uri(address)
        stream, subscription = utils.get_sse_stream(sut)
        sut.set_event_dest_uri(subscription)
        yield {"uri": address, "response": stream, "request_type": RequestType.STREAMING}


if __name__ == "__main__":
    resources.get_default_resources = _with_stream
    uri, uris, _ = resources.read_target_resources.__defaults__
    resources.read_target_resources.__defaults__ = (uri, uris, _with_stream)
    sys.exit(main())
