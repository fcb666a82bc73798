from types import SimpleNamespace

import numpy as np
import pytest
from small_files import areas, photo, save

from bench.common.errors import UserError
from bench.datasets.celebamask_hq import CELEBAMASK_HQ, MASKS, open_celebamask_hq
from bench.evaluation.plan import Request, plan_cells

FACES = ("2", "10", "1")


def face(root, image, label):
    """A photo of twice the size of its label map, as the package has them."""
    save(root / "celebamask-hq" / image, photo(size=(64, 64)))
    save(root / "celebamask-hq" / label, areas(0, 1, 18, size=(32, 32)))


@pytest.fixture
def packaged(tmp_path):
    for part in ("train", "test"):
        for stem in FACES:
            face(tmp_path, f"{part}/images/{stem}.jpg", f"{part}/labels/{stem}.png")
    return tmp_path


@pytest.fixture(params=MASKS)
def listed(request, tmp_path):
    for stem in FACES:
        face(tmp_path, f"CelebA-HQ-img/{stem}.jpg", f"{request.param}/{stem}.png")
    (tmp_path / "celebamask-hq" / "train_list.txt").write_text("10.jpg\n\n2.png\n")
    (tmp_path / "celebamask-hq" / "test_list.txt").write_text("1\n")
    return tmp_path


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_layout_of_sean_and_inade_is_read(packaged, split):
    data = open_celebamask_hq(split, packaged)
    assert [item.key for item in data] == ["1", "2", "10"]
    item = data[0]
    assert (item.labels.shape, item.image.shape) == ((256, 256), (256, 256, 3))
    assert np.unique(item.labels).tolist() == [0, 1, 18]  # background is 0, not last
    assert item.stored_labels.shape == (32, 32)
    assert np.unique(item.instances).tolist() == [1, 2, 3]


def test_instance_maps_are_read_where_inade_has_made_some(packaged):
    for stem in FACES:
        save(packaged / "celebamask-hq" / "test" / "instances" / f"{stem}.png", areas(0, 1, size=(32, 32)))
    assert np.unique(open_celebamask_hq("val", packaged)[0].instances).tolist() == [1, 2]


def test_lists_choose_the_faces_of_a_split(listed):
    assert [item.key for item in open_celebamask_hq("train", listed)] == ["2", "10"]
    assert [item.key for item in open_celebamask_hq("val", listed)] == ["1"]


def test_a_face_that_a_list_names_in_vain_is_an_error(listed):
    (listed / "celebamask-hq" / "test_list.txt").write_text("1.jpg\n30.jpg\n31.jpg\n")
    with pytest.raises(
        UserError, match=r"test_list\.txt names 2 files that are not in .*CelebA-HQ-img, the first is '30'"
    ):
        open_celebamask_hq("val", listed)


@pytest.mark.parametrize("line", ["../1.jpg", "/etc/passwd", "a/1.jpg"])
def test_a_list_cannot_name_files_of_other_folders(listed, line):
    (listed / "celebamask-hq" / "test_list.txt").write_text(line)
    with pytest.raises(UserError, match=rf"test_list\.txt names '{line}'; expected names of files in .*CelebA-HQ-img"):
        open_celebamask_hq("val", listed)


def test_an_empty_list_is_an_error(listed):
    (listed / "celebamask-hq" / "test_list.txt").write_text("\n")
    with pytest.raises(UserError, match=r"test_list\.txt is empty"):
        open_celebamask_hq("val", listed)


def test_a_link_in_the_folder_of_masks_that_leads_out_is_refused(listed):
    mask = next(path for path in (listed / "celebamask-hq").rglob("1.png"))
    mask.rename(listed / "1.png")
    mask.symlink_to(listed / "1.png")
    with pytest.raises(UserError, match="leads out of the folder"):
        open_celebamask_hq("val", listed)


@pytest.mark.parametrize("place", [".", "samples", "maskgan_samples"])
def test_samples_of_maskgan_are_pairs_in_one_folder_and_for_evaluation(tmp_path, place):
    for stem in FACES:
        face(tmp_path, f"{place}/{stem}.jpg", f"{place}/{stem}.png")
    assert [item.key for item in open_celebamask_hq("val", tmp_path)] == ["1", "2", "10"]
    with pytest.raises(UserError, match="not there"):
        open_celebamask_hq("train", tmp_path)
    (tmp_path / "celebamask-hq" / place / "2.png").unlink()
    with pytest.raises(UserError, match="the first is '2'"):
        open_celebamask_hq("val", tmp_path)


def test_missing_data_name_both_layouts_and_the_way_out(tmp_path):
    with pytest.raises(UserError, match=r"test/images and .*test_list\.txt with .*bench data prepare celebamask-hq"):
        open_celebamask_hq("val", tmp_path)


def test_label_maps_without_photos_are_one_clear_error(packaged):
    (packaged / "celebamask-hq" / "test" / "images").rename(packaged / "elsewhere")
    with pytest.raises(UserError, match=r"test/labels holds label maps, but there are no photos"):
        open_celebamask_hq("val", packaged)


def test_names_and_colours():
    assert (CELEBAMASK_HQ.num_classes, CELEBAMASK_HQ.ignored_classes) == (19, ())
    assert CELEBAMASK_HQ.class_names[:4] == ("background", "skin", "nose", "eye_g")
    assert CELEBAMASK_HQ.class_names[13:] == ("hair", "hat", "ear_r", "neck_l", "neck", "cloth")
    assert CELEBAMASK_HQ.palette[1] == (204, 0, 0)
    assert CELEBAMASK_HQ.palette[7] == (51, 255, 255)
    assert len(set(CELEBAMASK_HQ.palette)) == 19


def test_every_network_reads_label_maps_and_photos_at_its_own_size(packaged):
    """SC-GAN and MaskGAN draw faces of 512x512, all others of 256x256."""
    request = Request(
        methods=("scgan", "inade"), datasets=("celebamask-hq",), metrics=("fid", "params"), untrained=True
    )
    networks = SimpleNamespace(weights_root=packaged, sha256=str)  # no file of Inception's weights is here
    scgan, inade = plan_cells(request, packaged, networks)
    assert scgan.dataset[0].image.shape == (512, 512, 3)
    assert inade.dataset[0].image.shape == (256, 256, 3)
    assert scgan.fingerprint != inade.fingerprint
    assert scgan.photos.fingerprint != inade.photos.fingerprint
    assert scgan.photos.dataset.size == (512, 512)
