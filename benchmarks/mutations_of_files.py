"""Ways to damage saved fits, and command lines that should not be.

Invariant: as in :mod:`benchmarks.mutations`; a name in ``NEVER_SOUND_FIT`` leaves no fit that may
be read.
"""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bayes_alliance.inference.sealed import sealed
from benchmarks.mutations import CELLS, TOML_MUTATIONS, Rng

__all__ = ["FIT_MUTATIONS", "NEVER_SOUND_FIT", "command_line", "mutate_fit"]

_TAIL = 48
_HEADER_CHANGES = ("key deleted", "value replaced", "value of another key", "key renamed",
                   "item repeated")


def _flip(rng: Rng, path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in rng.integers(0, len(data), int(rng.integers(1, 9))):
        data[at] ^= int(rng.integers(1, 256))
    path.write_bytes(data)


def _flip_and_seal(rng: Rng, path: Path) -> None:
    data = bytearray(path.read_bytes()[:-_TAIL])
    # Half of the changes where the library keeps its books, which is first.
    end = len(data) if rng.random() < 0.5 else 8192
    for at in rng.integers(0, end, int(rng.integers(1, 9))):
        data[at] ^= int(rng.integers(1, 256))
    path.write_bytes(sealed(bytes(data)))


def _truncate(rng: Rng, path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:int(rng.integers(len(data)))])


def _append(rng: Rng, path: Path) -> None:
    path.write_bytes(path.read_bytes() + rng.bytes(int(rng.integers(1, 100))))


def _other_file(rng: Rng, path: Path) -> None:
    contents = (b"", b"not a fit", pickle.dumps({"a": 1}), b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
                b"CDF\x01" + b"\0" * 50, b"PK\x03\x04" + rng.bytes(100))
    path.write_bytes(contents[int(rng.integers(len(contents)))])


def _folder(_: Rng, path: Path) -> None:
    path.unlink()
    path.mkdir()


def _inside(change: Callable[[Rng, h5py.File], None], *,
            anew: bool = True) -> Callable[[Rng, Path], None]:
    """Return a mutation that changes a file by its library, and seals it anew."""
    def apply(rng: Rng, path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-_TAIL])
        with h5py.File(path, "a") as file:
            change(rng, file)
        if anew:
            path.write_bytes(sealed(path.read_bytes()))
    return apply


def _pick(rng: Rng, among: Any) -> Any:
    among = sorted(among)
    return among[int(rng.integers(len(among)))]


def _variable(rng: Rng, file: h5py.File) -> tuple[h5py.Group, str]:
    group = file[_pick(rng, file)]
    return group, _pick(rng, group)


def _remove_group(rng: Rng, file: h5py.File) -> None:
    del file[_pick(rng, file)]


