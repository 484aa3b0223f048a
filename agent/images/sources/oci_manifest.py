"""Finds the one disk image in an artifact's manifest. Pure; trusts no field of it.

Sources: OCI image specification 1.1 (manifest, index, descriptor); Docker's image manifest, version 2, schema 2.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agent.errors import ImageError

MAX_MANIFEST_BYTES = 4 << 20
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_TITLE = "org.opencontainers.image.title"
_ENDINGS = (".raw", ".img", ".qcow2")
_PACKED = ("", ".gz", ".xz", ".zst", ".bz2")
_DISK_TITLES = tuple(ending + packed for ending in _ENDINGS for packed in _PACKED)
_DISK_WORDS = ("qcow2", "qemu", "raw", "disk")
_CONTAINER_WORDS = ("image.layer.", "image.rootfs.")
_WRITABLE_DISKS = ("raw", "qcow2", "qemu")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
_DIGEST_DIGITS = {"sha256": 64, "sha512": 128}


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry of an index is for."""

    architecture: str = ""
    os: str = ""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A blob or a manifest: its type, digest (``algorithm:hex``) and size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None
    platform: Platform | None = None

    @property
    def title(self) -> str:
        """File name; empty = none was given."""
        return (self.annotations or {}).get(_TITLE, "")

    def __str__(self) -> str:
        named = f"{self.title!r} " if self.title else ""
        platform = f" for {self.platform.os}/{self.platform.architecture}" if self.platform else ""
        return f"{named}{self.media_type}{platform} ({self.size} bytes, {self.digest[:19]})"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A manifest or an index; one of the two tuples is empty."""

    schema_version: int
    media_type: str = ""
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest that can be checked."""

    algorithm: str
    hexadecimal: str


def parse_digest(text: str, where: str) -> Digest:
    """Return ``algorithm:hex`` as a value.

    Raises:
        ImageError: It is no sha256 or sha512.
    """
    algorithm, _, digits = text.partition(":")
    is_hex = not set(digits) - set("0123456789abcdef")
    if len(digits) != _DIGEST_DIGITS.get(algorithm) or not is_hex:
        raise ImageError(f"{where}: {text[:140]!r} is no sha256 or sha512 digest")
    return Digest(algorithm=algorithm, hexadecimal=digits)


def parse_manifest(body: bytes, digest: str | None, where: str) -> Manifest:
    """Check the digest of a manifest and decode it.

    Args:
        body: The manifest as the registry sent it.
        digest: What it must have; ``None`` = not known.
        where: Names it in messages.

    Raises:
        ImageError: It has another digest or is malformed.
    """
    if digest is not None:
        wanted = parse_digest(digest, where)
        found = hashlib.new(wanted.algorithm, body).hexdigest()
        if found != wanted.hexadecimal:
            raise ImageError(
                f"{where}: the manifest's {wanted.algorithm} is {found}, expected was"
                f" {wanted.hexadecimal}; the registry or something on the way is faulty"
            )
    try:
        manifest = msgspec.json.decode(body, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ImageError(f"{where}: malformed manifest: {error}") from error
    if manifest.schema_version != 2:  # noqa: PLR2004  # the only one of OCI and of Docker's registry API 2
        raise ImageError(
            f"{where}: manifest of schema version {manifest.schema_version}; publish it as an OCI artifact"
        )
    return manifest


def choose_manifest(entries: Sequence[Descriptor], machine: str, where: str) -> Descriptor:
    """Return the entry of an index that is for this machine.

    The rule: entries for another processor are left out (an entry without a platform is for any), then those whose
    annotation ``disktype`` names a kind of disk that cannot be written; exactly one must remain.

    Args:
        entries: The index.
        machine: ``uname -m`` of this machine.
        where: Names the index in messages.

    Raises:
        ImageError: None or several remain.
    """
    architecture = _ARCHITECTURES.get(machine, machine)
    fitting = [
        entry
        for entry in entries
        if entry.media_type in MANIFEST_TYPES
        and (entry.platform is None or entry.platform.architecture in ("", architecture))
        and (entry.annotations or {}).get("disktype", "raw").split(".")[0] in _WRITABLE_DISKS
    ]
    if len(fitting) != 1:
        raise ImageError(
            f"{where}: an index with {len(fitting)} artifacts for {architecture}, one is wanted; name one by"
            f" its digest; it lists {_list(entries)}"
        )
    return fitting[0]


def choose_container(entries: Sequence[Descriptor], machine: str, where: str) -> Descriptor:
    """Return the entry of an index that is the container image for this machine; disks that lie beside it say ``disktype``.

    Raises:
        ImageError: None or several remain.
    """
    containers = [entry for entry in entries if "disktype" not in (entry.annotations or {})]
    return choose_manifest(containers, machine, where)


def check_container(layers: Sequence[Descriptor], where: str) -> None:
    """Check that an artifact is a container image.

    Raises:
        ImageError: It is not; the message lists what it has.
    """
    is_disk = any(map(_is_titled_disk, layers))  # common tools give files the type of a layer
    if not layers or is_disk or not all(map(_is_container_layer, layers)):
        raise ImageError(
            f"{where}: no container image; it has {_list(layers)}; an artifact with a disk is deployed with the deploy"
            " interface direct"
        )
    for layer in layers:
        parse_digest(layer.digest, where)


def choose_disk(layers: Sequence[Descriptor], where: str) -> Descriptor:
    """Return the one blob that is a disk: by its title or media type, else the only one there is.

    Raises:
        ImageError: There is none or more than one, or it is the layer of a container image; the message lists them.
    """
    disks = [layer for layer in layers if _is_titled_disk(layer)]
    disks = disks or [layer for layer in layers if _is_disk_type(layer)]
    if not disks and len(layers) == 1 and not _is_container_layer(layers[0]):
        disks = [layers[0]]
    if len(disks) != 1:
        count = "no disk image" if not disks else f"{len(disks)} disk images"
        raise ImageError(
            f"{where}: {count} in this artifact, exactly one blob must be a raw or qcow2 disk; it has"
            f" {_list(layers)}"
        )
    parse_digest(disks[0].digest, where)
    return disks[0]


def _is_titled_disk(layer: Descriptor) -> bool:
    return layer.title.lower().endswith(_DISK_TITLES)


def _is_container_layer(layer: Descriptor) -> bool:
    return any(word in layer.media_type for word in _CONTAINER_WORDS)


def _is_disk_type(layer: Descriptor) -> bool:
    is_disk = any(word in layer.media_type for word in _DISK_WORDS)
    return is_disk and not _is_container_layer(layer)


def _list(entries: Sequence[Descriptor]) -> str:
    return "; ".join(map(str, entries[:8])) or "nothing"
