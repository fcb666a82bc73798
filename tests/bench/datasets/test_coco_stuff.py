import numpy as np
import pytest
from small_files import areas, photo, save

from bench.common.errors import UserError
from bench.datasets.coco_stuff import COCO_STUFF, open_coco_stuff
from bench.datasets.flickr_landscapes import FLICKR_LANDSCAPES, open_flickr_landscapes

NAMES = ("000000000139", "000000000785")
SPADE = {"img": "{split}_img", "label": "{split}_label", "inst": "{split}_inst"}
DEEPLAB = {"img": "images/{split}2017", "label": "annotations/{split}2017", "inst": "instances/{split}2017"}
MIXED = {**DEEPLAB, "inst": "{split}_inst"}


def make(root, layout, split="val", names=NAMES, suffix="", name="coco-stuff"):
    for number, stem in enumerate(names):
        pictures = {"img": photo(number), "label": areas(0, 181, 255), "inst": areas(0, 1, 1, 255)}
        for kind, place in layout.items():
            ending = "jpg" if kind == "img" else "png"
            save(root / name / (place.format(split=split) + suffix) / f"{stem}.{ending}", pictures[kind])
    return root


@pytest.mark.parametrize("layout", [SPADE, DEEPLAB, MIXED], ids=["spade", "deeplab", "deeplab with spade's maps"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_every_layout_is_read(tmp_path, layout, split):
    data = open_coco_stuff(split, make(tmp_path, layout, split))
    assert [item.key for item in data] == list(NAMES)
    assert np.unique(data[0].labels).tolist() == [0, 181, 182]  # unlabelled is the last class
    assert np.unique(data[0].stored_labels).tolist() == [0, 181, 182]
    assert np.unique(data[0].instances).tolist() == [1, 2, 3]
    assert data[0].labels.shape == (256, 256)


def test_portrait_photos_beside_the_others_are_training_items_too(tmp_path):
    make(tmp_path, SPADE, "train")
    make(tmp_path, SPADE, "train", ("000000000001",), "_portrait")
    assert [item.key for item in open_coco_stuff("train", tmp_path)] == ["000000000001", *NAMES]


def test_a_file_list_is_read(tmp_path):
    make(tmp_path, SPADE)
    for kind, ending in (("img", "jpg"), ("label", "png"), ("inst", "png")):
        (tmp_path / "coco-stuff" / f"val_{kind}" / "files.list").write_text(f"{NAMES[1]}.{ending}\n")
    assert [item.key for item in open_coco_stuff("val", tmp_path)] == [NAMES[1]]


def test_without_instance_maps_there_are_no_edges_so_it_is_an_error(tmp_path):
    make(tmp_path, {kind: place for kind, place in DEEPLAB.items() if kind != "inst"})
    with pytest.raises(
        UserError, match=r"no instance maps beside .*annotations/val2017: expected .*val_inst or .*prepare"
    ):
        open_coco_stuff("val", tmp_path)


def test_the_number_of_the_last_class_is_not_a_label_of_files(tmp_path):
    make(tmp_path, SPADE)
    save(tmp_path / "coco-stuff" / "val_label" / f"{NAMES[0]}.png", areas(0, 182))
    with pytest.raises(UserError, match="holds the label 182; expected 0 to 181 or 255"):
        open_coco_stuff("val", tmp_path)[0]


def test_names_colours_and_scores():
    assert COCO_STUFF.num_classes == 183
    assert COCO_STUFF.scored_as == (*range(182), -1)
    assert COCO_STUFF.ignored_classes == (182,)
    assert [COCO_STUFF.class_names[label] for label in (0, 11, 91, 181)] == ["person", "street sign", "banner", "wood"]
    assert COCO_STUFF.palette[0] == (128, 0, 0)  # bits of label + 1 from the top of red, green and blue
    assert COCO_STUFF.palette[7] == (64, 0, 0)
    assert COCO_STUFF.palette[9] == (64, 128, 0)
    colours = dict(zip(COCO_STUFF.class_names, COCO_STUFF.palette, strict=True))
    assert colours["sea"] == (54, 62, 167)
    assert colours["grass"] == (29, 195, 49)


def test_landscapes_have_the_classes_of_coco_stuff_and_need_no_instance_maps(tmp_path):
    make(tmp_path, {kind: SPADE[kind] for kind in ("img", "label")}, name="flickr-landscapes")
    item = open_flickr_landscapes("val", tmp_path)[0]
    assert np.unique(item.labels).tolist() == [0, 181, 182]
    assert np.unique(item.instances).tolist() == [1, 2, 3]
    assert FLICKR_LANDSCAPES.class_names == COCO_STUFF.class_names
    assert (FLICKR_LANDSCAPES.scoring, FLICKR_LANDSCAPES.dont_care) == ("coco_stuff", 255)
    make(tmp_path, {"inst": SPADE["inst"]}, name="flickr-landscapes")
    assert len(np.unique(open_flickr_landscapes("val", tmp_path)[0].instances)) == 3


def test_landscapes_that_are_not_there_say_that_they_were_never_released(tmp_path):
    with pytest.raises(UserError, match=r"expected .*train_img and .*train_label; it was never released"):
        open_flickr_landscapes("train", tmp_path)
