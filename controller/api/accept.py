"""What a request is willing to be answered with (``Accept``; RFC 9110, section 12.5.1), as Ironic reads it; pure."""

import re

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from controller.errors import NotAcceptable

JSON = "application/json"
_TYPE = re.compile(r"[\w!#$&^.+*-]+/[\w!#$&^.+*-]+")
_PARAMETER = re.compile(r";\s*(?!q\s*=)[^,;]*", re.IGNORECASE)
"""Of a media type, such as its charset: no answer differs by one."""
_SHOWN_CHARS = 100


def check_accepted(header: str | None, media: str) -> None:
    """Refuse a request that does not take what is answered; a header that names no media type at all counts as none.

    Raises:
        NotAcceptable: Says what is answered, before anything is done.
    """
    if not header or not _TYPE.search(header):
        return
    if parse_accept_header(_PARAMETER.sub("", header), MIMEAccept).quality(media) <= 0:
        raise NotAcceptable(
            f"The answer is {media}, which the header Accept does not take ({header[:_SHOWN_CHARS]!r}); "
            f"send Accept: {media}, or no such header"
        )
