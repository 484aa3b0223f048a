"""Addresses as people write them, turned into what may stand in an HTTP request. Pure.

One function for addresses of images, checksum files, config drives and boot files, and for redirects: what stands in a URL
unencoded (spaces, letters beyond ASCII, names of hosts in any script) is encoded as browsers do; a URL that is valid stays as
it is, letter by letter, except for capitals in its scheme. So encoding twice is encoding once.

Sources: WHATWG, "URL" (basic URL parser, percent-encode sets, domain to ASCII); RFC 3986, section 2 and appendix B; UTS 46.
Differences from browsers: ``%`` without two hexadecimal digits becomes ``%25`` (strict servers answer 400 to it), ``|`` is
encoded too, and nothing that is valid is normalized (dots in paths, capitals in hosts, IPv4 addresses in odd notations).
"""

import re
from contextlib import suppress
from ipaddress import IPv6Address
from urllib.parse import unquote, unquote_to_bytes, urljoin

import idna

from agent.protocol.refusal import Refusal

WEB_SCHEMES = frozenset({"http", "https"})
MOST_REDIRECTS = 5
_PARTS = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?"
    r"(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)"
    r"(?P<query>\?[^#]*)?"
    r"(?P<fragment>#.*)?",
    re.DOTALL,
)
"""RFC 3986, appendix B; query and fragment with their marks, so that an empty one stays."""
_AROUND = "".join(map(chr, range(0x21)))
_IGNORED = str.maketrans("", "", "\t\n\r")
_BAD_PERCENT = "%(?![0-9A-Fa-f]{2})"
_UNRESERVED_AND_DELIMITERS = r"A-Za-z0-9._~\-!$&'()*+,;="
_NOT_IN_USER = re.compile(rf"{_BAD_PERCENT}|[^%:{_UNRESERVED_AND_DELIMITERS}]")
_NOT_IN_PATH = re.compile(rf"{_BAD_PERCENT}|[^%:@/?\[\]{_UNRESERVED_AND_DELIMITERS}]")
"""Also of query and fragment; brackets stay, as browsers leave them."""
_FORBIDDEN_IN_HOST = re.compile(r"[\x00-\x20#/<>?@\[\\\]^|%:\x7f]")
_QUERY = re.compile("[?#]")
_ZONE = re.compile("(?:25)?[A-Za-z0-9._~-]+")
_PORT = re.compile("[0-9]{0,5}")
_LARGEST_PORT = 65535
_MOST_CHARACTERS = 8192
"""Longest address that common web servers take in a request line."""


def encode_url(text: str) -> str:
    """Return an address as it can be sent: scheme in lower case, everything that is not allowed in a URL encoded.

    Args:
        text: As somebody wrote it; bytes that were no UTF-8 may be in it as lone surrogates (``surrogateescape``).

    Returns:
        A URL of ASCII letters without spaces. Text without a scheme is encoded as a reference relative to some URL.

    Raises:
        Refusal: It names a host or a port that nothing can have, or is longer than 8 KiB.
    """
    parts = _split(text)
    scheme = (parts["scheme"] or "").lower()
    if scheme in WEB_SCHEMES and not parts["authority"]:
        raise Refusal(f"the address names no host; write {scheme}://host/path")
    encoded = f"{scheme}:" if scheme else ""
    if parts["authority"] is not None:
        encoded += "//" + (_encode_authority(parts["authority"]) if parts["authority"] else "")
    encoded += "".join(
        _percent_encode(parts[name] or "", _NOT_IN_PATH) for name in ("path", "query")
    )
    if parts["fragment"]:
        encoded += "#" + _percent_encode(parts["fragment"][1:], _NOT_IN_PATH)
    if len(encoded) > _MOST_CHARACTERS:
        raise Refusal(f"the address has {len(encoded)} letters, more than {_MOST_CHARACTERS}")
    return encoded


