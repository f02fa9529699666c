"""NetCDF files that are read only if nothing in them can do harm and nothing was changed.

A file ends with a seal, 16 bytes of name and the SHA-256 of all before; readers of HDF5 do not
look behind the end that the file states. A file without one was written before seals were, or
anew by another program, which its header tells apart.

Invariant: before a number is read, the seal has been held against the bytes and every array has
been looked at: plain numbers and texts of a bounded size, in this file, behind no link and no
filter but compression. Nothing is unpickled.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import xarray as xr

from bayes_alliance.exceptions import SchemaError
from bayes_alliance.files import write_whole

__all__ = ["is_sealed", "read_groups", "require_arrays", "require_labels", "sealed",
           "write_groups"]

_NAME: Final = b"bayes_alliance 1"
_DIGEST: Final = 32
_TAIL: Final = len(_NAME) + _DIGEST
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_MOST_BYTES: Final = 4 * 2**30
_MOST_LABELS: Final = 1_000_000
_FILTERS: Final = frozenset({"gzip", "shuffle", "fletcher32"})
_BLOCK: Final = 2**20
# What the readers raise on a file that is damaged; none of them says which file it was.
_READING: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError,
                   RuntimeError, OverflowError, MemoryError, AssertionError, Warning)


def sealed(made: bytes) -> bytes:
    """Return the bytes of a finished file with the seal at their end."""
    return made + _NAME + hashlib.sha256(made).digest()


def write_groups(path: str | Path, groups: Mapping[str, xr.Dataset], header: Mapping[str, Any], *,
                 overwrite: bool) -> None:
    """Write a sealed file whole, the header as an attribute of its first group.

    Parameters
    ----------
    path : str or pathlib.Path
    groups : mapping of str to xarray.Dataset
        By name, at the root of the file; compressed.
    header : mapping
        What JSON can hold.
    overwrite : bool
        Whether a file that is there is replaced.
    """
    first = next(iter(groups))
    kept = {**groups, first: groups[first].assign_attrs(header=json.dumps(header))}
    encoding = {f"/{group}": {str(name): {"zlib": True, "complevel": 1} for name in found.data_vars}
                for group, found in kept.items()}
    # Made in memory: HDF5 ends the whole process where a disk is full.
    made = xr.DataTree.from_dict(kept).to_netcdf(engine="h5netcdf", encoding=encoding)
    write_whole(Path(path), sealed(bytes(made)), overwrite=overwrite)


def is_sealed(path: str | Path) -> bool:
    """Say whether a file bears a seal; :func:`read_groups` holds it against the bytes."""
    return _tail(Path(path)).startswith(_NAME)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - _TAIL, 0))
        return file.read()


def _digest(path: Path, end: int | None) -> bytes:
    digest, left = hashlib.sha256(), path.stat().st_size if end is None else end
    with path.open("rb") as file:
        while left > 0:
            block = file.read(min(left, _BLOCK))
            if not block:
                break
            digest.update(block)
            left -= len(block)
    return digest.digest()


def read_groups(path: str | Path, groups: Iterable[str], what: str) -> dict[str, xr.Dataset]:
    """Read groups of a NetCDF file into memory.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    groups : iterable of str
        Names of groups at its root.
    what : str
        What the file should be, for the message.

    Raises
    ------
    SchemaError
        If it is no NetCDF file, is truncated, was changed, or holds what is not plain numbers and
        texts of a bounded size.
    """
    source = Path(path)
    try:
        size = source.stat().st_size
        if size > _MOST_BYTES:
            raise SchemaError(f"{source} has {size} bytes (allowed: at most {_MOST_BYTES})")
        with source.open("rb") as file:
            if file.read(len(_SIGNATURE)) != _SIGNATURE:
                raise SchemaError(f"{source} is no {what}: it is no NetCDF file")
        tail = _tail(source)
        if tail.startswith(_NAME) and tail[len(_NAME):] != _digest(source, size - _TAIL):
            raise SchemaError(f"{source} does not match its seal: the file was changed or damaged "
                              "after it was written")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            _look_at(source, groups, what)
            found = {}
            for group in groups:
                with xr.open_dataset(source, group=group, engine="h5netcdf", decode_times=False,
                                     decode_timedelta=False) as opened:
                    found[group] = opened.load()
    except SchemaError:
        raise
    except _READING as error:
        raise SchemaError(f"{source} is no {what}, or is truncated: {error}") from None
    return found


def _look_at(source: Path, groups: Iterable[str], what: str) -> None:
    """Look at every array of the groups before any is read."""
    total = 0
    with h5py.File(source, "r") as file:
        for group in groups:
            if group not in file:
                raise SchemaError(f"{source} is no {what}: it lacks the group {group}")
            _require_own(file, group, source)
            for name in file[group]:
                _require_own(file[group], name, source)
                array = file[group][name]
                if not isinstance(array, h5py.Dataset):
                    raise SchemaError(f"{source}: {group}/{name} is no array")
                if array.is_virtual or array.external or not set(array._filters) <= _FILTERS:
                    raise SchemaError(f"{source}: {group}/{name} is not stored plainly in the file "
                                      f"(allowed: {', '.join(sorted(_FILTERS))})")
                total += _bytes_of(array, f"{source}: {group}/{name}")
                if total > _MOST_BYTES:
                    raise SchemaError(f"{source}: {group}/{name}, of shape {array.shape}, makes "
                                      f"more than {_MOST_BYTES} bytes")


def _require_own(group: Any, name: str, source: Path) -> None:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise SchemaError(f"{source}: {name} is a link to another place")


def _bytes_of(array: h5py.Dataset, where: str) -> int:
    """Return the bytes an array takes once it is read; refuse what is no number or text."""
    count = int(np.prod(array.shape, dtype=object)) if array.shape else 1
    text = h5py.check_string_dtype(array.dtype)
    if text is not None:
        if array.ndim > 1 or count > _MOST_LABELS:
            raise SchemaError(f"{where} holds {count} texts in {array.ndim} dims")
        return count
    if array.dtype.kind not in "fiub" or array.dtype.fields is not None:
        raise SchemaError(f"{where} is of type {array.dtype} (allowed: numbers, and labels of one "
                          "dim)")
    return count * int(array.dtype.itemsize)


def require_arrays(found: xr.Dataset, arrays: Mapping[str, Sequence[str]], where: str) -> None:
    """Refuse a dataset that lacks a variable of numbers with the dims ``chain``, ``draw``, more.

    Parameters
    ----------
    found : xarray.Dataset
        What was read.
    arrays : mapping of str to sequence of str
        Name of each variable, and its dims beside ``chain`` and ``draw``.
    where : str
        The file and group, for the message.

    Raises
    ------
    SchemaError
        If one is missing, of another kind or of other dims.
    """
    for name, dims in arrays.items():
        wanted = ("chain", "draw", *dims)
        if name not in found.data_vars:
            raise SchemaError(f"{where} lacks {name}")
        if set(found[name].dims) != set(wanted) or len(found[name].dims) != len(wanted):
            dims_found = ", ".join(map(str, found[name].dims))
            raise SchemaError(f"{where}: {name} has the dims {dims_found} (allowed: "
                              f"{', '.join(wanted)})")
    for other, array in found.data_vars.items():
        if array.dtype.kind not in "fiub" or not {"chain", "draw"} <= set(array.dims):
            raise SchemaError(f"{where}: {other} is no array of numbers by chain and draw")
    if not all(found.sizes.get(dim, 0) for dim in ("chain", "draw")):
        raise SchemaError(f"{where} holds no draws")


def require_labels(found: xr.Dataset, labels: Mapping[str, Sequence[str]], where: str) -> None:
    """Refuse a dataset whose dims have other labels, or the same ones in another order.

    Parameters
    ----------
    found : xarray.Dataset
        What was read.
    labels : mapping of str to sequence of str
        Of every dim that it may have, ``chain`` and ``draw`` excepted.
    where : str
        The file and group, for the message.

    Raises
    ------
    SchemaError
        If a dim is unknown, or its labels are not these in this order.
    """
    for dim in sorted(map(str, found.dims)):
        if dim in ("chain", "draw"):
            continue
        if dim not in labels or dim not in found.coords:
            raise SchemaError(f"{where} has the dim {dim!r}, which the model does not have, or "
                              "which has no labels")
        stored = [str(one) for one in found[dim].to_numpy()]
        if stored != list(labels[dim]):
            kind = ("in another order" if sorted(stored) == sorted(labels[dim])
                    else "that are not the model's")
            raise SchemaError(f"{where} has labels of {dim} {kind} (allowed: "
                              f"{_shown(labels[dim])})")


def _shown(labels: Sequence[str]) -> str:
    most = 12
    return ", ".join(labels[:most]) + (f" and {len(labels) - most} more"
                                       if len(labels) > most else "")
