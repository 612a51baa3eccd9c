from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from cv2.typing import MatLike
from numpy.typing import NDArray

from edge.errors import DatasetError
from edge.photos.dataset import content_sha256, fingerprint, open_dataset
from edge.photos.folder_map import FolderMap

HEADER = "path,class,subclass,split,source\n"


def test_folders_give_classes_and_subclasses(tmp_path: Path) -> None:
    """DATASET/<class>/<subclass>/<photo>, the subclass optional; other files are no photos."""
    plant(tmp_path, {"metal/can/a.jpg": "1", "metal/b.PNG": "2", "glass/jar/c.jpeg": "3", "glass/notes.txt": "4"})
    (tmp_path / ".cache").mkdir()

    dataset = open_dataset(tmp_path)

    assert dataset.labels == ("glass", "metal")
    found = [(photo.path.name, photo.label, photo.subclass) for photo in dataset.photos]
    assert found == [("c.jpeg", "glass", "jar"), ("b.PNG", "metal", ""), ("a.jpg", "metal", "can")]
    assert dataset.indices(dataset.photos) == [0, 1, 1]


def test_the_four_reference_classes_come_in_the_papers_order(tmp_path: Path) -> None:
    """Kitchen 0, recyclable 1, other 2, hazardous 3; any other set of names is ordered by name."""
    plant(tmp_path, {f"{name}/a.jpg": name for name in ("hazardous", "other", "recyclable", "kitchen")})

    assert open_dataset(tmp_path).labels == ("kitchen", "recyclable", "other", "hazardous")
    plant(tmp_path, {"extra/a.jpg": "5"})
    assert open_dataset(tmp_path).labels == ("extra", "hazardous", "kitchen", "other", "recyclable")


def test_a_split_without_manifest_is_stratified_70_to_30(tmp_path: Path) -> None:
    """Every subclass keeps 30 % of its photos for the test, rounded."""
    photos = {f"{kind}/{number}.jpg": f"{kind}{number}" for kind in ("a/x", "a/y", "b/z") for number in range(20)}
    plant(tmp_path, photos | {"b/few/1.jpg": "few"})

    dataset = open_dataset(tmp_path)

    assert Counter(photo.subclass for photo in dataset.split("test")) == {"x": 6, "y": 6, "z": 6}
    assert len(dataset.split("train")) + len(dataset.split("test")) == len(dataset.split("all")) == 61


def test_the_split_is_the_same_every_time_and_under_other_names(tmp_path: Path) -> None:
    """What a photo shows decides its side: not the order of files, not their names, not the folder's place."""
    plant(tmp_path / "one", {f"{kind}/{number}.jpg": f"{kind}{number}" for kind in "ab" for number in range(30)})
    plant(tmp_path / "two", {f"{kind}/p{99 - number}.jpg": f"{kind}{number}" for kind in "ab" for number in range(30)})

    first, again, renamed = (open_dataset(tmp_path / name) for name in ("one", "one", "two"))

    assert first == again
    assert set(content_sha256(first.split("test")).values()) == set(content_sha256(renamed.split("test")).values())


def test_copies_of_a_photo_stay_on_one_side(tmp_path: Path) -> None:
    """The same bytes never stand in both training and test."""
    photos = {
        f"{kind}/{number}-{copy}.jpg": f"{kind}{number}" for kind in "ab" for number in range(15) for copy in "xyz"
    }
    plant(tmp_path, photos)

    dataset = open_dataset(tmp_path)

    sides = [set(content_sha256(dataset.split(split)).values()) for split in ("train", "test")]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_copies_in_two_subclasses_stay_on_one_side(tmp_path: Path) -> None:
    """A photo that was filed under two subclasses is one photo all the same."""
    plant(tmp_path, {f"a/{kind}/{number}.jpg": str(number) for kind in ("x", "y") for number in range(9)})
    plant(tmp_path, {f"a/y/more{number}.jpg": f"more{number}" for number in range(40)} | {"b/1.jpg": "other"})

    dataset = open_dataset(tmp_path)

    sides = [set(content_sha256(dataset.split(split)).values()) for split in ("train", "test")]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_near_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    """The same picture compressed again, smaller or lighter teaches what the test would ask, in whatever class."""
    for number in range(20):
        picture = scene(number)
        plant_picture(tmp_path / f"a/{number}.jpg", picture, quality=90)
        plant_picture(tmp_path / f"a/again{number}.jpg", picture, quality=40)
        plant_picture(tmp_path / f"b/small{number}.jpg", cv2.resize(picture, (120, 90)), quality=90)
        plant_picture(tmp_path / f"b/own{number}.jpg", scene(100 + number), quality=90)

    dataset = open_dataset(tmp_path)

    tests = {photo.path.stem for photo in dataset.split("test")}
    groups = [{str(number), f"again{number}", f"small{number}"} for number in range(20)]
    assert sum(group <= tests for group in groups) == 6
    assert all(group <= tests or not group & tests for group in groups)
    assert Counter(photo.label for photo in dataset.split("test")) == {"a": 12, "b": 12}


