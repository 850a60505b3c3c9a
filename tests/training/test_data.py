"""Data sets: what is loaded, how it is split, and what is refused."""

import io
import json
import pickle
from hashlib import md5

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from PIL import Image  # noqa: E402

from nasbench_suite import training  # noqa: E402
from nasbench_suite.core import (  # noqa: E402
    DamagedInput,
    DataNotFound,
    InvalidSetting,
    UnknownName,
    UnsafePickle,
)
from nasbench_suite.training import data  # noqa: E402
from nasbench_suite.training.data import imagenet16_120  # noqa: E402
from nasbench_suite.training.data.images import assemble  # noqa: E402
from nasbench_suite.training.data.splits import halves  # noqa: E402


def test_names():
    assert data.names() == ["cifar10", "cifar100", "digits", "imagenet16_120"]


def test_digits(digits):
    assert (digits.classes, digits.channels, digits.size) == (10, 1, 8)
    counts = [len(split.labels) for split in (digits.train, digits.val, digits.test)]
    assert counts == [800, 400, 597]
    images = torch.cat([digits.train.images, digits.val.images, digits.test.images])
    assert images.dtype == torch.uint8
    assert int(images.max()) == 16
    # Every image of scikit-learn is in one split.
    from sklearn.datasets import load_digits

    ours = sorted(map(bytes, images.flatten(1).numpy()))
    assert ours == sorted(map(bytes, load_digits().data.astype(np.uint8)))
    pixels = digits.train.images.double()
    assert digits.mean.item() == pytest.approx(pixels.mean().item(), rel=1e-6)
    assert digits.std.item() == pytest.approx(pixels.std(correction=0).item(), rel=1e-6)
    assert training.load("digits").digest == digits.digest
    with pytest.raises(InvalidSetting, match="split in one way"):
        training.load("digits", splits="half")


def test_unknown_data(tmp_path):
    with pytest.raises(UnknownName, match="did you mean digits"):
        training.load("digit")
    for name in (tmp_path / "none", f"{tmp_path}/none"):
        with pytest.raises(DataNotFound, match="no folder or"):
            training.load(name)
    with pytest.raises(DataNotFound, match=r"cannot read .*none\.npz"):
        training.load(tmp_path / "none.npz")


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "imagenet16_120"])
def test_missing_files_say_how_to_get_them(name, tmp_path):
    with pytest.raises(DataNotFound, match=f"no folder with {name} was named: "):
        training.load(name)
    with pytest.raises(DataNotFound, match=str(tmp_path)):
        training.load(name, folder=tmp_path)


def test_published_splits(tmp_path):
    """The official file of CIFAR-10 begins so; the rest of it is made up here."""
    begins = [0, 5, 7, 11, 13, 15, 16, 17, 20, 24]
    others = [i for i in range(50_000) if i > 24]
    train = begins + others[: 25_000 - len(begins)]
    valid = sorted(set(range(50_000)) - set(train))
    path = tmp_path / "cifar-split.txt"

    def write(**splits):
        path.write_text(json.dumps({k: ["int", [str(i) for i in v]] for k, v in splits.items()}))

    write(train=train, valid=valid)
    found = halves(50_000, path, ("train", "valid"))
    assert [part.tolist() for part in found] == [train, valid]
    for wrong in (
        {"train": train, "valid": valid[:-1]},
        {"train": train, "valid": [*valid[:-1], 0]},
        {"train": train, "valid": [*valid[:-1], 50_000]},
    ):
        write(**wrong)
        with pytest.raises(DamagedInput, match="each of 50,000 images"):
            halves(50_000, path, ("train", "valid"))
    write(train=train)
    with pytest.raises(DamagedInput, match=r"cifar-split\.txt is no file of a split"):
        halves(50_000, path, ("train", "valid"))
    with pytest.raises(DataNotFound, match="AutoDL-Projects"):
        halves(50_000, tmp_path / "none.txt", ("train", "valid"))


@given(count=st.integers(2, 500))
def test_halves_of_a_fixed_seed(count):
    one, other = halves(count, None, ("train", "valid"))
    assert sorted([*one, *other]) == list(range(count))
    assert len(one) == count // 2
    assert np.array_equal(one, halves(count, None, ("train", "valid"))[0])


def batch(path, data, labels):
    path.write_bytes(pickle.dumps({"data": data, "labels": labels, "mean": data.mean(0)}))
    return md5(path.read_bytes()).hexdigest()


