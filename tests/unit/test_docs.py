import runpy
from pathlib import Path

from controller.settings import setting_types

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_pages_say_what_the_code_says() -> None:
    """A page that is stale promises something else; ``python3 docs/generate.py`` writes it anew."""
    pages = runpy.run_path(str(ROOT / "docs/generate.py"))["pages"]()
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is stale"


def test_every_setting_of_the_controller_is_on_its_page() -> None:
    page = (
        Path(__file__).resolve().parents[2] / "docs/reference/controller-settings.md"
    ).read_text()
    assert [name for name in setting_types() if f"| `{name}` |" not in page] == []
