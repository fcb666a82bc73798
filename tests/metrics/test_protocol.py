from dataclasses import FrozenInstanceError

import pytest

from metrics.protocol import PROTOCOLS, choices_for, derive, explain, flatten
from metrics.protocol_sources import SOURCES


def test_names_are_those_users_type():
    assert list(PROTOCOLS) == ["spade2019", "smis2020", "inade2021", "scgan2021", "clean", "mini"]
    assert all(protocol.name == name for name, protocol in PROTOCOLS.items())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_choice_is_explained_and_nothing_else(name):
    assert list(SOURCES) == list(PROTOCOLS)
    assert set(SOURCES[name]) == set(flatten(PROTOCOLS[name]))
    rows = explain(PROTOCOLS[name])
    assert {row.field: row.value for row in rows} == flatten(PROTOCOLS[name])
    assert {row.certainty for row in rows} <= {"stated", "released code", "inferred", "assumed", "ours"}
    assert all(row.source for row in rows)


def test_every_field_is_listed():
    assert list(flatten(PROTOCOLS["clean"])) == [
        "repeats",
        "style",
        "fid.mode",
        "fid.real_split",
        "fid.reference_limit",
        "inception_score.network",
        "inception_score.splits",
        "prdc.neighbours",
        "lpips.quantity",
        "lpips.layouts",
        "lpips.groups",
        "lpips.pairs",
        "lpips.version",
        "lpips.form",
        "region.layouts",
        "region.images",
        "region.pairs",
        "region.mask",
        "region.min_percent",
        "region.absent",
        "region.average",
        "segmentation.reduction",
        "segmentation.accuracy",
        "cityscapes.network",
        "cityscapes.labels",
        "cityscapes.scales",
        "ade20k.network",
        "ade20k.labels",
        "ade20k.sizes",
        "coco_stuff.labels",
        "celebamask.resize",
        "celebamask.labels",
        "deepfashion.network",
    ]


def test_choices_about_other_data_do_not_concern_a_data_set():
    concerned = choices_for(PROTOCOLS["clean"], "ade20k")
    assert {name.split(".")[0] for name in flatten(PROTOCOLS["clean"])} - {
        name.split(".")[0] for name in concerned
    } == {"cityscapes", "coco_stuff", "celebamask", "deepfashion"}
    assert concerned.items() <= flatten(PROTOCOLS["clean"]).items()


def test_derived_protocol_changes_one_choice_and_shows_it():
    base = PROTOCOLS["inade2021"]
    derived = derive(base, ["fid.real_split=val"])
    assert derived.name == "inade2021+fid.real_split=val"
    assert flatten(derived) == {**flatten(base), "fid.real_split": "val"}
    assert base.fid.real_split == "train"


def test_a_setting_equal_to_the_base_still_shows():
    assert derive(PROTOCOLS["inade2021"], ["fid.real_split=train"]).name == "inade2021+fid.real_split=train"


def test_settings_are_read_as_the_type_of_their_field():
    derived = derive(PROTOCOLS["mini"], ["repeats=5", "region.layouts=none", "fid.reference_limit=50"])
    assert (derived.repeats, derived.region.layouts, derived.fid.reference_limit) == (5, None, 50)
    assert derived.name == "mini+repeats=5+region.layouts=none+fid.reference_limit=50"


def test_a_derived_choice_is_explained_by_its_user():
    rows = {row.field: row for row in explain(derive(PROTOCOLS["inade2021"], ["fid.real_split=val"]))}
    assert rows["fid.real_split"].source == "set by the user"
    assert rows["fid.mode"].certainty == "released code"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "fid.real_splt=val",
            r"Unknown protocol field 'fid.real_splt'. Did you mean 'fid.real_split'\? Known: repeats",
        ),
        ("name=x", "Unknown protocol field 'name'"),
        ("fid=val", "Unknown protocol field 'fid'"),
        ("fid.real_split=test", "cannot be 'test'; choose one of: train, val, imported"),
        ("repeats=0", "repeats cannot be '0'; expected a whole number from 1."),
        ("repeats=none", "repeats cannot be 'none'"),
        ("region.layouts=1.5", "expected a whole number from 1, or none for all"),
        ("fid.real_split", "write field=value"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        derive(PROTOCOLS["inade2021"], [setting])


def test_papers_before_the_weights_of_fid_had_torchvisions():
    modes = {name: protocol.fid.mode for name, protocol in PROTOCOLS.items()}
    assert modes == {
        "spade2019": "torchvision",
        "smis2020": "pytorch_fid",
        "inade2021": "pytorch_fid",
        "scgan2021": "pytorch_fid",
        "clean": "clean",
        "mini": "pytorch_fid",
    }
    score = PROTOCOLS["scgan2021"].inception_score
    assert (score.network, score.splits) == ("torchvision", 1)


def test_protocols_are_frozen():
    with pytest.raises(FrozenInstanceError):
        PROTOCOLS["clean"].fid.mode = "pytorch_fid"
