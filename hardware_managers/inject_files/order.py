"""What ``inject_files`` is asked to do: the items of ``properties.inject_files`` and of the step's argument. Pure.

Source of the keys: Ironic's agent, deploy step ``inject_files``. ``checksum`` and octal text for modes are ours.
"""

import base64
import binascii
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from agent.errors import InvalidRequest

_Id = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 2)]
_FIELD = re.compile(r"(?P<start>node|ports)(?P<keys>(?:\[[^\[\]{}]+\])*)")
_KEY = re.compile(r"\[([^\[\]]+)\]")
_MOST_MODE = 0o7777
_LONGEST_URL = 4096


class _Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    partition: Annotated[int, msgspec.Meta(ge=1)] | str | None = None
    content: str | None = None
    checksum: str | None = None
    deleted: bool = False
    mode: int | str | None = None
    dirmode: int | str | None = None
    owner: _Id | None = None
    group: _Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFile:
    """One file. ``None`` = as it is, or as the system makes it; ``partition`` = ``None``: the one with the path's first folder."""

    path: str
    partition: int | str | None = None
    content: bytes | None = None
    """What the file holds; ``None`` = it is at ``url``, or the file is deleted."""
    url: str | None = None
    checksum: str | None = None
    """Of what is at ``url``: ``<algorithm>:<digest>`` or the digest."""
    mode: int | None = None
    dirmode: int | None = None
    """Mode of the folders that have to be made."""
    owner: int | None = None
    group: int | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether the file shall not be there."""
        return self.content is None and self.url is None

    @property
    def first_folder(self) -> str | None:
        """The folder by which a partition is known as the right one; ``None`` = the path has none."""
        names = [name for name in self.path.split("/") if name]
        return names[0] if len(names) > 1 else None


def read_order(
    node: Mapping[str, Any], ports: Sequence[Mapping[str, Any]], args: Mapping[str, Any]
) -> tuple[InjectedFile, ...]:
    """Return the files of ``properties.inject_files``, then those of ``args.files``.

    Raises:
        InvalidRequest: An item is malformed; the message names it and the field.
    """
    properties = node.get("properties") or {}
    sources = (
        ("properties.inject_files", properties.get("inject_files")),
        ("files", args.get("files")),
    )
    return tuple(
        _read(item, f"inject_files: {name}[{number}]", node, ports)
        for name, items in sources
        for number, item in enumerate(_listed(items, name))
    )


def expand(template: str, node: Mapping[str, Any], ports: Sequence[Mapping[str, Any]]) -> str:
    """Fill ``{node[uuid]}``, ``{ports[0][address]}`` and the like into a URL.

    Only items are looked up: no attributes, no conversions, no format specifications, which would reach into the program.

    Raises:
        ValueError: A field is of another form, is not there, or is no plain value.
    """
    text = ""
    for literal, field, spec, conversion in string.Formatter().parse(template):
        text += literal
        if field is None:
            continue
        if spec or conversion:
            raise ValueError(f"{{{field}}} has a format specification or a conversion")
        text += _value_of(field, {"node": node, "ports": ports})
    if len(text) > _LONGEST_URL:
        raise ValueError(f"it has {len(text)} letters, more than {_LONGEST_URL}")
    return text


def _value_of(field: str, documents: Mapping[str, Any]) -> str:
    match = _FIELD.fullmatch(field)
    if match is None:
        raise ValueError(f"{{{field}}} is not of the form {{node[key]}} or {{ports[0][key]}}")
    value = documents[match["start"]]
    for key in _KEY.findall(match["keys"]):
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        try:
            value = value[int(key)] if is_list else dict(value)[key]
        except (LookupError, TypeError, ValueError):
            raise ValueError(f"{{{field}}}: there is no {key}") from None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{{{field}}} is neither text nor a number")  # noqa: TRY004  # the template is at fault
    return str(value)


def _listed(items: object, name: str) -> Sequence[object]:
    if items is None:
        return ()
    if not isinstance(items, list | tuple):
        raise InvalidRequest(f"inject_files: {name} is no list")
    return items


def _read(
    written: object, where: str, node: Mapping[str, Any], ports: Sequence[Mapping[str, Any]]
) -> InjectedFile:
    try:
        item = msgspec.convert(written, _Item)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{where}: {error}") from error
    if not any(name not in {"", ".", ".."} for name in item.path.split("/")) or "\0" in item.path:
        raise InvalidRequest(f"{where}: path {item.path!r} names no file")
    if item.deleted == (item.content is not None):
        raise InvalidRequest(f"{where}: give either content or deleted, of {item.path}")
    content, url = None, None
    try:
        if item.content is not None and "://" in item.content:
            url = expand(item.content, node, ports)
        elif item.content is not None:
            content = base64.b64decode("".join(item.content.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest(f"{where}: content of {item.path}: {error}") from error
    return InjectedFile(
        path=item.path,
        partition=item.partition,
        content=content,
        url=url,
        checksum=item.checksum,
        mode=_mode(item.mode, f"{where}: mode"),
        dirmode=_mode(item.dirmode, f"{where}: dirmode"),
        owner=item.owner,
        group=item.group,
    )


def _mode(written: int | str | None, where: str) -> int | None:
    """Return a mode; a number is what JSON makes of it (420 is rw-r--r--), text is octal (``"0644"``)."""
    try:
        mode = int(written, 8) if isinstance(written, str) else written
    except ValueError:
        raise InvalidRequest(f"{where} is {written!r}; give a number or octal text") from None
    if mode is not None and not 0 <= mode <= _MOST_MODE:
        raise InvalidRequest(f"{where} is {written!r}, beyond 0o7777")
    return mode
