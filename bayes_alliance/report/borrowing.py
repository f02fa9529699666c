"""Two saved fits, and what the second says of the first's pair.

Invariant: fits that failed the gate, or have seen the pair, give no result.
"""

from pathlib import Path

from bayes_alliance.dyads import dyad_left_out, effects_of_others, load_dyad_fit
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.hypotheses import Borrowed, OtherPairs, borrow
from bayes_alliance.inference import load_fit, require_passed
from bayes_alliance.inference.result import require_finished

__all__ = ["borrow_from_files"]


def borrow_from_files(fit: str | Path, others: str | Path, *, weight: float = 0.5) -> Borrowed:
    """Say what a pair's coefficients are once other pairs are listened to.

    Parameters
    ----------
    fit : str or pathlib.Path
        A saved fit of the pair, of H12.
    others : str or pathlib.Path
        A saved fit over dyads that has not seen the pair
        (:func:`bayes_alliance.dyads.fit_without`). The two files may call the pair by different
        names, so that they are the same pair is for the reader to see: the sentence names both.
    weight : float
        Prior probability that the pair is one of theirs.

    Returns
    -------
    Borrowed

    Raises
    ------
    SchemaError
        If a file is no such fit.
    ConvergenceError
        If the pair's fit failed the gate.
    NotFittedError, ValueError
        If the second failed it, a fit is not of H12, the second has seen every dyad, or the weight
        is no probability.
    """
    mine = require_passed(require_finished(load_fit(fit)))
    theirs = load_dyad_fit(others)
    if not theirs.passed:
        raise NotFittedError(f"{others}: {theirs.sentence}")
    source = f"{len(theirs.dyads) - 1} other pairs (all but {dyad_left_out(theirs)})"
    return borrow(mine, OtherPairs(effects_of_others(theirs), source), weight=weight)