def test_a_map_turns_other_folders_into_classes(tmp_path: Path) -> None:
    """Class and subclass are those of the map, and the dataset remembers it."""
    plant(tmp_path, {"set/battery/1.jpg": "1", "set/brown-glass/2.jpg": "2", "set/thumbs/3.jpg": "3"})
    plant(tmp_path, {"set/battery/._1.jpg": "left by a Mac"})
    folder_map = FolderMap(folders={"battery": "hazardous/battery", "*-glass": "recyclable/glass"}, ignore=("thumbs",))

    dataset = open_dataset(tmp_path, folder_map=folder_map)

    assert [(photo.path.name, photo.label, photo.subclass) for photo in dataset.photos] == [
        ("1.jpg", "hazardous", "battery"),
        ("2.jpg", "recyclable", "glass"),
    ]
    assert dataset.folder_map == folder_map


def test_folders_that_a_map_lacks_are_named(tmp_path: Path) -> None:
    """All of them, with what to add."""
    plant(tmp_path, {"battery/1.jpg": "1", "paper/2.jpg": "2", "wood/raw/3.jpg": "3", "4.jpg": "4"})

    with pytest.raises(DatasetError) as refused:
        open_dataset(tmp_path, folder_map=FolderMap(folders={"battery": "hazardous"}))

    assert 'found none for "4.jpg", "paper", "raw"' in str(refused.value)
    assert 'add "4.jpg" = "class/subclass" under [folders], or ignore = ["4.jpg", "paper", "raw"]' in str(refused.value)


def test_a_map_beside_a_manifest_is_refused(tmp_path: Path) -> None:
    """Both say which class a photo has."""
    plant(tmp_path, {"a/1.jpg": "1"})
    manifest(tmp_path, "a/1.jpg,a,,train,\n")

    with pytest.raises(DatasetError, match=r"manifest\.csv: expected no manifest beside --map"):
        open_dataset(tmp_path, folder_map=FolderMap(folders={"a": "x"}))


def test_a_manifest_decides(tmp_path: Path) -> None:
    """Class, subclass, split and source are those of the manifest; photos that it doesn't name are left out."""
    plant(tmp_path, {"a/1.jpg": "1", "a/2.jpg": "2", "b/3.jpg": "3", "b/4.jpg": "4"})
    manifest(tmp_path, "a/1.jpg,cat,tabby,train,me\na/2.jpg,cat,,test,\nb/3.jpg,dog,,test,you\n")

    dataset = open_dataset(tmp_path)

    assert [(p.label, p.subclass, p.split, p.source) for p in dataset.photos] == [
        ("cat", "tabby", "train", "me"),
        ("cat", "", "test", ""),
        ("dog", "", "test", "you"),
    ]


