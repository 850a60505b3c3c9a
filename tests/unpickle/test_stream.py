"""A pickle that is read entry by entry says what the pickle says, and runs nothing."""

import bz2
import contextlib
import pickle
import runpy
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench_suite.core import DamagedInput, UnsafePickle
from nasbench_suite.unpickle import stream
from nasbench_suite.unpickle.stream import Entries

REFUSED = (UnsafePickle, DamagedInput)
HOSTILE = runpy.run_path(str(Path(__file__).with_name("hostile.py")))["executing"]

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=4) | st.integers(0, 999), inner, max_size=4)
    ),
    max_leaves=12,
)
entries = st.dictionaries(
    st.integers(0, 9), st.dictionaries(st.text(max_size=3), plain, max_size=4), max_size=6
)


def written(folder, data, protocol=4):
    path = folder / "whole.pkl"
    path.write_bytes(pickle.dumps(data, protocol))
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    found=entries,
    before=plain,
    after=plain,
    protocol=st.integers(2, 5),
    chunk=st.integers(1, 400),
)
def test_every_entry_is_given_once_and_whole(
    tmp_path, monkeypatch, found, before, after, protocol, chunk
):
    # Chunks as small as a byte end within every instruction.
    monkeypatch.setattr(stream, "_CHUNK", chunk)
    path = written(tmp_path, {"before": before, "items": found, "after": after}, protocol)
    read = Entries(path, "items")
    given_away = list(read)
    assert given_away == list(found.items())
    assert read.rest == {"before": before, "items": {}, "after": after}


def test_other_values(tmp_path):
    # What is no dictionary has no sign of being whole; it is given whole or not at all.
    for found in ({0: 1.5, 1: None, 2: "x"}, {0: [1], 1: {"a": 1}, 2: 3}, {0: [{"a": 1}, 2]}):
        assert dict(Entries(written(tmp_path, {"items": found}), "items")) == found
    for value in (({"a": 1},), ({"a": 1}, 2), ({}, {"a": 1}), {at: at for at in range(1_001)}):
        read = Entries(written(tmp_path, {"items": {0: value, 1: {}}}), "items")
        with contextlib.suppress(DamagedInput):
            assert dict(read)[0] == value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 999, 1_000, 1_001, 2_001])
def test_batches(tmp_path, protocol, count):
    # A pickle writes a thousand items at a time, and a single one in another way.
    found = {at: {"a": at, "b": [at / 3]} for at in range(count)}
    read = Entries(written(tmp_path, {"items": found}, protocol), "items")
    assert list(read) == list(found.items())


def test_texts_that_entries_share(tmp_path):
    shared = "epoch " + "x" * 200
    found = {at: {shared: at, "own": f"text {at}", str(at): [shared, shared]} for at in range(50)}
    for protocol in (2, 4):
        assert dict(Entries(written(tmp_path, {"items": found}, protocol), "items")) == found


def test_numpy_scalars_and_ordered_dictionaries(tmp_path):
    found = OrderedDict(
        (at, OrderedDict(value=np.float64(at / 7), row=np.arange(3) + at)) for at in range(5)
    )
    for protocol in (2, 4):
        read = list(Entries(written(tmp_path, OrderedDict(items=found), protocol), "items"))
        assert [value["value"] for _, value in read] == [at / 7 for at in range(5)]
        assert [value["row"].tolist() for _, value in read] == [
            [at, at + 1, at + 2] for at in found
        ]


def test_what_entries_share_beyond_text_is_refused(tmp_path):
    shared = [1, 2]
    found = {0: {"a": shared, "b": 1}, 1: {"a": shared, "b": 2}}
    with pytest.raises(DamagedInput, match=r"after 1 entries.*of an earlier entry"):
        list(Entries(written(tmp_path, {"items": found}), "items"))


def test_memory_does_not_grow_with_the_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_CHUNK", 1 << 14)

    def peak(count):
        found = {
            at: {run: {f"split@{e}": e + at / 7 for e in range(100)} for run in range(10)}
            for at in range(count)
        }
        path = written(tmp_path, {"items": found})
        del found
        tracemalloc.start()
        assert sum(1 for _ in Entries(path, "items")) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, path.stat().st_size

    (few, size), (many, larger) = peak(30), peak(150)
    assert larger - size > 2e6
    # Four bytes stay of each text and container that the pickle numbers.
    assert many - few < 0.25 * (larger - size)


class TestForms:
    """What the pickle is packed in."""

    @property
    def data(self):
        return {"items": {at: {"a": at, "b": 0.5} for at in range(7)}, "more": [1]}

    def check(self, path):
        read = Entries(path, "items")
        assert dict(read) == self.data["items"]
        assert read.rest["more"] == [1]

    def test_bzip2(self, tmp_path):
        path = tmp_path / "whole.pickle.pbz2"
        # Two streams, one after the other, as parallel packers write.
        content = pickle.dumps(self.data)
        path.write_bytes(bz2.compress(content[:50]) + bz2.compress(content[50:]))
        self.check(path)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(DamagedInput, match=r"whole\.pickle\.pbz2"):
            list(Entries(path, "items"))

    def test_torch_archive(self, tmp_path):
        path = tmp_path / "whole.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("whole/data.pkl", pickle.dumps(self.data, 2))
            archive.writestr("whole/version", "3\n")
        self.check(path)
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(DamagedInput, match=r"whole\.pth"):
            list(Entries(path, "items"))

    def test_older_torch_file(self, tmp_path):
        path = tmp_path / "whole.pth"
        magic = 0x1950A86A20F9469CFC6C
        parts = (magic, 1001, {"little_endian": True, "type_sizes": {"int": 4}}, self.data, [])
        path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
        self.check(path)

    def test_torch_itself(self, tmp_path):
        torch = pytest.importorskip("torch")
        for new in (True, False):
            path = tmp_path / f"{new}.pth"
            torch.save(self.data, path, _use_new_zipfile_serialization=new)
            self.check(path)


