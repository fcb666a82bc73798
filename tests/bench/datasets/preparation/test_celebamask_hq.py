import numpy as np
import pytest
from small_trees import contents, cut, load, prepare, save, times

from bench.datasets.parts.folders import UNFINISHED
from bench.datasets.preparation.celebamask_hq import PARTS, merge

FACES = (0, 7, 1999, 2000, 27999, 28000, 29999)
ORIGINALS = (119613, 162770, 162771, 182637, 182638, 202599, 5)  # what photo of CelebA each face is


def part_mask(first, last):
    mask = np.zeros((8, 8), np.uint8)
    mask[first:last] = 255
    return mask


@pytest.fixture
def raw(tmp_path):
    """The raw package: a photo and three parts of every face, where hair lies over skin and cloth over both."""
    folder = tmp_path / "CelebAMask-HQ"
    for face in FACES:
        save(folder / "CelebA-HQ-img" / f"{face}.jpg", np.full((16, 16, 3), face % 200, np.uint8))
        masks = folder / "CelebAMask-HQ-mask-anno" / str(face // 2000)
        for part, mask in {"skin": part_mask(0, 6), "hair": part_mask(0, 2), "cloth": part_mask(5, 7)}.items():
            save(masks / f"{face:05d}_{part}.png", np.repeat(mask[..., None], 3, 2))
    lines = ["idx           orig_idx      orig_file"]
    lines += [
        f"{face:<14}{original:<14}{original + 1:06d}.jpg" for face, original in zip(FACES, ORIGINALS, strict=True)
    ]
    (folder / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(lines) + "\n")
    return folder


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))


def expected(**parts):
    endings = {"images": "jpg", "labels": "png", "instances": "png"}
    return sorted(
        f"{part}/{kind}/{number}.{ending}"
        for part, numbers in parts.items()
        for number in numbers
        for kind, ending in endings.items()
    )


def test_later_parts_are_painted_over_earlier_ones(raw, tmp_path):
    done = prepare("celebamask-hq", "--from", raw, "--data-root", tmp_path)
    assert done.exit_code == 0, done.output
    target = tmp_path / "celebamask-hq"
    labels = load(target / "test" / "labels" / "28000.png")
    assert labels[:, 0].tolist() == [13, 13, 1, 1, 1, 18, 18, 0]  # hair, skin, cloth, background
    assert (labels == labels[:, :1]).all()
    assert load(target / "test" / "instances" / "28000.png")[:, 0].tolist() == [2, 2, 1, 1, 1, 3, 3, 0]
    photo = target / "test" / "images" / "28000.jpg"
    assert photo.samefile(raw / "CelebA-HQ-img" / "28000.jpg")


def test_any_part_has_its_own_label_and_covers_the_ones_before():
    masks = {part: np.zeros((20, 1), np.uint8) for part in PARTS}
    for place, part in enumerate(PARTS):
        masks[part][place:] = 1
    assert merge(masks)[:, 0].tolist() == [*range(1, 19), 18, 18]
    for left_out in PARTS:
        rest = {part: mask for part, mask in reversed(masks.items()) if part != left_out}
        assert (PARTS.index(left_out) + 1) not in merge(rest)


def test_only_the_first_channel_of_a_mask_counts():
    mask = np.zeros((1, 3, 3), np.uint8)
    mask[0, 0, 0], mask[0, 1, 1], mask[0, 2, 2] = 1, 255, 255
    assert merge({"nose": mask}).tolist() == [[2, 0, 0]]


def test_by_default_the_last_two_thousand_numbers_are_the_test_and_it_is_said(raw, tmp_path):
    done = prepare("celebamask-hq", "--from", raw, "--data-root", tmp_path)
    target = tmp_path / "celebamask-hq"
    assert files(target) == expected(train=FACES[:5], test=FACES[5:])
    assert done.stdout.splitlines() == [
        "celebamask-hq, split rule sean: 5 train, 2 test",
        f"celebamask-hq: 7 items in {target}, 7 made now",
    ]
    assert (target / "recipe.txt").read_text() == "split rule sean\n"


def test_the_official_split_follows_the_original_photo_and_numbers_each_part_anew(raw, tmp_path):
    done = prepare("celebamask-hq", "--from", raw, "--split-rule", "official", "--data-root", tmp_path)
    target = tmp_path / "celebamask-hq"
    assert files(target) == expected(train=[0, 1, 2], val=[0, 1], test=[0, 1])
    sources = {("train", 1): 7, ("train", 2): 29999, ("val", 0): 1999, ("val", 1): 2000, ("test", 1): 28000}
    for (part, number), face in sources.items():
        assert (target / part / "images" / f"{number}.jpg").samefile(raw / "CelebA-HQ-img" / f"{face}.jpg")
    assert done.stdout.startswith("celebamask-hq, split rule official: 3 train, 2 val, 2 test\n")


def test_official_numbers_do_not_depend_on_the_photos_that_are_there(raw, tmp_path):
    (raw / "CelebA-HQ-img" / "7.jpg").unlink()
    prepare("celebamask-hq", "--from", raw, "--split-rule", "official", "--data-root", tmp_path)
    assert files(tmp_path / "celebamask-hq") == expected(train=[0, 2], val=[0, 1], test=[0, 1])


def test_lists_split_by_file_name_and_leave_the_others_out(raw, tmp_path):
    (raw / "train_list.txt").write_text("7.jpg\n1999.png\n\n")
    (raw / "test_list.txt").write_text("0.jpg")
    prepare("celebamask-hq", "--from", raw, "--split-rule", "lists", "--data-root", tmp_path)
    assert files(tmp_path / "celebamask-hq") == expected(train=[7, 1999], test=[0])