def test_imagenet_batches(tmp_path, monkeypatch):
    """Files in the official form, with sums of their own."""
    rng = np.random.default_rng(0)
    sums, wanted = {}, []
    for name in (*imagenet16_120.TRAIN, *imagenet16_120.TEST):
        pixels = rng.integers(0, 256, (50, 768), dtype=np.uint8)
        labels = rng.integers(1, 1001, 50).tolist()
        labels[:2] = [1, 120]
        sums[name] = batch(tmp_path / name, pixels, labels)
        wanted += [bytes(x) for x, y in zip(pixels, labels, strict=True) if y <= 120]
    with pytest.raises(DamagedInput, match="train_data_batch_1 is not the official batch"):
        training.load("imagenet16_120", folder=tmp_path)
    monkeypatch.setattr(imagenet16_120, "TRAIN", {k: sums[k] for k in imagenet16_120.TRAIN})
    monkeypatch.setattr(imagenet16_120, "TEST", {"val_data": sums["val_data"]})
    found = training.load("imagenet16_120", folder=tmp_path)
    assert (found.classes, found.channels, found.size) == (120, 3, 16)
    assert abs(len(found.val.labels) - len(found.test.labels)) <= 1
    images = torch.cat([found.train.images, found.val.images, found.test.images])
    assert sorted(map(bytes, images.flatten(1).numpy())) == sorted(wanted)
    assert [len(imagenet16_120.TRAIN), len(imagenet16_120.TEST)] == [10, 1]


class Call:
    def __reduce__(self):
        return print, ("run",)


def test_imagenet_batches_run_nothing(tmp_path, capsys):
    path = tmp_path / "batch"
    for content, error in ((Call(), UnsafePickle), ({"data": [1]}, DamagedInput)):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(error, match="batch"):
            imagenet16_120.read(path, md5(path.read_bytes()).hexdigest())
    assert capsys.readouterr().out == ""


def save(folder, split, classes, count=4, size=8, mode="RGB"):
    rng = np.random.default_rng(count)
    for name in classes:
        place = folder / split / name
        place.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(place / f"{number}.png")


def test_a_folder_of_images(tmp_path):
    for split, count in (("train", 10), ("val", 2), ("test", 3)):
        save(tmp_path, split, ["bee", "ant"], count)
    (tmp_path / "train" / "ant" / "notes.txt").write_text("no image")
    found = training.load(tmp_path)
    assert (found.name, found.classes, found.channels, found.size) == (tmp_path.name, 2, 3, 8)
    assert [len(s.labels) for s in (found.train, found.val, found.test)] == [20, 4, 6]
    first = np.asarray(Image.open(tmp_path / "train" / "ant" / "0.png"))
    assert torch.equal(found.train.images[0].permute(1, 2, 0), torch.from_numpy(first.copy()))
    assert found.test.labels.tolist() == [0] * 3 + [1] * 3


def test_a_folder_without_validation(tmp_path):
    save(tmp_path, "train", ["a", "b"], 10, mode="L")
    save(tmp_path, "test", ["a", "b"], 3, mode="L")
    found = training.load(str(tmp_path))
    assert found.channels == 1
    assert [len(s.labels) for s in (found.train, found.val, found.test)] == [18, 2, 6]


def test_grey_images_among_colours(tmp_path):
    save(tmp_path, "train", ["a", "b"], 10, mode="L")
    save(tmp_path, "test", ["a", "b"], 3)
    found = training.load(tmp_path)
    assert found.train.images.shape[1] == 3
    assert torch.equal(found.train.images[:, 0], found.train.images[:, 2])


def test_faulty_folders(tmp_path):
    with pytest.raises(DamagedInput, match="train holds 0 folders"):
        training.load(tmp_path)
    save(tmp_path, "train", ["a", "b"])
    with pytest.raises(DamagedInput, match="test holds the classes none, and train has a, b"):
        training.load(tmp_path)
    save(tmp_path, "test", ["a", "b"])
    wide = tmp_path / "test" / "b" / "0.png"
    Image.new("RGB", (8, 9)).save(wide)
    with pytest.raises(DamagedInput, match=r"0\.png is 8 by 9 pixels"):
        training.load(tmp_path)
    wide.write_bytes(b"no image")
    with pytest.raises(DamagedInput, match=r"0\.png is no readable image"):
        training.load(tmp_path)
    (tmp_path / "train" / ".cache").mkdir()
    wide.rename(tmp_path / "test" / "b" / "0.txt")
    for left in (tmp_path / "test" / "b").glob("*.png"):
        left.unlink()
    with pytest.raises(DamagedInput, match=r"b holds no image file \(\.bmp"):
        training.load(tmp_path)
    (tmp_path / "test" / "b" / "more").mkdir()
    with pytest.raises(DamagedInput, match="b holds the folder more: the files of a class lie"):
        training.load(tmp_path)
    (tmp_path / "test" / "b" / "more").rmdir()
    with pytest.raises(InvalidSetting, match="says itself how it is split"):
        training.load(tmp_path, splits="whole")
    Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(wide)
    with pytest.raises(DamagedInput, match=r"0\.png is no readable image: .* more than 8 bits"):
        training.load(tmp_path)


@pytest.mark.parametrize("error", [SyntaxError, Image.DecompressionBombError])
def test_whatever_an_image_raises(tmp_path, monkeypatch, error):
    """Pillow raises these of some damaged files."""
    for split in ("train", "test"):
        save(tmp_path, split, ["a", "b"])

    def convert(image, mode):
        raise error("broken")

    monkeypatch.setattr(Image.Image, "convert", convert)
    with pytest.raises(DamagedInput, match=r"0\.png is no readable image: broken"):
        training.load(tmp_path)


