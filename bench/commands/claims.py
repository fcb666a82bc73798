"""`bench claims`: sentences of the papers, judged by the papers' numbers and ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import rich_click as click

from bench.common.errors import UserError
from bench.common.lines import aligned
from bench.common.options import debug_option, json_option, names, records_option
from bench.common.places import MINIATURE
from bench.results.averages import across_trainings
from bench.results.store import ON_RECORD, read_records
from bench.results.tables.claims import (
    MINIATURE_DATA,
    Claim,
    Judgement,
    Verdict,
    chosen,
    judge_measured,
    judge_miniature,
    judge_published,
    read_claims,
)


@click.command()
@click.argument("wanted", metavar="[CLAIM]...", nargs=-1)
@click.option(
    "--values",
    callback=names,
    default="published,measured",
    show_default=True,
    help="Whose numbers to judge by: published, measured, or both with a comma.",
)
@click.option(
    "--dataset",
    "datasets",
    callback=names,
    help="Also judge by small networks on the built-in data: paperdolls, paperdolls2, or both with a comma.",
)
@records_option("results/records, and those of the suite")
@click.option("--details", is_flag=True, help="Show every comparison; also shown if claims are named.")
@click.option("--strict", is_flag=True, help="End with exit code 1 if a sentence fails.")
@json_option
@debug_option
def command(
    wanted: tuple[str, ...],
    values: tuple[str, ...],
    datasets: tuple[str, ...],
    folders: tuple[Path, ...],
    *,
    details: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Judge sentences of the papers by the printed numbers and by measured ones.

    "published" uses the paper's own tables, which checks the paper and our copy of it. "measured" uses records of the
    papers' networks on the papers' data. --dataset adds "miniature", which uses records of `bench miniature`. A
    sentence fails if one of its comparisons fails; "cannot say" means that numbers are missing or that they differ by
    less than two standard deviations of the runs. CLAIM is an id of the first column; without any, all are judged. The
    sentences are in results/papers/claims.toml.

    Example: bench claims --dataset paperdolls,paperdolls2
    """
    claims = chosen(read_claims(), wanted)
    judged = _judged(claims, values, datasets, folders)
    if as_json:
        click.echo(json.dumps([_as_dict(claim, judged) for claim in claims], indent=1))
    else:
        click.echo(_table(claims, judged))
        for kind, judgements in judged.items() if details or wanted else ():
            click.echo("".join(_detailed(kind, judgement) for judgement in judgements.values()).rstrip())
        click.echo("\n" + "\n".join(_summary(kind, list(each.values())) for kind, each in judged.items()))
    if strict and any(judgement.outcome == "fails" for each in judged.values() for judgement in each.values()):
        raise SystemExit(1)


def _judged(
    claims: Sequence[Claim], values: Sequence[str], datasets: Sequence[str], folders: Sequence[Path]
) -> dict[str, dict[str, Judgement]]:
    if unknown := [name for name in values if name not in ("published", "measured")]:
        raise UserError(f"--values takes published, measured, or both with a comma, not '{unknown[0]}'.")
    if unknown := [name for name in datasets if name not in MINIATURE_DATA]:
        known = " and ".join(MINIATURE_DATA)
        raise UserError(f"--dataset takes {known} only, the data of `bench miniature`, not '{unknown[0]}'.")
    judged: dict[str, dict[str, Judgement]] = {}
    if "published" in values:
        judged["published"] = {claim.id: judge_published(claim) for claim in claims}
    if "measured" in values:
        records = read_records(folders or ON_RECORD)
        judged["measured"] = {claim.id: judge_measured(claim, records) for claim in claims}
    if datasets:
        trained = across_trainings(read_records(folders or [MINIATURE]))
        judged["miniature"] = {
            claim.id: judge_miniature(claim, trained, datasets) for claim in claims if claim.miniature
        }
    return judged


def _table(claims: Sequence[Claim], judged: dict[str, dict[str, Judgement]]) -> str:
    rows = []
    for claim in claims:
        outcomes = {kind: each[claim.id].outcome if claim.id in each else "not asked" for kind, each in judged.items()}
        rows.append({"claim": claim.id, **outcomes, "sentence": claim.sentence})
    return aligned(rows)


def _detailed(kind: str, judgement: Judgement) -> str:
    claim = judgement.claim
    lines = [f"\n{claim.id}, {kind}: {judgement.outcome}", f"  {claim.sentence} ({claim.source})"]
    lines += [f"  {comparison.outcome:10}  {comparison.words}" for comparison in judgement.comparisons]
    lines += [f"  Note: {claim.note}"] if claim.note else []
    return "\n".join(lines) + "\n"


def _summary(kind: str, judgements: Sequence[Judgement]) -> str:
    counted = [
        f"{sum(judgement.outcome == outcome for judgement in judgements)} {outcome}" for outcome in get_args(Verdict)
    ]
    return f"{kind}: {', '.join(counted)}"


def _as_dict(claim: Claim, judged: dict[str, dict[str, Judgement]]) -> dict[str, object]:
    verdicts = {
        kind: {
            "outcome": each[claim.id].outcome,
            "findings": [vars(comparison) for comparison in each[claim.id].comparisons],
        }
        for kind, each in judged.items()
        if claim.id in each
    }
    about = {"claim": claim.id, "sentence": claim.sentence, "source": claim.source, "table": claim.table}
    return {**about, **({"note": claim.note} if claim.note else {}), **verdicts}