BAD_SPLITS = {
    "no mapping": ("official", "CelebA-HQ-to-CelebA-mapping.txt", None, "cannot be read"),
    "no mapping line": ("official", "CelebA-HQ-to-CelebA-mapping.txt", "header\n0 5 x\n", "no line for 6 faces"),
    "words for numbers": ("official", "CelebA-HQ-to-CelebA-mapping.txt", "header\n0 five x\n", "line 2 is '0 five x'"),
    "no list": ("lists", "test_list.txt", None, "cannot be read"),
    "a face in both": ("lists", "test_list.txt", "0.jpg\n7.jpg\n", "1 faces are in both lists"),
    "an unknown face": ("lists", "test_list.txt", "3.jpg\n", "1 faces without a photo, the first is 3"),
    "a word for a name": ("lists", "test_list.txt", "seven.jpg\n", "names 'seven'"),
}


@pytest.mark.parametrize("case", BAD_SPLITS)
def test_a_split_that_cannot_be_made_is_said_before_anything_is(raw, tmp_path, case):
    rule, name, text, words = BAD_SPLITS[case]
    (raw / "train_list.txt").write_text("7.jpg\n")
    (raw / name).unlink(missing_ok=True)
    if text is not None:
        (raw / name).write_text(text)
    done = prepare("celebamask-hq", "--from", raw, "--split-rule", rule, "--data-root", tmp_path)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert name in done.stderr or str(raw) in done.stderr
    assert not (tmp_path / "celebamask-hq").exists()


def test_faces_with_damaged_masks_are_named_and_the_others_are_made(raw, tmp_path):
    masks = raw / "CelebAMask-HQ-mask-anno"
    cut(masks / "0" / "00007_hair.png")
    save(masks / "13" / "27999_skin.png", np.zeros((4, 4), np.uint8))
    for path in (masks / "14").glob("28000_*.png"):
        path.unlink()
    (raw / "CelebA-HQ-img" / "0.jpg").write_bytes(b"")
    done = prepare("celebamask-hq", "--from", raw, "--data-root", tmp_path, processes=2)
    assert done.exit_code == 1
    for words in (
        "00007_hair.png cannot be read",
        "27999.jpg has part masks of different sizes",
        "28000.jpg has no part masks",
        "0.jpg cannot be read",
    ):
        assert words in done.stdout
    assert "3 made now, 4 damaged" in done.stdout
    assert (tmp_path / "celebamask-hq" / UNFINISHED).exists()


def test_two_split_rules_do_not_mix(raw, tmp_path):
    prepare("celebamask-hq", "--from", raw, "--data-root", tmp_path)
    before = contents(tmp_path)
    other = prepare("celebamask-hq", "--from", raw, "--split-rule", "official", "--data-root", tmp_path)
    assert other.exit_code == 2
    assert "holds items of split rule sean, expected split rule official" in other.stderr
    assert contents(tmp_path) == before


@pytest.fixture
def ready(tmp_path):
    """A ready-made package: photos and merged labels."""
    for part, face in (("train", 3), ("test", 28000)):
        save(tmp_path / "celebamask-hq" / part / "images" / f"{face}.jpg", np.zeros((16, 16, 3), np.uint8))
        save(tmp_path / "celebamask-hq" / part / "labels" / f"{face}.png", np.array([[0, 18], [13, 18]], np.uint8))
    return tmp_path / "celebamask-hq"


def test_a_ready_made_package_gets_instance_maps_only(ready, tmp_path):
    before = times(ready)
    done = prepare("celebamask-hq", "--data-root", tmp_path)
    assert (done.exit_code, done.stdout) == (0, f"celebamask-hq: 2 items in {ready}, 2 made now\n")
    assert load(ready / "test" / "instances" / "28000.png").tolist() == [[0, 2], [1, 2]]
    assert before.items() < times(ready).items()
    assert set(times(ready)) - set(before) == {"train/instances/3.png", "test/instances/28000.png"}


def test_a_ready_made_package_is_not_mixed_with_our_own_labels(ready, raw, tmp_path):
    done = prepare("celebamask-hq", "--from", raw, "--data-root", tmp_path)
    assert done.exit_code == 2
    assert "an unknown recipe" in done.stderr


def test_what_was_begun_from_the_raw_package_must_be_finished_from_it(raw, tmp_path):
    hair = raw / "CelebAMask-HQ-mask-anno" / "0" / "00007_hair.png"
    whole = hair.read_bytes()
    cut(hair)
    words = ("celebamask-hq", "--data-root", tmp_path)
    assert prepare(*words, "--from", raw).exit_code == 1
    early = prepare(*words)
    assert early.exit_code == 2
    assert f"run 'bench data prepare celebamask-hq --data-root {tmp_path} --from {raw}" in early.stderr
    hair.write_bytes(whole)
    assert prepare(*words, "--from", raw).exit_code == 0
    assert prepare(*words).stdout.endswith(", 0 made now\n")


def test_another_folder_is_the_users_mistake(tmp_path):
    for words, expected_words in (
        (("--from", tmp_path), "expected the folders CelebA-HQ-img and CelebAMask-HQ-mask-anno"),
        ((), "has no label maps"),
        (("--split-rule", "sean"), "name its folder with --from"),
    ):
        done = prepare("celebamask-hq", "--data-root", tmp_path, *words)
        assert done.exit_code == 2
        assert expected_words in done.stderr
        assert not (tmp_path / "celebamask-hq").exists()