def follow(url: str, location: str) -> str:
    """Return where a redirect leads, encoded.

    Args:
        url: What was asked for; absolute.
        location: The header's value; servers write UTF-8 or Latin-1 into it, and HTTP libraries read both as Latin-1.

    Raises:
        Refusal: It leads to no web address, or from https to http.
    """
    with suppress(UnicodeEncodeError):  # then somebody before us read it as UTF-8
        location = location.encode("latin-1").decode("utf-8", "surrogateescape")
    base = encode_url(url)
    if not scheme_of(location) and scheme_of(base) in WEB_SCHEMES:
        location = location.replace("\\", "/")
    target = encode_url(location)
    if not scheme_of(target):
        target = urljoin(base, target)
    if not location or scheme_of(target) not in WEB_SCHEMES:
        raise Refusal(f"redirected to {shown_url(target)}, which is no web address")
    if (scheme_of(base), scheme_of(target)) == ("https", "http"):
        raise Refusal(f"redirected from https to {shown_url(target)}; refused")
    return target


def shown_url(url: str) -> str:
    """Return ``url`` fit for messages: no user name, no password, no query values, no fragment."""
    parts = _split(url)
    scheme = f"{parts['scheme'].lower()}:" if parts["scheme"] else ""
    host = parts["authority"]
    place = "" if host is None else "//" + host.rpartition("@")[2]
    return (
        scheme + place + (parts["path"] or "") + ("?***" if (parts["query"] or "?") != "?" else "")
    )


def scheme_of(url: str) -> str:
    """Return the scheme in lower case; empty = the text has none."""
    return (_split(url)["scheme"] or "").lower()


def is_web_address(text: str) -> bool:
    """Say whether the text is meant as an http or https URL; :func:`encode_url` says whether it is a usable one."""
    parts = _split(text)
    return (parts["scheme"] or "").lower() in WEB_SCHEMES and parts["authority"] is not None


def file_name_of(url: str) -> str:
    """Return the last part of the path, decoded; empty = the path ends with a slash."""
    path = _split(url)["path"] or ""
    return unquote(path.rpartition("/")[2], errors="surrogateescape")


def _split(text: str) -> dict[str, str | None]:
    """Return the parts by name, where browsers see them; in web addresses a backslash is a slash up to the query."""
    text = text.strip(_AROUND).translate(_IGNORED)
    scheme, _, _ = text.partition(":")
    if scheme.lower() in WEB_SCHEMES:
        end = _QUERY.search(text)
        at = end.start() if end else len(text)
        text = text[:at].replace("\\", "/") + text[at:]
    found = _PARTS.fullmatch(text)
    return found.groupdict() if found else {}


def _encode_authority(authority: str) -> str:
    user, at, place = authority.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or port.endswith("]"):
        host, colon, port = place, "", ""
    if not _PORT.fullmatch(port) or int(port or "0") > _LARGEST_PORT:
        raise Refusal(f"its port is no number from 0 to {_LARGEST_PORT}")
    return _percent_encode(user, _NOT_IN_USER) + at + _encode_host(host) + colon + port


def _encode_host(host: str) -> str:
    if host.startswith("["):
        return _checked_brackets(host)
    name = unquote_to_bytes(host.encode(errors="surrogatepass")).decode(errors="replace")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except UnicodeError as error:
            raise Refusal(
                f"the host {name[:80]!r} is no name that a server can have: {error}"
            ) from error
    if not name or _FORBIDDEN_IN_HOST.search(name):
        raise Refusal(f"the host {name[:80]!r} is no name that a server can have")
    return name


def _checked_brackets(host: str) -> str:
    """Return an IPv6 address; its zone may be given with a bare ``%``, as people do (RFC 6874 wants ``%25``)."""
    address, percent, zone = host[1:-1].partition("%")
    if not host.endswith("]") or not _is_ipv6(address) or (percent and not _ZONE.fullmatch(zone)):
        raise Refusal(f"the host {host[:80]!r} is no IPv6 address in brackets")
    return host if not percent or zone.startswith("25") else f"[{address}%25{zone}]"


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _percent_encode(text: str, pattern: re.Pattern[str]) -> str:
    return pattern.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    try:
        octets = character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        octets = "\N{REPLACEMENT CHARACTER}".encode()
    return "".join(f"%{octet:02X}" for octet in octets)
