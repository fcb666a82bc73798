"""Options of a command become the fields of a dataclass."""

from dataclasses import dataclass

import pytest

from bench.common.options import picked


@dataclass(frozen=True, kw_only=True)
class Request:
    name: str
    seed: int = 0


def test_a_dataclass_takes_the_options_that_have_the_names_of_its_fields():
    assert picked(Request, {"name": "inade", "seed": 3, "out": "elsewhere"}) == Request(name="inade", seed=3)
    assert picked(Request, {"name": "inade"}) == Request(name="inade")


def test_an_option_that_is_needed_and_missing_is_named():
    with pytest.raises(TypeError, match="'name'"):
        picked(Request, {"seed": 3})
