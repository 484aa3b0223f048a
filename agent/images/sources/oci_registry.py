"""Talks to a registry: its tokens, its manifests, and where a blob is.

Sources: OCI distribution specification 1.1; the token flow of Docker's registry ("Token Authentication Specification") on
top of RFC 6750 and RFC 7617. Credentials go to the registry and to the token service that it names, and to nobody else.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

import msgspec

from agent.errors import ImageDownloadError, ImageError
from agent.images.sources import http
from agent.images.sources.http import Access, HttpRefused, masked
from agent.images.sources.oci_manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Manifest,
    check_container,
    choose_container,
    choose_disk,
    choose_manifest,
    parse_manifest,
)
from agent.images.sources.reply import Reply
from agent.protocol.oci_reference import Reference, base_url

_UNAUTHORIZED = 401
_MAX_TOKEN_BYTES = 1 << 20
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    token: str = ""
    access_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundContainer:
    """A container image: the digest of what its name means, be it an index, and its layers as they travel, packed."""

    digest: str
    layers: tuple[Descriptor, ...]

    @property
    def packed_bytes(self) -> int:
        """Size of all layers together."""
        return sum(layer.size for layer in self.layers)


class Registry:
    """One name in one registry; a :class:`agent.images.sources.source.Door` that gets a new token when the old one expired."""

    def __init__(self, reference: Reference, access: Access, insecure: Collection[str]) -> None:
        """Remember how to get there; connects to nothing.

        Args:
            reference: The artifact.
            access: Proxies, certificates, and the credentials for the registry if it wants any.
            insecure: Registries (``host`` or ``host:port``) that may speak http.
        """
        self.reference = reference
        self._base = base_url(reference.host, insecure)
        self._insecure = insecure
        self._credentials = access.authorization
        self._access = replace(access, authorized_url=self._base, authorization=self._given_token())

    def blob_url(self, descriptor: Descriptor) -> str:
        """Return where a blob is."""
        return f"{self._base}/v2/{self.reference.name}/blobs/{descriptor.digest}"

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a GET; asks for a token, at most once, if the registry wants one.

        Raises:
            ImageDownloadError: The registry refuses.
            TryAgain: As :func:`agent.images.sources.http.get`.
        """
        try:
            return http.get(url, self._access, headers)
        except HttpRefused as error:
            is_own = error.url.startswith(f"{self._base}/")  # not a server it redirects to
            if error.answered != _UNAUTHORIZED or not error.challenges or not is_own:
                raise
            authorization = self._answer(error.challenges, error)
        self._access = replace(self._access, authorization=authorization)
        try:
            return http.get(url, self._access, headers)
        except HttpRefused as error:
            if error.answered == _UNAUTHORIZED and error.url.startswith(f"{self._base}/"):
                raise self._refuses() from error
            raise

    def find_disk(self, machine: str) -> Descriptor:
        """Return the disk image of the artifact, over an index if there is one; every digest that is known is checked.

        Args:
            machine: ``uname -m`` of this machine, to choose from an index.

        Raises:
            ImageError: The artifact is not one disk image.
            ImageDownloadError: The registry refuses.
            TryAgain: As :func:`agent.images.sources.http.get`.
        """
        where = str(self.reference)
        _, manifest = self._manifest(self.reference.wanted, self.reference.digest)
        if manifest.manifests:
            manifest = self._listed(choose_manifest(manifest.manifests, machine, where))
        return choose_disk(manifest.layers, where)

    def find_container(self, machine: str) -> FoundContainer:
        """Return the container image that has this name now; arguments and errors as :meth:`find_disk`."""
        where = str(self.reference)
        digest, manifest = self._manifest(self.reference.wanted, self.reference.digest)
        if manifest.manifests:
            manifest = self._listed(choose_container(manifest.manifests, machine, where))
        check_container(manifest.layers, where)
        return FoundContainer(digest=digest, layers=manifest.layers)

    def _listed(self, entry: Descriptor) -> Manifest:
        """Return the manifest that an index lists."""
        _, manifest = self._manifest(entry.digest, entry.digest)
        if manifest.manifests:
            raise ImageError(
                f"{self.reference}: an index inside an index; name the artifact by its digest"
            )
        return manifest

    def _manifest(self, wanted: str, digest: str | None) -> tuple[str, Manifest]:
        """Return a manifest, and its digest (``algorithm:hex``), which is checked where it is known."""
        url = f"{self._base}/v2/{self.reference.name}/manifests/{wanted}"
        with self.get(url, {"Accept": ", ".join(MANIFEST_TYPES + INDEX_TYPES)}) as reply:
            body = reply.read(MAX_MANIFEST_BYTES)
            digest = digest or reply.headers.get("Docker-Content-Digest")
        manifest = parse_manifest(body, digest, str(self.reference))
        return digest or f"sha256:{hashlib.sha256(body).hexdigest()}", manifest

    def _given_token(self) -> str | None:
        """Return credentials that are sent without being asked: a bearer token; a password waits for the question."""
        is_basic = (self._credentials or "").lower().startswith("basic ")
        return None if is_basic else self._credentials

    def _answer(self, challenges: tuple[str, ...], refused: HttpRefused) -> str:
        """Return the ``Authorization`` that answers the registry's question."""
        by_scheme = {text.strip().split(" ", 1)[0].lower(): text for text in challenges}
        if "bearer" in by_scheme and self._given_token() is None:
            return f"Bearer {self._token(dict(_PARAMETER.findall(by_scheme['bearer'])))}"
        basic = self._credentials if self._given_token() is None else None
        if "basic" in by_scheme and basic and self._access.authorization != basic:
            return basic
        raise self._refuses() from refused

    def _refuses(self) -> ImageDownloadError:
        """Return the error for a registry that has been asked as well as can be."""
        return ImageDownloadError(
            f"{self.reference}: the registry refuses"
            f" {'the credentials' if self._credentials else 'to give it without credentials'};"
            " set instance_info.image_pull_secret"
        )

    def _token(self, asked: Mapping[str, str]) -> str:
        """Get a token from the service that the registry names."""
        realm = asked.get("realm", "")
        self._check_realm(realm)
        query = {"service": asked["service"]} if "service" in asked else {}
        query["scope"] = f"repository:{self.reference.name}:pull"
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        service = replace(self._access, authorization=self._credentials, authorized_url=realm)
        with http.get(url, service) as reply:
            body = reply.read(_MAX_TOKEN_BYTES)
        try:
            given = msgspec.json.decode(body, type=_Token)
        except msgspec.DecodeError as error:
            raise ImageDownloadError(f"{masked(realm)}: gave no token: {error}") from error
        token = given.token or given.access_token
        if not token or not token.isascii() or not token.isprintable():
            raise ImageDownloadError(f"{masked(realm)}: gave no usable token for {self.reference}")
        return token

    def _check_realm(self, realm: str) -> None:
        """Refuse a token service that would see the password in clear text.

        Raises:
            ImageDownloadError: It is neither https nor a host that may speak http.
        """
        parts = urlsplit(realm)
        if parts.scheme == "https" or base_url(parts.netloc, self._insecure).startswith("http:"):
            return
        raise ImageDownloadError(
            f"{self.reference}: the registry wants a token from {masked(realm)!r}, which is not https; refused"
        )
