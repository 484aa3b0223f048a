"""Gets a config drive: as text or from an http(s) URL, unpacked and checked for being a filesystem."""

from agent.errors import ConfigDriveError
from agent.images.sources.http import Access, get, masked
from agent.images.sources.reply import TryAgain
from agent.images.sources.source import RetryPolicy
from agent.protocol.config_drive import MAX_TEXT_BYTES, decode
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import is_web_address


def fetch(configdrive: str, access: Access, retry: RetryPolicy) -> bytes:
    """Return the filesystem of a config drive given as text or as an http(s) URL.

    Raises:
        ConfigDriveError: It is none, see :func:`agent.protocol.config_drive.decode`.
        ImageDownloadError: The server refuses.
    """
    text: str | bytes = configdrive
    if is_web_address(configdrive):
        text = _download(configdrive, access, retry)
    try:
        return decode(text)
    except Refusal as error:
        raise ConfigDriveError(str(error)) from error


def _download(url: str, access: Access, retry: RetryPolicy) -> bytes:
    failures = 0
    while True:
        try:
            with get(url, access) as reply:
                return reply.read(MAX_TEXT_BYTES)
        except TryAgain as reason:
            failures += 1
            if failures >= retry.tries:
                raise ConfigDriveError(
                    f"config drive {masked(url)}: gave up after {failures} tries: {reason}"
                ) from reason
            retry.sleep(retry.pause_s(failures))
