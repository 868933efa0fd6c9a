"""HTML of data: whatever the words are, they stay words."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from accelsim.markup import Markup, alone, html, table, tag


class Reader(HTMLParser):
    """Gathers tags and words."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.words += [value for _, value in attrs if value]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


printable = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1
)


@given(words=printable, name=printable)
def test_words_stay_words(words: str, name: str) -> None:
    found = read(tag("td", words, class_=name))
    assert found.tags == ["td"]
    assert "".join(found.words) == name + words


def test_markup_is_not_escaped_twice() -> None:
    inner = tag("b", "1 < 2")
    assert tag("p", inner, "&") == "<p><b>1 &lt; 2</b>&amp;</p>"
    assert html(Markup("<br>")) == "<br>"


def test_a_table_marks_numbers() -> None:
    made = table(("name", "s"), [("<a>", 1)], caption="times")
    assert made.count('class="number"') == 2
    assert "&lt;a&gt;" in made
    assert made.startswith("<table><caption>times</caption><thead>")
    assert "accelsim" in alone(made)