def _remove_variable(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    del group[name]


def _rename_variable(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    group.move(name, name + "_x")


def _change_attribute(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    place = group if rng.random() < 0.3 else group[name]
    known = [key for key in place.attrs if key != "header"]
    key = _pick(rng, known) if known and rng.random() < 0.7 else "units"
    value = _pick(rng, ["days since 1-1-1", "x", "scale_factor"])
    if key in place.attrs and rng.random() < 0.5:
        del place.attrs[key]
    else:
        place.attrs[key] = value


def _labels(rng: Rng, file: h5py.File) -> None:
    group = file[_pick(rng, file)]
    texts = [name for name in group if h5py.check_string_dtype(group[name].dtype) is not None]
    if not texts:
        return
    array = group[_pick(rng, texts)]
    values = array.asstr()[...]
    if len(values) < 2 or rng.random() < 0.3:
        array[...] = np.array(["other"] * len(values), dtype=object)
    else:
        array[...] = np.roll(values, 1)


def _draws(rng: Rng, file: h5py.File) -> None:
    group = file[_pick(rng, file)]
    name = _pick(rng, [name for name in group if group[name].dtype.kind == "f"])
    group[name][...] = _pick(rng, [np.nan, np.inf, 0.0, 1e30, -5.0])


def _retype(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    shape = group[name].shape
    del group[name]
    kinds: list[Any] = [np.complex64, "S5", np.dtype([("a", "f4"), ("b", "i4")]), np.int8,
                        h5py.string_dtype(), np.float64, np.bool_]
    group.create_dataset(name, shape=shape, dtype=kinds[int(rng.integers(len(kinds)))])


def _reshape(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    shape = tuple(int(rng.integers(0, 4)) for _ in range(int(rng.integers(0, 4))))
    del group[name]
    group.create_dataset(name, shape=shape, dtype="f4")


def _huge(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    del group[name]
    group.create_dataset(name, shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000),
                         compression="gzip")


def _link(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    del group[name]
    group[name] = (_pick(rng, [1, 2]) == 1 and h5py.SoftLink("/posterior")) or h5py.ExternalLink(
        "/etc/hostname", "/x")


def _outside(rng: Rng, file: h5py.File) -> None:
    group, name = _variable(rng, file)
    del group[name]
    group.create_dataset(name, shape=(8,), dtype="i1", external=[("/etc/hostname", 0, 8)])


def _header(rng: Rng, file: h5py.File) -> None:
    """Change what the header says, in half of the cases with hashes that go with it."""
    attributes = file["posterior"].attrs
    header = json.loads(attributes["header"])
    part = header
    if rng.random() < 0.7:
        part = header[_pick(rng, [key for key in header if isinstance(header[key], dict)])]
    TOML_MUTATIONS[_pick(rng, _HEADER_CHANGES)](rng, part)
    if rng.random() < 0.5 and "panel" in header:
        import hashlib

        header["panel_hash"] = hashlib.sha256(json.dumps(header["panel"], sort_keys=True).encode()
                                              ).hexdigest()
    try:
        text = json.dumps(header)
    except (ValueError, TypeError):
        return
    del attributes["header"]
    attributes["header"] = text.encode("utf-8", "backslashreplace").decode()


def _header_text(rng: Rng, file: h5py.File) -> None:
    attributes = file["posterior"].attrs
    text = attributes["header"]
    del attributes["header"]
    if rng.random() < 0.8:
        attributes["header"] = _pick(rng, ["", "{}", "[]", "null", "[" * 100_000, "{", "1",
                                           text[:len(text) // 2], '{"format": 1, "version": []}',
                                           "NaN"])


FIT_MUTATIONS: dict[str, Callable[[Rng, Path], None]] = {
    "bytes changed": _flip, "bytes changed and sealed": _flip_and_seal, "truncated": _truncate,
    "bytes appended": _append, "another file": _other_file, "a folder": _folder,
    "group removed": _inside(_remove_group), "variable removed": _inside(_remove_variable),
    "variable renamed": _inside(_rename_variable), "attribute changed": _inside(_change_attribute),
    "labels changed": _inside(_labels), "draws changed": _inside(_draws),
    "draws changed, not sealed": _inside(_draws, anew=False), "type changed": _inside(_retype),
    "shape changed": _inside(_reshape), "absurd size": _inside(_huge), "link": _inside(_link),
    "bytes of another file": _inside(_outside), "header changed": _inside(_header),
    "header replaced": _inside(_header_text)}
NEVER_SOUND_FIT = frozenset({
    "bytes changed", "truncated", "another file", "a folder", "group removed",
    "draws changed, not sealed", "absurd size", "link", "bytes of another file",
    "header replaced"})


def mutate_fit(rng: Rng, path: Path) -> list[str]:
    """Damage a saved fit in place; return what was done."""
    name = _pick(rng, FIT_MUTATIONS)
    FIT_MUTATIONS[name](rng, path)
    return [name]


def command_line(rng: Rng, folder: Path, words: dict[str, str]) -> list[str]:
    """Return a command line of known commands and options with values that do not fit.

    Parameters
    ----------
    rng : numpy.random.Generator
    folder : pathlib.Path
        Where files may be written.
    words : dict of str to str
        Paths by name: ``model``, ``dataset``, ``fit``, ``dyad_fit``, ``scenario``.
    """
    def value() -> str:
        wrong = [*(cell for cell in CELLS if "\0" not in cell), *words.values(), str(folder),
                 str(folder / "new.nc"), str(folder / "none" / "new.nc"), "/dev/null", "/dev/zero",
                 "/proc/self/mem", "rok_japan", "H12", "-1", "0", "1e9", "9" * 30, "2012-01",
                 "tcp://127.0.0.1:1", "as_now", "~", "-", "--", "--help", "\udcff", "a" * 5000]
        return str(wrong[int(rng.integers(len(wrong)))])

    commands = {
        ("model", "show"): (), ("data", "validate"): (), ("data", "show"): ("--figure", "--model"),
        ("data", "init"): ("--members", "--patron", "--start", "--end"),
        ("dyads", "show"): ("--dyad",), ("dyads", "fit"): ("--out", "--hypothesis", "--draws"),
        ("fit",): ("--out", "--hypothesis", "--leave-out", "--seed", "--draws", "--chains"),
        ("compare",): ("--seed", "--work", "--workers", "--out"),
        ("robustness",): ("--out", "--seed", "--work", "--workers"),
        ("forecast",): ("--out", "--horizon", "--scenario", "--seed"),
        ("backtest",): ("--out", "--first", "--step", "--lag", "--work"),
        ("report",): ("--out", "--seed", "--work"), ("nothing",): ("--nothing",)}
    chosen = list(commands)[int(rng.integers(len(commands)))]
    arguments = list(chosen)
    if rng.random() < 0.9:
        arguments.append(value() if rng.random() < 0.6 else _pick(rng, words.values()))
    for option in commands[chosen]:
        if option == "--out" or rng.random() < 0.4:
            arguments += [option, value() if rng.random() < 0.7 else str(folder / "out.nc")]
    if rng.random() < 0.2:
        arguments.insert(int(rng.integers(len(arguments) + 1)), value())
    return arguments
