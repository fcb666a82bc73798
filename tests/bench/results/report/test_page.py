from __future__ import annotations

import base64
import hashlib
import random
import re
from dataclasses import replace

import pytest
from pages import Page
from synthetic_records import CELL, PROVENANCE, done, later, of_paper, of_run, skipped

from bench.common.places import COSTS
from bench.results.records import Cell
from bench.results.report.page import page
from bench.results.report.pictures import Gallery
from bench.results.store import RecordStore

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def shown(records, title="A report", gallery=None):
    return page(records, title, gallery or Gallery())


def rows(text):
    """The tables' rows: title -> the markup of its cells."""
    found = re.findall(r'<tr>\n<th scope="row" data-value="([^"]*)">.*?</th>\n(.*?)</tr>', text, re.DOTALL)
    return {title: re.findall(r"<td data-value=.*?</td>", cells, re.DOTALL) for title, cells in found}


@pytest.mark.parametrize("records", [of_run(), of_paper(), [*of_run(), *of_paper()]], ids=["run", "paper", "both"])
def test_the_page_is_well_formed_and_its_links_lead_somewhere(records):
    found = Page(shown(records))
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in found.all("a")} <= set(ids)
    named = {name for svg in found.all("svg") for name in svg["aria-labelledby"].split()}
    assert named <= set(ids)


def test_nothing_is_loaded_from_anywhere():
    found = Page(shown([*of_run(), *of_paper()]))
    for _, attributes in found.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes
    style = "".join(data for tag, data in found.words if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_this_script_and_this_style_alone():
    found = Page(shown(of_run()))
    policy = next(each["content"] for each in found.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag in ("script", "style"):
        text = "".join(data for name, data in found.words if name == tag)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not any("style" in attributes for _, attributes in found.elements)  # the policy would block it


def test_no_text_of_a_record_becomes_markup():
    cell = Cell(EVIL, "tiny", EVIL, EVIL)
    records = [
        replace(done(cell, EVIL, fid_pd=1.0, lpips_pd=2.0, **{EVIL: 3.0}), key="a", note=EVIL, doubts=(EVIL,)),
        replace(done(replace(cell, method="b"), fid_pd=1.0, lpips_pd=3.0), key="b", networks={EVIL: EVIL}),
        replace(skipped(replace(cell, method="c"), EVIL, EVIL, "fid_pd"), key="c"),
    ]
    records = [
        replace(each, provenance=replace(PROVENANCE, platform=EVIL, device=EVIL), weights=EVIL) for each in records
    ]
    clean = Page(shown(of_run()))
    found = Page(shown(records, EVIL))
    assert len(found.all("script")) == len(clean.all("script")) == 1
    assert found.all("img") == []
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    assert found.text("script", "style").count(EVIL) > 10


def test_every_record_is_named_superseded_ones_as_well():
    records = [*of_run(), *of_paper(), later(of_run()[0], "2026-02-01T00:00:00+00:00")]
    text = Page(shown(records)).text()
    assert [record.key for record in records if record.key not in text] == []


def test_equal_records_give_equal_bytes_in_any_order():
    records = [*of_run(), *of_paper()]
    mixed = random.Random(0).sample(records, len(records))
    assert shown(mixed) == shown(records)


def test_every_head_of_a_table_is_a_button_and_every_place_has_its_value():
    text = shown(of_run())
    table = re.search(r'<table class="sortable">.*?</table>', text, re.DOTALL)[0]
    heads = re.findall(r'<th scope="col" data-better="(.*?)"><button type="button">', table)
    assert heads == ["text", "lower", "higher", "lower"]
    assert [re.findall('data-value="(.*?)"', "".join(cells)) for cells in rows(text).values()] == [
        ["2.0", "", ""],
        ["1.25", "0.25", "0.125"],
        ["0.5", "0.5", "0.0"],
    ]


def test_the_truth_is_set_apart_and_never_the_best():
    text = shown(of_run())
    first, references = re.findall(r"<tbody.*?</tbody>", text, re.DOTALL)[:2]
    assert "Truth (tiny)" not in first
    assert references.startswith('<tbody class="references">')
    assert "<strong>" not in references
    found = rows(text)
    assert "<strong>1.250</strong>" in found["INADE (tiny)"][0]
    assert "<u>2.000</u>" in found["SPADE (tiny)"][0]


def test_spread_interval_doubt_and_the_reason_of_a_blank_are_shown():
    record = replace(done(fid=[9.0, 10.0]), intervals={"fid": (8.5, 11.25)}, doubts=("by an unknown network",))
    text = shown([record, skipped(replace(CELL, method="spade"), "fid", "no Inception weights", "fid")])
    cells = rows(text)
    assert "± 0.71" in cells["INADE"][0]
    assert "8.50 to 11.25" in cells["INADE"][0]
    assert re.search(r'<td data-value=""><span class="why"><sup><a href="#table-1-a">a</a>', cells["SPADE"][0])
    assert '<li id="table-1-a"><sup>a</sup> skipped: no Inception weights</li>' in text
    assert '<li id="table-1-b"><sup>b</sup> by an unknown network</li>' in text


def test_untrained_limited_and_failed_cells_are_in_the_summary():
    summary = re.search(r'<section id="summary">.*?</section>', shown(of_run()), re.DOTALL)[0]
    assert "untrained weights: the numbers say nothing about the method" in summary
    assert "paperdolls2[:50]: a limited run, not comparable with full ones" in summary
    assert "misd-pd skipped: one image per layout" in summary


def test_protocols_are_explained_and_linked_with_their_tables():
    text = shown([done(fid=1.0), done(replace(CELL, protocol="mine"), fid=2.0)])
    assert "choices of inade2021" in text
    assert "Not a protocol of this installation: Unknown protocol &#39;mine&#39;." in text
    assert text.count('href="#protocol-2"') == 1


def test_the_records_of_the_suite_make_a_small_page():
    assert len(shown(list(RecordStore(COSTS))).encode()) < 2_000_000
