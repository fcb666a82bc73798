from __future__ import annotations

from dataclasses import replace

import numpy as np
from processes import PYTHON, finished
from small_runs import bench
from synthetic_records import of_run

from bench.results.store import RecordStore
from bench.synthesis.grids import save_png


def stored(folder):
    store = RecordStore(folder)
    for record in of_run():
        store.add(replace(record, weights="none") if record.cell.method == "truth" else record)
    return store.folder


def test_it_writes_one_file_and_says_so(tmp_path):
    out = tmp_path / "report.html"
    shown = bench("report", "--records", stored(tmp_path), "--title", "A & B", "-o", out)
    assert (shown.exit_code, shown.stdout) == (0, f"{out}: 6 records\n"), shown.stderr
    text = out.read_text(encoding="utf-8")
    assert "<title>A &amp; B</title>" in text
    assert "No pictures were asked for" in text


def test_where_no_file_is_named_it_is_report_html_in_this_folder(tmp_path, monkeypatch):
    folder = stored(tmp_path)
    monkeypatch.chdir(tmp_path)
    shown = bench("report", "--records", folder)
    assert (shown.exit_code, shown.stdout) == (0, "report.html: 6 records\n"), shown.stderr
    assert (tmp_path / "report.html").is_file()


def test_two_reports_of_the_same_records_are_equal(tmp_path):
    folder = stored(tmp_path)
    for name in ("one", "two"):
        bench("report", "--records", folder, "--samples", "1", "-o", tmp_path / name)
    one, two = ((tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two
    assert b"data:image/" in one


def test_pictures_of_a_folder_are_in_it(tmp_path):
    save_png(tmp_path / "pictures" / "grid.png", np.zeros((4, 4, 3), np.uint8))
    out = tmp_path / "report.html"
    bench("report", "--records", stored(tmp_path), "--pictures", tmp_path / "pictures", "-o", out)
    assert 'alt="grid"' in out.read_text(encoding="utf-8")


def test_plots_need_no_page(tmp_path):
    shown = bench("report", "--records", stored(tmp_path), "--plots", tmp_path / "plots")
    assert shown.exit_code == 0, shown.stderr
    assert sorted(map(str, (tmp_path / "plots").iterdir())) == sorted(shown.stdout.split())
    assert (tmp_path / "plots" / "table1-fid_pd_misd_pd.pdf").is_file() is False  # one method has both
    assert (tmp_path / "plots" / "table1-fid_pd.pdf").is_file()


def test_it_says_what_is_missing(tmp_path):
    for words, said in (
        (("--records", tmp_path / "none", "-o", tmp_path / "x"), "no records in this folder"),
        (("--records", stored(tmp_path), "--pictures", tmp_path / "no", "-o", tmp_path / "x"), "no such folder"),
    ):
        shown = bench("report", *words)
        assert shown.exit_code == 2
        assert said in shown.stderr
        assert shown.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_it_loads_neither_torch_nor_matplotlib_where_nothing_is_drawn(tmp_path):
    program = f"""if True:
        import sys
        from bench.commands.cli import cli
        sys.argv[1:] = {["report", "--records", str(stored(tmp_path)), "-o", str(tmp_path / "report.html")]}
        try:
            cli()
        finally:
            assert not {{"torch", "matplotlib"}} & sys.modules.keys()
    """
    code, _, errors = finished(*PYTHON, program)
    assert (code, errors) == (0, "")
