"""What a committed result was made from: hashes of code, model file and data."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def code_hash(*patterns: str) -> str:
    """Return the hash of the package's files that match, names included.

    Parameters
    ----------
    patterns : str
        Globs below ``bayes_alliance/``.
    """
    digest = hashlib.sha256()
    package = ROOT / "bayes_alliance"
    for path in sorted({path for pattern in patterns for path in package.glob(pattern)}):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
