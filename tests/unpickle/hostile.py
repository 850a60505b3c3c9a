"""Pickles that would run something if they could, by what they ask for."""

import pickle


def short(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


def name(module, attribute):
    """The instruction that imports a name in protocol 4."""
    return short(module) + short(attribute) + b"\x93"


def call(module, attribute, *arguments):
    """A pickle that imports a name and calls it with texts."""
    inside = b"".join(short(text) for text in arguments)
    return b"\x80\x04" + name(module, attribute) + b"(" + inside + b"tR."


# What would run something, each with the file that it would leave.


def executing(sentinel):
    touch = f"touch {sentinel}"
    code = f"open({str(sentinel)!r}, 'w').close()"
    return {
        "GLOBAL os.system": f"cos\nsystem\n(S'{touch}'\ntR.".encode(),
        "GLOBAL posix.system": f"cposix\nsystem\n(S'{touch}'\ntR.".encode(),
        "INST os.system": f"(S'{touch}'\nios\nsystem\n.".encode(),
        "OBJ os.system": f"(cos\nsystem\nS'{touch}'\no.".encode(),
        "STACK_GLOBAL os.system": call("os", "system", touch),
        "STACK_GLOBAL posix.system": call("posix", "system", touch),
        "nt.system": call("nt", "system", touch),
        "os.popen": call("os", "popen", touch),
        "subprocess": call("subprocess", "getoutput", touch),
        "subprocess.Popen": b"\x80\x04"
        + name("subprocess", "Popen")
        + b"("
        + b"]("
        + short("touch")
        + short(str(sentinel))
        + b"etR.",
        "eval": call("builtins", "eval", code),
        "exec": call("builtins", "exec", code),
        "__builtin__.eval": call("__builtin__", "eval", code),
        "__builtins__.eval": call("__builtins__", "eval", code),
        "compile": call("builtins", "compile", code, "x", "exec"),
        "open": call("builtins", "open", str(sentinel), "w"),
        "io.open": call("io", "open", str(sentinel), "w"),
        "_io.FileIO": call("_io", "FileIO", str(sentinel), "w"),
        "pathlib": call("pathlib", "Path", str(sentinel)),
        "__import__": call("builtins", "__import__", "os"),
        "getattr": b"\x80\x04"
        + name("builtins", "getattr")
        + b"("
        + name("os", "path")
        + short("sep")
        + b"tR.",
        "importlib": call("importlib", "import_module", "antigravity"),
        "runpy": call("runpy", "run_path", str(sentinel)),
        "nested name": call("builtins", "eval.__call__", code),
        "nested admitted name": call("builtins", "dict.__init__.__globals__", code),
        "nested in collections": call("collections", "OrderedDict.__class__", code),
        "nested in ours": call("collections", "abc.sys.modules", code),
        "operator.attrgetter": call("operator", "attrgetter", "system"),
        "operator.methodcaller": call("operator", "methodcaller", "system", touch),
        "functools.partial": b"\x80\x04"
        + name("functools", "partial")
        + b"("
        + name("os", "system")
        + short(touch)
        + b"tR)R.",
        "codecs": call("codecs", "open", str(sentinel), "w"),
        "_codecs.lookup": call("_codecs", "lookup", "os"),
        "_codecs.encode": call("_codecs", "encode", touch, "zlib"),
        "numpy.load": call("numpy", "load", str(sentinel)),
        "numpy.save": call("numpy", "save", str(sentinel), "x"),
        "numpy.memmap": call("numpy", "memmap", str(sentinel), "u1", "w+"),
        "numpy.fromfile": call("numpy", "fromfile", str(sentinel)),
        "numpy.lib.npyio": call("numpy.lib.npyio", "loadtxt", str(sentinel)),
        "numpy.core os": call("numpy.core.multiarray", "os.system", touch),
        "numpy.testing": call("numpy.testing._private.utils", "runstring", code, "x"),
        "numpy.distutils": call("numpy.distutils.exec_command", "exec_command", touch),
        "numpy.f2py": call(
            "numpy.f2py.diagnose",
            "run",
        ),
        "pandas.read_pickle": call("pandas", "read_pickle", str(sentinel)),
        "pandas.eval": call("pandas", "eval", code),
        "pandas frame module": call("pandas.core.frame", "sys", "x"),
        "torch.load": call("torch", "load", str(sentinel)),
        "pickle.loads": call("pickle", "loads", "x"),
        "_pickle.loads": call("_pickle", "loads", "x"),
        "marshal": call("marshal", "loads", "x"),
        "types": call("types", "CodeType", "x"),
        "types.FunctionType": call("types", "FunctionType", "x"),
        "timeit": call("timeit", "timeit", code),
        "pdb": call("pdb", "run", code),
        "copyreg": b"ccopyreg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.",
        "copy_reg": b"ccopy_reg\n_reconstructor\n(c__builtin__\ndict\nc__builtin__\ndict\n}tR.",
        "copyreg.add_extension": call("copyreg", "add_extension", "os", "system", "7"),
        "__newobj__": b"ccopyreg\n__newobj__\n(cos\nsystem\ntR.",
        "builtins.type": call("builtins", "type", "x"),
        "builtins.object": call("builtins", "object"),
        "builtins.map": b"\x80\x04"
        + name("builtins", "map")
        + b"("
        + name("os", "system")
        + b"]("
        + short(touch)
        + b"etR.",
        "unittest": call("unittest.mock", "_importer", "os.system"),
        "weakref": call("weakref", "finalize", "x"),
        "zipimport": call("zipimport", "zipimporter", str(sentinel)),
        "webbrowser": call("webbrowser", "open", "x"),
        "our own cli": call("nasbench_suite.cli", "main"),
        "our own reader": call("nasbench_suite.unpickle", "load", str(sentinel)),
        "surrogate name": b"\x80\x04"
        + b"\x8c\x02os"
        + b"\x8c\x06system\x93"
        + short(touch)
        + b"\x85R.",
        "extension 1": b"\x80\x02\x82\x07(" + short(touch) + b"tR.",
        "extension 2": b"\x80\x02\x83\x07\x00(" + short(touch) + b"tR.",
        "extension 4": b"\x80\x02\x84\x07\x00\x00\x00(" + short(touch) + b"tR.",
        "after honest data": pickle.dumps({"a": [1, 2]})[:-1]
        + f"cos\nsystem\n(S'{touch}'\ntR.".encode(),
        "discarded": b"\x80\x04" + name("os", "system") + short(touch) + b"\x85R0K\x01.",
        "never called": b"\x80\x04" + name("os", "system") + b"0K\x01.",
    }
