from bench.common.lines import aligned, as_csv, as_markdown

ROWS = [{"name": "inade", "size": 1.5, "note": None}, {"name": "spade", "size": 12, "note": "none, so far"}]


def test_columns_line_up_below_their_names():
    assert aligned(ROWS) == "name   size  note\ninade  1.5\nspade  12    none, so far"
    assert aligned(ROWS, head=False) == "inade  1.5\nspade  12   none, so far"
    assert aligned([]) == ""


def test_what_is_not_known_is_empty_in_csv():
    assert as_csv(ROWS) == 'name,size,note\ninade,1.5,\nspade,12,"none, so far"\n'


def test_markdown_has_a_rule_below_the_names():
    assert as_markdown(ROWS) == "\n".join(
        ["| name | size | note |", "|---|---|---|", "| inade | 1.5 |  |", "| spade | 12 | none, so far |"]
    )
