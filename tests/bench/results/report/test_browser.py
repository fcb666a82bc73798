"""The page in a real browser, where there is one."""

from __future__ import annotations

import pytest
from browser import CHROMIUM, browser
from synthetic_records import done, of_paper, of_run, skipped

from bench.results.records import Cell
from bench.results.report.page import page
from bench.results.report.pictures import Gallery

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
TITLES = "[...document.querySelectorAll('#table-1 tbody tr')].map(row => row.cells[0].dataset.value)"
HEAD = "document.querySelectorAll('#table-1 thead th')"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    cells = {name: Cell(name, "paper", "a-first-one", "clean") for name in ("spade", "vspade", "groupdnet", "inade")}
    first = [skipped(cells["spade"], "fid", "no network", "fid")]
    first += [done(cells[name], fid=value) for name, value in (("vspade", 10.0), ("groupdnet", -1.0), ("inade", 9.0))]
    records = [*first, *of_paper(), *of_run()]
    path.write_text(page(records, "<script>document.title = 'owned'</script>", Gallery()), encoding="utf-8")
    with browser() as found:
        found.look()
        found.open(path)
        yield found


def test_it_loads_without_an_error_or_a_request(opened):
    assert opened.errors == []
    assert [address for address in opened.requests if not address.startswith(("file:", "data:"))] == []
    assert opened.run("document.title") == "<script>document.title = 'owned'</script>"


def press(opened, column):
    """Sort by a column; gives the rows from top to bottom, and the direction that readers hear."""
    opened.run(f"{HEAD}[{column}].querySelector('button').click()")
    return opened.run(TITLES), opened.run(f"{HEAD}[{column}].getAttribute('aria-sort')")


def test_a_head_sorts_the_best_first_then_the_other_way_round_and_blanks_stay_last(opened):
    assert opened.run(TITLES) == ["SPADE", "VSPADE", "GroupDNet", "INADE"]
    assert press(opened, 1) == (["GroupDNet", "INADE", "VSPADE", "SPADE"], "ascending")
    assert press(opened, 1) == (["VSPADE", "INADE", "GroupDNet", "SPADE"], "descending")
    assert press(opened, 0) == (["GroupDNet", "INADE", "SPADE", "VSPADE"], "ascending")
    assert opened.run("document.querySelectorAll('#table-1 [aria-sort]').length") == 1


def test_the_button_changes_the_colours(opened):
    colour = "getComputedStyle(document.body).backgroundColor"
    opened.look(dark=True)
    dark = opened.run(colour)
    opened.look(dark=False)
    light = opened.run(colour)
    assert light != dark
    for expected in (light, dark, light):  # light, dark, as the system
        opened.run("document.getElementById('theme').click()")
        assert opened.run(colour) == expected
    assert opened.run("document.documentElement.dataset.theme") is None


@pytest.mark.parametrize("width", [390, 1280])
def test_only_tables_scroll_sideways(opened, width):
    opened.look(width=width)
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")


def test_it_prints(opened):
    opened.look(media="print")
    assert len(opened.ask("Page.printToPDF")["data"]) > 10_000
    assert opened.errors == []
