"""A certificate as a page for printing: one sheet, no scripts, every foreign word escaped. Pure."""

from typing import Any

from jinja2 import Environment

_ENVIRONMENT = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PAGE = _ENVIRONMENT.from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Certificate of sanitization {{ c.id }}</title>
<style>
body { font: 10pt/1.35 sans-serif; margin: 2em auto; max-width: 50em; color: #000; background: #fff }
h1 { font-size: 16pt } h2 { font-size: 11pt; margin: 1em 0 .2em }
table { border-collapse: collapse; width: 100% } th, td { border: 1px solid #777; padding: .2em .5em; text-align: left; vertical-align: top }
th { width: 13em; font-weight: normal } td { overflow-wrap: anywhere } pre { white-space: pre-wrap; margin: 0; font-size: 8pt }
.verdict { border: 3px solid #000; padding: .4em; font-size: 14pt; font-weight: bold }
</style></head><body>
<h1>Certificate of sanitization</h1>
<p class="verdict">{{ verdict }}</p>
{% for title, rows in parts %}
<h2>{{ title }}</h2>
<table>
{% for name, value in rows %}
<tr><th>{{ name }}</th><td>{% if "\\n" in value %}<pre>{{ value }}</pre>{% else %}{{ value }}{% endif %}</td></tr>
{% endfor %}
</table>
{% endfor %}
<h2>Filled in by the organization</h2>
<table>
{% for name in blanks %}
<tr><th>{{ name }}</th><td>&nbsp;</td></tr>
{% endfor %}
</table>
<p>Items after NIST SP 800-88. The signature is of the JSON form; <code>ingot node certificate NODE --verify FILE</code> checks it.</p>
</body></html>
""")
_VERDICTS = {
    "sanitized": "Sanitized",
    "failed": "FAILED: this medium is NOT certified as sanitized",
    "metadata only": "Metadata only: the medium is NOT sanitized, its content can still be read",
}
_PARTS = {
    "media": "Medium",
    "sanitization": "Sanitization",
    "verification": "Verification",
    "node": "Machine",
    "controller": "Issued by",
}
_BLANKS = (
    "Property number of the medium",
    "Source of the medium",
    "Confidentiality before and after",
    "Destination",
    "Sanitized by: name, position, contact",
    "Place and date, signature",
    "Verified by: name, position, contact",
    "Place and date, signature",
)


def page(signed: dict[str, Any]) -> str:
    """Return the page of a certificate as the API shows it (``certificate`` and ``signature``)."""
    certificate, signature = signed["certificate"], signed["signature"]
    head = [("Certificate", certificate["id"]), ("Issued at", str(certificate["issued_at"]))]
    parts = [("Certificate", [*head, ("Step", str(certificate.get("step")))])]
    parts += [(title, _rows(certificate.get(key) or {})) for key, title in _PARTS.items()]
    parts.append(("Signature", _rows(signature)))
    verdict = _VERDICTS.get(certificate["verdict"], _VERDICTS["failed"])
    return _PAGE.render(c=certificate, verdict=verdict, parts=parts, blanks=_BLANKS)


def _rows(document: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in document.items():
        name = f"{before}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _rows(value, f"{name}: ")
        elif isinstance(value, list):
            rows.append((name, ", ".join(map(str, value)) or "none"))
        elif value is not None:
            rows.append((name, str(value)))
    return rows
