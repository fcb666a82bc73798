"""Stages of work are shown on a bar, or on none."""

from bench.common.progress import Reporter, progress_bar


def work(reporter):
    """Two stages, the second with a total that was too high a guess."""
    reporter.stage("Reading", 2)
    reporter.advance(2)
    reporter.stage("Drawing", 9)
    reporter.advance(3)
    reporter.finish()


def test_every_stage_is_a_line_that_ends_full():
    with progress_bar(shown=False) as progress:
        work(Reporter(progress))
        assert [(task.description, task.completed, task.total) for task in progress.tasks] == [
            ("Reading", 2, 2),
            ("Drawing", 3, 3),
        ]


def test_without_a_bar_a_reporter_is_silent(capsys):
    work(Reporter())
    assert capsys.readouterr() == ("", "")
