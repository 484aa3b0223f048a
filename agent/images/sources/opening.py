"""Opens an image at one of its addresses, whatever kind they are."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from agent.errors import ImageDownloadError, ImageError
from agent.images.sources.file_source import FileSource
from agent.images.sources.http import Access
from agent.images.sources.mirrors import Mirrors
from agent.images.sources.oci_manifest import Descriptor, parse_digest
from agent.images.sources.oci_registry import Registry
from agent.images.sources.reply import TryAgain
from agent.images.sources.source import HttpSource, RetryPolicy
from agent.images.sources.stream import ImageSource
from agent.protocol.checksum import Checksum
from agent.protocol.image import ImageInfo
from agent.protocol.image_rules import FILE, is_artifact
from agent.protocol.oci_reference import parse_reference
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import scheme_of

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """Where images may come from: folders for ``file:`` URLs, registries (``host`` or ``host:port``) that may speak http."""

    folders: tuple[Path, ...] = ()
    insecure_registries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Opens addresses for one image."""

    access: Access
    retry: RetryPolicy
    rules: SourceRules
    notify: Callable[[str], None]
    published: list[Checksum]
    """Digests that registries gave, in the order in which they were opened."""
    is_verified: bool = True
    """Whether a checksum will tell a mixture of two files from one."""

    def open(self, url: str) -> ImageSource:
        """Connect to one address.

        Raises:
            ImageDownloadError: It cannot be used.
        """
        scheme = scheme_of(url)
        if scheme == FILE:
            return FileSource(url, self.rules.folders)
        if is_artifact(url):
            return self._open_artifact(url)
        access = replace(self.access, authorized_url=url)
        return HttpSource(url, access, self.retry, self.notify, is_verified=self.is_verified)

    def _open_artifact(self, url: str) -> ImageSource:
        try:
            reference = parse_reference(url)
        except Refusal as error:
            raise ImageDownloadError(str(error)) from error
        registry = Registry(reference, self.access, self.rules.insecure_registries)
        try:
            blob = self._find(registry)
        except ImageError as error:
            raise ImageDownloadError(str(error)) from error
        digest = parse_digest(blob.digest, str(reference))
        source = HttpSource(registry.blob_url(blob), registry, self.retry, self.notify)
        if source.size_bytes not in (None, blob.size):
            source.disconnect()
            raise ImageDownloadError(
                f"{reference}: the manifest says {blob.size} bytes, the registry offers {source.size_bytes};"
                " push the artifact again"
            )
        self.published.append(Checksum(algorithm=digest.algorithm, digest=digest.hexadecimal))
        return source

    def _find(self, registry: Registry) -> Descriptor:
        """Ask for the manifest, as often as the policy allows."""
        return patiently(
            lambda: registry.find_disk(os.uname().machine),
            str(registry.reference),
            self.retry,
            self.notify,
        )


def patiently(
    ask: Callable[[], _Answer], where: str, retry: RetryPolicy, notify: Callable[[str], None]
) -> _Answer:
    """Return the answer of a server, asked again as long as the policy allows while it raises ``TryAgain``.

    Raises:
        ImageDownloadError: It gave none.
    """
    for failures in range(1, retry.tries + 1):
        try:
            return ask()
        except TryAgain as reason:
            if failures == retry.tries:
                raise ImageDownloadError(
                    f"{where}: gave up after {failures} tries; the last: {reason}"
                ) from reason
            notify(f"{where}: {reason}; trying again")
            retry.sleep(retry.pause_s(failures))
    raise ImageDownloadError(f"{where}: no try is allowed")


def open_image(image: ImageInfo, opener: Opener, clean_up: ExitStack) -> Mirrors:
    """Connect to the first address of ``image`` that answers; the others wait for its failure.

    Raises:
        ImageDownloadError: None can be used; the message has the reason of each.
    """
    source = Mirrors(image.urls, opener.open, opener.notify)
    clean_up.callback(source.disconnect)
    return source
