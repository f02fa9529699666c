"""Where the models and datasets that come with the package are.

Invariant: an installed wheel carries them under ``bayes_alliance/_shipped``; a checkout has them
at its top level. Nothing else in the package knows about either place.
"""

import re
from pathlib import Path

from bayes_alliance.exceptions import Fault, SpecError

__all__ = ["find_data_folder", "find_dataset", "find_dyad_dataset", "find_model", "shipped_folder",
           "shipped_models"]

# A name that no system takes for a path, a hidden file or an option.
_FOLDER = re.compile(r"[\w][\w .-]{0,99}")


def shipped_folder(kind: str) -> Path:
    """Return the folder of the shipped ``models`` or ``data``.

    Parameters
    ----------
    kind : {"models", "data"}
        Which folder.

    Returns
    -------
    pathlib.Path
        The folder inside the wheel, else the one at the top of the checkout.
    """
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / kind
    # A checkout wins: an editable install may leave a stale copy among the installed files.
    if (package.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    return package / "_shipped" / kind


def shipped_models() -> tuple[str, ...]:
    """Return the names of the models that come with the package."""
    return tuple(sorted(path.stem for path in shipped_folder("models").glob("*.toml")))


def find_model(name: str | Path) -> Path:
    """Return the file of a model given its shipped name or its path.

    Raises
    ------
    SpecError
        If there is neither a file at that path nor a shipped model of that name.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.parent != Path():
        if path.is_file():
            return path
        raise SpecError([Fault(str(path), "", "there is no such model file",
                               f"a path to a .toml file, or one of {', '.join(shipped_models())}")])
    shipped = shipped_folder("models") / f"{path.name}.toml"
    if shipped.is_file():
        return shipped
    raise SpecError([Fault(str(name), "", "no model of this name comes with the package",
                           f"a path to a .toml file, or one of {', '.join(shipped_models())}")])


def find_dataset(dataset: str, model_file: Path) -> Path:
    """Return the folder of a dataset named in a model file.

    A folder next to the model file (or in a ``data`` folder beside it or beside its parent) wins
    over a shipped dataset of the same name. ``"."`` is the folder of the model file itself, so
    that a folder with both may be moved and renamed.

    Parameters
    ----------
    dataset : str
        The model file's ``dataset``: a name without path separators, or ``"."``.
    model_file : pathlib.Path
        The model file.

    Raises
    ------
    SpecError
        If the name holds a path separator or no such folder exists.
    """
    base = model_file.resolve().parent
    if dataset == ".":
        if (base / "indicators.csv").is_file():
            return base
        raise SpecError([Fault(model_file.name, "model.dataset",
                               f"'.' is the model file's folder, {base}, which holds no "
                               "indicators.csv", "the tables of a dataset beside the model file")])
    return _beside(dataset, model_file, "indicators.csv")


def find_dyad_dataset(dataset: str, model_file: Path | None) -> Path:
    """Return the folder of a dataset of dyads named in a model file, as :func:`find_dataset`.

    Parameters
    ----------
    dataset : str
        The model file's ``dataset``: a name without path separators.
    model_file : pathlib.Path, optional
        The model file; that of a shipped model if not given.

    Raises
    ------
    SpecError
        If the name holds a path separator or no such folder exists.
    """
    here = model_file or shipped_folder("models") / "panels" / "a_shipped_model.toml"
    return _beside(dataset, here, "dyads.csv")


def _beside(dataset: str, model_file: Path, table: str) -> Path:
    """Return the folder of a name that holds a table: near a model file, else a shipped one."""
    base = model_file.resolve().parent
    if not _FOLDER.fullmatch(dataset):
        raise SpecError([Fault(model_file.name, "model.dataset",
                               f"{dataset!r} is not a plain folder name",
                               "a name without path separators, or '.' for the model file's own "
                               "folder")])
    for place in (base, base / "data", base.parent / "data", shipped_folder("data")):
        folder = place / dataset
        if not (folder / table).is_file():
            continue
        if folder.resolve() != folder:
            raise SpecError([Fault(model_file.name, "model.dataset",
                                   f"{folder} is a link to {folder.resolve()}",
                                   "a folder of its own, no link")])
        return folder
    raise SpecError([Fault(model_file.name, "model.dataset",
                           f"no dataset {dataset!r} with a table {table} was found",
                           "a folder beside the model file, in ./data or ../data, or a shipped "
                           "dataset")])


def find_data_folder(dataset: str | Path) -> Path:
    """Return the folder of a dataset given by path or by shipped name.

    Raises
    ------
    SpecError
        If there is neither.
    """
    path = Path(dataset)
    if path.is_dir():
        return path
    shipped = shipped_folder("data") / path.name
    if path.parent == Path() and shipped.is_dir():
        return shipped
    raise SpecError([Fault(str(dataset), "", "there is no such dataset",
                           "a folder of tables, or the name of a shipped dataset")])
