"""`bench claims`: a sentence holds when all of its comparisons do, and nothing unmeasured decides one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from small_runs import bench
from synthetic_records import done

from bench.common.errors import UserError
from bench.common.places import PUBLISHED
from bench.results.records import Cell
from bench.results.store import RecordStore
from bench.results.tables.claims import Claim, judge_measured, judge_miniature, judge_published, read_claims
from bench.results.tables.published import published_table

BETTER = Claim(
    id="inade-better",
    sentence="INADE has a better FID than SPADE.",
    source="made up",
    table="inade-2",
    method="inade",
    over=("spade",),
    metrics=("fid",),
    datasets=("deepfashion",),
    miniature=True,
)


def paper(method, **values):
    return done(Cell(method, "paper", "deepfashion", "inade2021"), "fid", **values)


def tiny(method, dataset="paperdolls", **values):
    return done(Cell(method, "tiny", dataset, "inade2021"), "fid-pd", weights=f"{method} {values}", **values)


def test_there_are_many_claims_of_all_papers_and_the_papers_support_them():
    claims = read_claims()
    assert len(claims) >= 25
    assert {claim.table.split("-")[0] for claim in claims.values()} == {"inade", "groupdnet", "spade", "scgan"}
    outcomes = {name: judge_published(claim).outcome for name, claim in claims.items()}
    assert {name for name, outcome in outcomes.items() if outcome != "holds"} == set()


def test_a_wrong_digit_of_a_published_table_is_noticed(tmp_path, monkeypatch):
    """The check of our copy: were INADE's mOID printed as 0.0387, the sentence about it would fail."""
    text = (PUBLISHED / "inade-1.toml").read_text()
    assert "*0.0187*" in text
    (tmp_path / "inade-1.toml").write_text(text.replace("*0.0187*", "*0.0387*"))
    claim = read_claims()["inade-best-instance-control"]
    monkeypatch.setattr("bench.results.tables.claims.published_table", lambda name: published_table(name, tmp_path))
    assert judge_published(replace(claim)).outcome == "fails"


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        ([10.0, 10.2], [11.0, 11.2], "holds"),
        ([11.0, 11.2], [10.0, 10.2], "fails"),
        ([10.0, 11.0], [10.4, 11.2], "cannot say"),
    ],
)
def test_a_difference_counts_when_it_is_larger_than_two_spreads(ours, theirs, outcome):
    records = [paper("inade", fid=ours), paper("spade", fid=theirs)]
    assert judge_measured(BETTER, records).outcome == outcome


def test_what_nobody_measured_leaves_a_sentence_open_and_is_named():
    judged = judge_measured(BETTER, [paper("inade", fid=1.0)])
    assert judged.outcome == "cannot say"
    assert judged.comparisons[0].words == "no number of spade, fid on deepfashion"


def test_untrained_networks_say_nothing():
    records = [
        paper("inade", fid=1.0),
        done(Cell("spade", "paper", "deepfashion", "inade2021"), "fid", "untrained", fid=2),
    ]
    assert judge_measured(BETTER, records).outcome == "cannot say"


def test_in_miniature_the_built_in_data_play_the_papers():
    records = [tiny("inade", fid_pd=0.2), tiny("spade", fid_pd=0.4)]
    assert judge_miniature(BETTER, records, ["paperdolls"]).outcome == "holds"
    assert judge_miniature(BETTER, records, ["paperdolls2"]).outcome == "cannot say"


def test_the_command_shows_every_comparison_of_a_named_claim():
    shown = bench("claims", "inade-fewer-flops-than-groupdnet")
    assert shown.exit_code == 0, shown.output
    assert "inade 42.19 against groupdnet 383, gmacs on ade20k" in shown.output
    assert "published: 1 holds, 0 fails, 0 cannot say" in shown.output
    assert "measured: 1 holds, 0 fails, 0 cannot say" in shown.output


def test_json_holds_sentence_source_and_findings():
    (claim,) = json.loads(bench("claims", "spade-beats-pix2pixhd", "--values", "published", "--json").stdout)
    assert claim["published"]["outcome"] == "holds"
    assert claim["source"].startswith("SPADE")
    assert len(claim["published"]["findings"]) > 3
    assert "measured" not in claim


def test_strict_ends_with_one_when_a_sentence_fails(tmp_path):
    store = RecordStore(tmp_path)
    for dataset in ("paperdolls", "paperdolls2"):
        store.add(tiny("spade", dataset, fid_pd=2.0))
        store.add(tiny("pix2pixhd", dataset, fid_pd=1.0))
    words = ("claims", "spade-beats-pix2pixhd", "--dataset", "paperdolls", "--records", str(tmp_path))
    assert bench(*words).exit_code == 0
    strict = bench(*words, "--strict")
    assert strict.exit_code == 1
    assert "miniature: 0 holds, 1 fails, 0 cannot say" in strict.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nonsense",), "nonsense"),
        (("--values", "guessed"), "--values takes published, measured, or both with a comma, not 'guessed'"),
        (
            ("--dataset", "ade20k"),
            "--dataset takes paperdolls and paperdolls2 only, the data of `bench miniature`, not 'ade20k'",
        ),
    ],
)
def test_wrong_words_are_said_in_a_line(words, message):
    shown = bench("claims", *words)
    assert shown.exit_code == 2
    assert message in shown.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('metrics = ["fid"]', "has no metric"),
        ('method = "inade"', "has no method"),
        ('over = ["spade"]', "needs either `over` or `range`"),
    ],
)
def test_a_claim_that_could_never_be_judged_is_refused(tmp_path, change, message):
    text = (
        '[[claims]]\nid = "a"\nsentence = "s"\nsource = "x"\ntable = "inade-2"\nmethod = "inade"\n'
        'over = ["spade"]\nmetrics = ["fid"]\ndatasets = ["deepfashion"]\n'
    )
    wrong = {"metrics": 'metrics = ["nonsense"]', "method": 'method = "nonsense"', "over": ""}[change.split(" ")[0]]
    path = tmp_path / "claims.toml"
    path.write_text(text.replace(change, wrong))
    with pytest.raises(UserError, match=message):
        read_claims(path)