def test_arrays(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(50) % 4
    path = tmp_path / "mine.npz"
    np.savez(path, images=images, labels=labels)
    found = training.load(path)
    assert (found.name, found.classes, found.channels, found.size) == ("mine", 4, 3, 8)
    assert [len(s.labels) for s in (found.train, found.val, found.test)] == [30, 10, 10]
    for image, label in zip(*found.val, strict=True):
        same = (images == image.permute(1, 2, 0).numpy()).all((1, 2, 3))
        assert labels[same].tolist() == [label]
    parts = {"train": slice(0, 30), "val": slice(30, 30), "test": slice(30, 50)}
    named = {}
    for split, part in parts.items():
        named |= {f"{split}_images": images[part, :, :, 0], f"{split}_labels": labels[part]}
    np.savez(path, **named)
    found = training.load(path)
    assert found.channels == 1
    assert torch.equal(found.train.images[:, 0], torch.from_numpy(images[:30, :, :, 0].copy()))
    assert len(found.val.labels) == 0


GOOD = np.zeros((10, 8, 8), np.uint8)
LABELS = np.arange(10) % 2


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": GOOD}, "holds images: it must"),
        ({"images": GOOD, "labels": LABELS[:5]}, "10 images, and 5 labels"),
        ({"images": GOOD / 255, "labels": LABELS}, "images are float64"),
        ({"images": GOOD[:, :7], "labels": LABELS}, "must be square"),
        ({"images": GOOD[:, 0], "labels": LABELS}, "has the shape"),
        ({"images": GOOD[:, :2, :2], "labels": LABELS}, "2 pixels a side"),
        ({"images": GOOD[..., None].repeat(4, 3), "labels": LABELS}, "of three channels"),
        ({"images": GOOD, "labels": LABELS * 0}, "has 1 classes"),
        ({"images": GOOD, "labels": LABELS - 1}, "has the label -1"),
        ({"images": GOOD, "labels": LABELS * 2**40}, "has the label 1099511627776, and fewer"),
        ({"images": GOOD, "labels": LABELS / 2}, "labels of type float64"),
        ({"images": GOOD, "labels": LABELS.astype(str)}, "labels"),
        ({"images": GOOD, "labels": LABELS[0]}, r"labels have the shape \(\)"),
        ({"images": GOOD, "labels": LABELS + np.inf}, "no whole numbers"),
        ({"images": GOOD[:0], "labels": LABELS[:0]}, "classes"),
        ({"images": np.array([None] * 10), "labels": LABELS}, "no readable"),
    ],
)
def test_faulty_arrays(tmp_path, arrays, words):
    path = tmp_path / "faulty.npz"
    np.savez(path, **arrays)
    with pytest.raises(DamagedInput, match=words) as found:
        training.load(path)
    assert "faulty" in str(found.value)


def test_damaged_arrays(tmp_path):
    path = tmp_path / "cut.npz"
    np.savez(path, images=GOOD, labels=LABELS)
    content = path.read_bytes()
    member = content.rindex(b"PK\x01\x02")
    encrypted, packed = bytearray(content), bytearray(content)
    encrypted[member + 8], packed[member + 10] = 1, 99
    single = io.BytesIO()
    np.save(single, GOOD)
    lies = (bytes(encrypted), bytes(packed), single.getvalue())
    for damaged in (b"", b"nothing", content[:-30], content[:200], *lies):
        path.write_bytes(damaged)
        with pytest.raises(DamagedInput, match=r"cut\.npz is no readable"):
            training.load(path)


def test_a_single_image_is_no_batch():
    one = GOOD[:1, None], np.array([1])
    with pytest.raises(DamagedInput, match="one image to train"):
        assemble("one", 2, one, one, one)


def test_what_assembles_must_agree():
    train = np.zeros((4, 1, 8, 8), np.uint8), np.arange(4)
    small = np.zeros((4, 1, 6, 6), np.uint8), np.arange(4)
    with pytest.raises(DamagedInput, match="those of train are"):
        assemble("set", 4, train, small, train)
    with pytest.raises(DamagedInput, match="set, val: image 3 has the label 3"):
        assemble("set", 3, (train[0][:3], train[1][:3]), train, train)
    with pytest.raises(DamagedInput, match="no images to test"):
        assemble("set", 4, train, train, (train[0][:0], train[1][:0]))


def test_the_digest_is_of_all_images(digits):
    changed = digits.test.images.clone()
    changed[0, 0, 0, 0] += 1
    other = assemble(
        "digits",
        10,
        *[(s.images.numpy(), s.labels.numpy()) for s in (digits.train, digits.val)],
        (changed.numpy(), digits.test.labels.numpy()),
    )
    assert other.digest != digits.digest