@pytest.mark.parametrize("place", ["alone", "before", "within", "after"])
@pytest.mark.parametrize("case", list(HOSTILE("x")))
def test_nothing_is_executed(case, place, tmp_path):
    sentinel = tmp_path / "executed"
    data = HOSTILE(sentinel)[case]
    if data[:1] == b"\x80":
        data = data[2:]
    data = data.rstrip(b".")
    key = b"\x8c\x05items"
    honest = {
        "alone": data + b".",
        "before": b"\x80\x04}(\x8c\x01x" + data + key + b"}u.",
        "within": b"\x80\x04}(" + key + b"}(K\x01}K\x01K\x02sK\x02" + data + b"uu.",
        "after": b"\x80\x04}(" + key + b"}(K\x01}K\x01K\x02su\x8c\x01x" + data + b"u.",
    }
    path = tmp_path / "case.pkl"
    path.write_bytes(honest[place])
    with pytest.raises(REFUSED, match=r"case\.pkl"):
        list(Entries(path, "items"))
    assert not sentinel.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    st.integers(2, 5),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 200),
)
def test_broken_bytes(tmp_path, protocol, changes, cut):
    found = {at: {"a": at, "b": [at / 3, None, ("x", b"y")]} for at in range(5)}
    data = bytearray(pickle.dumps({"items": found, "more": {1, 2}}, protocol))
    for place, byte in changes:
        data[place % len(data)] = byte
    path = tmp_path / "broken.pkl"
    path.write_bytes(data[: len(data) - cut])
    with contextlib.suppress(*REFUSED):
        list(Entries(path, "items"))


def test_cut_short_at_every_byte(tmp_path):
    data = pickle.dumps({"items": {0: {"a": 1, "b": 2.5}, 1: {"a": "x", "b": None}}, "z": 1})
    path = tmp_path / "cut.pkl"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DamagedInput, match=r"cut\.pkl, after \d entries"):
            list(Entries(path, "items"))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04]" + b"}" * (1 << 21) + b".",
        b"\x80\x04\x8d" + (1 << 60).to_bytes(8, "little") + b"a.",
        b"\x80\x04B\xff\xff\xff\xff.",
        b"\x80\x02]r\xff\xff\xff\x7f.",
        pickle.dumps({"items": {0: {"a": [0.5] * (1 << 18)}}}),
    ],
    ids=["containers", "text", "bytes", "number", "entry"],
)
def test_what_asks_for_all_memory(tmp_path, monkeypatch, data):
    monkeypatch.setattr(stream, "_MOST_ENTRY", 1 << 20)
    path = tmp_path / "large.pickle.pbz2"
    path.write_bytes(bz2.compress(data))
    tracemalloc.start()
    with pytest.raises(REFUSED):
        list(Entries(path, "items"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A byte of a pickle makes at most one empty container.
    assert most < 200e6


def test_another_structure(tmp_path):
    for data in ([1], {"items": [1]}, {"others": {}}, 7, {"items": None}):
        with pytest.raises(DamagedInput, match="no dictionary with a dictionary 'items'"):
            list(Entries(written(tmp_path, data), "items"))
    with pytest.raises(FileNotFoundError):
        list(Entries(tmp_path / "nothing", "items"))


def test_copies_have_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_MOST_ENTRY", 1 << 20)
    call = b"\x8c\x08builtins\x8c\x04list\x93\x94"
    large = pickle.dumps(list(range(20_000)), 4)[2:-1]
    path = tmp_path / "copies.pkl"
    # The outer dictionary, then an entry whose list is copied again and again.
    numbers = {"list": b"h\x02h\x03\x85R"}
    body = b"(" + numbers["list"] * 50_000 + b"l"
    large = large.replace(b"\x94", b"", 1)
    path.write_bytes(
        b"\x80\x04}\x94(\x8c\x05items}\x94(K\x00}(\x8c\x01a" + call + b"0" + large + b"\x940"
        b"\x8c\x01b" + body + b"uu\x8c\x01zK\x01u."
    )
    tracemalloc.start()
    with pytest.raises(REFUSED):
        list(Entries(path, "items"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50e6


def test_long_texts_are_not_kept(tmp_path):
    data = {"items": {at: {"a": f"{at}" * 100_000, "b": 1} for at in range(60)}, "z": 1}
    path = written(tmp_path, data)
    del data
    tracemalloc.start()
    assert sum(1 for _ in Entries(path, "items")) == 60
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 5e6
