import pytest

from controller.api.accept import check_accepted
from controller.errors import NotAcceptable


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        ";;;,",
        "*/*",
        "application/*",
        "application/json;charset=utf-8",
        "text/html, application/json;q=0.1",
        "text/html;q=0.9, */*; q=0.1",
    ],
)
def test_json_is_taken(header: str | None) -> None:
    check_accepted(header, "application/json")


@pytest.mark.parametrize(
    "header", ["text/html", "text/*, image/png", "application/json;q=0", "application/xml"]
)
def test_json_is_not_taken_and_the_words_say_what_is_answered(header: str) -> None:
    with pytest.raises(NotAcceptable, match="The answer is application/json"):
        check_accepted(header, "application/json")


def test_a_long_header_is_not_quoted_whole() -> None:
    with pytest.raises(NotAcceptable) as refused:
        check_accepted("text/html" * 5000, "application/json")
    assert len(str(refused.value)) < 300