def test_a_manifest_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, and columns in another order."""
    plant(tmp_path, {"ä/1.jpg": "1", "b/2.jpg": "2"})
    rows = "\ufeffsplit,class,path,subclass\r\ntrain,x,ä/1.jpg,s\r\ntest,y,b/2.jpg,\r\n"
    (tmp_path / "manifest.csv").write_bytes(rows.encode())

    dataset = open_dataset(tmp_path)

    assert [(photo.label, photo.subclass) for photo in dataset.photos] == [("y", ""), ("x", "s")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a/1.jpg,cat,,validation,", r"manifest\.csv:3: split: expected train or test, found 'validation'"),
        ("a/1.jpg,cat", r"manifest\.csv:3: split: expected train or test, found ''"),
        ("a/1.jpg,,,train,", r"manifest\.csv:3: class: expected a name, found nothing"),
        ("a/9.jpg,cat,,train,", r"manifest\.csv:3: path: expected a photo inside the dataset, found 'a/9\.jpg'"),
        (",cat,,train,", r"manifest\.csv:3: path: expected a photo inside the dataset, found ''"),
        ("a,cat,,train,", r"manifest\.csv:3: path: expected a photo inside the dataset, found 'a'"),
        ("../outside.jpg,cat,,train,", r"manifest\.csv:3: path: expected a photo inside the dataset"),
        ("/etc/hostname,cat,,train,", r"manifest\.csv:3: path: expected a photo inside the dataset"),
        ("b/2.jpg,cat,,train,", r"manifest\.csv: expected each photo once, found '.*b/2\.jpg' more than once"),
    ],
)
def test_a_broken_row_is_named_by_its_line(tmp_path: Path, row: str, said: str) -> None:
    """Line, column, expected and found."""
    root = tmp_path / "dataset"
    plant(root, {"a/1.jpg": "1", "b/2.jpg": "2", "../outside.jpg": "3"})
    manifest(root, f"b/2.jpg,dog,,train,\n{row}\n")

    with pytest.raises(DatasetError, match=said) as refused:
        open_dataset(root)

    assert refused.value.exit_status == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected columns .*, missing"),
        (b"path,class,split\na,b,c\n", r"expected columns .*, missing \['subclass'\]"),
        (HEADER.encode(), "expected one row per photo, found none"),
        (b"path,class,subclass,split\n\xff\xfe,a,b,train\n", "expected comma-separated UTF-8, found"),
        (b"path,class,subclass,split\n" + b"x" * 200_000 + b",a,b,train\n", "expected comma-separated UTF-8, found"),
    ],
)
def test_a_foreign_manifest_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """Missing columns, no rows, or no text at all."""
    (tmp_path / "manifest.csv").write_bytes(content)

    with pytest.raises(DatasetError, match=said):
        open_dataset(tmp_path)


def test_a_class_without_photos_is_refused(tmp_path: Path) -> None:
    """An empty folder is a mistake to mend, not a class that nothing is ever sorted into."""
    plant(tmp_path, {"a/1.jpg": "1", "b/2.jpg": "2", "c/readme.txt": "3"})

    with pytest.raises(DatasetError, match=r"c: expected photos of class 'c', found none; add some or remove it"):
        open_dataset(tmp_path)


def test_a_dataset_needs_a_folder_and_two_classes(tmp_path: Path) -> None:
    """No folder, an empty one and a single class say so."""
    with pytest.raises(DatasetError, match="found no folder"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"at least two classes, found \[\]"):
        open_dataset(tmp_path)
    plant(tmp_path, {"a/1.jpg": "1"})
    with pytest.raises(DatasetError, match=r"at least two classes, found \['a'\]"):
        open_dataset(tmp_path)


def test_a_models_classes_fix_order_and_set(tmp_path: Path) -> None:
    """Evaluated for a model: its order, classes without photos allowed, strange ones refused."""
    plant(tmp_path, {"b/1.jpg": "1", "a/2.jpg": "2"})

    assert open_dataset(tmp_path, ("b", "c", "a")).labels == ("b", "c", "a")
    with pytest.raises(DatasetError, match=r"expected the model's classes \['b', 'c'\], found also \['a'\]"):
        open_dataset(tmp_path, ("b", "c"))


def test_a_fingerprint_changes_with_photos_and_split_alone(tmp_path: Path) -> None:
    """The same photos elsewhere have the same fingerprint; another byte or another side, and it is another."""
    photos = {"a/1.jpg": "1", "b/2.jpg": "2"}
    for name in ("one", "two", "bytes"):
        plant(tmp_path / name, photos)
        manifest(tmp_path / name, "a/1.jpg,a,,train,\nb/2.jpg,b,,test,\n")
    plant(tmp_path / "bytes", {"a/1.jpg": "changed"})
    plant(tmp_path / "split", photos)
    manifest(tmp_path / "split", "a/1.jpg,a,,train,\nb/2.jpg,b,,train,\n")

    one, two, other, moved = (fingerprint(open_dataset(tmp_path / name)) for name in ("one", "two", "bytes", "split"))

    assert one == two
    assert len({one, other, moved}) == 3


def plant(root: Path, files: dict[str, str]) -> None:
    """Write files; what is no picture for a decoder is one for a dataset."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def scene(seed: int) -> NDArray[np.uint8]:
    """A picture with a content of its own."""
    coarse = np.random.default_rng(seed).integers(0, 220, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC), np.uint8)


def plant_picture(path: Path, picture: MatLike, quality: int) -> None:
    """Write a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])


def manifest(root: Path, rows: str) -> None:
    """Write manifest.csv."""
    (root / "manifest.csv").write_text(HEADER + rows)
