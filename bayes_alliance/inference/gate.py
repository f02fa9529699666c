"""The diagnostics gate: which fits may be reported.

Invariant: a fit passes on numbers alone, the same for every model: R-hat, effective draws, no
divergences, energy. Monthly states are held to a looser R-hat because there are over a thousand.

References
----------
Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, Rank-normalization, folding, and localization:
an improved R-hat, Bayesian Analysis 16(2). Betancourt 2016, arXiv:1604.00695 (E-BFMI).
"""

from dataclasses import dataclass
from typing import Final

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c

__all__ = ["FULL_GATE", "LEAVE_OUT_GATE", "Diagnostics", "Gate", "diagnose", "quantity_labels"]


@dataclass(frozen=True, slots=True)
class Gate:
    """Thresholds of the gate.

    Parameters
    ----------
    rhat, rhat_states : float
        Upper bounds for parameters and reported summaries, and for monthly states.
    ess : float
        Lower bound of bulk and tail effective draws of all of them.
    bfmi : float
        Lower bound of each chain's energy fraction of missing information.
    divergences : int
        Most divergent transitions allowed.
    variables : tuple of str
        The variables that are judged; all of them if empty.
    """

    rhat: float
    rhat_states: float
    ess: float
    bfmi: float = 0.3
    divergences: int = 0
    variables: tuple[str, ...] = ()


FULL_GATE: Final = Gate(rhat=1.01, rhat_states=1.02, ess=400)
LEAVE_OUT_GATE: Final = Gate(rhat=1.03, rhat_states=1.03, ess=100)


@dataclass(frozen=True)
class Diagnostics:
    """What the gate saw.

    Attributes
    ----------
    passed : bool
        Whether every threshold held.
    failures : tuple of str
        One sentence a threshold that did not.
    table : pandas.DataFrame
        ``quantity``, ``rhat``, ``ess_bulk``, ``ess_tail``, ``state`` for every quantity.
    """

    passed: bool
    failures: tuple[str, ...]
    rhat_max: float
    rhat_max_states: float
    ess_bulk_min: float
    ess_tail_min: float
    divergences: int
    bfmi_min: float
    seconds: float
    draws: int
    chains: int
    table: pd.DataFrame

    def summary(self) -> dict[str, float | int]:
        """Return the scalar figures by name."""
        return {
            "rhat_max": self.rhat_max, "rhat_max_states": self.rhat_max_states,
            "ess_bulk_min": self.ess_bulk_min, "ess_tail_min": self.ess_tail_min,
            "divergences": self.divergences, "bfmi_min": self.bfmi_min,
            "seconds": self.seconds, "draws": self.draws, "chains": self.chains,
        }


def diagnose(posterior: xr.Dataset, sample_stats: xr.Dataset, gate: Gate, *,
             seconds: float) -> Diagnostics:
    """Hold a fit against the gate.

    Parameters
    ----------
    posterior, sample_stats : xarray.Dataset
        Draws and sampler statistics with dims ``chain`` and ``draw``.
    gate : Gate
        Thresholds.
    seconds : float
        Wall time of the sampling, kept with the figures.

    Returns
    -------
    Diagnostics
        With ``passed`` and the list of failures.
    """
    table = _quantities(posterior[list(gate.variables)] if gate.variables else posterior)
    plain, states = table[~table["state"]], table[table["state"]]
    divergences = int(sample_stats["diverging"].sum())
    bfmi = _smallest_bfmi(sample_stats)
    failures = []
    for part, bound, name in ((plain, gate.rhat, "R-hat"),
                              (states, gate.rhat_states, "R-hat of monthly states")):
        # A NaN is a failure too: a constant or non-finite quantity cannot be judged.
        bad = part[~(part["rhat"] < bound)]
        if len(bad):
            worst = bad.sort_values("rhat", ascending=False, na_position="first").iloc[0]
            failures.append(f"{name} of {len(bad)} of {len(part)} quantities is not below "
                            f"{bound:g} (worst {worst['quantity']}: {worst['rhat']:.3f})")
    for column, name in (("ess_bulk", "bulk"), ("ess_tail", "tail")):
        bad = table[~(table[column] >= gate.ess)]
        if len(bad):
            worst = bad.sort_values(column, na_position="first").iloc[0]
            failures.append(f"{name} effective draws of {len(bad)} of {len(table)} quantities are "
                            f"under {gate.ess:g} (worst {worst['quantity']}: {worst[column]:.0f})")
    if divergences > gate.divergences:
        failures.append(f"{divergences} divergent transitions (allowed: {gate.divergences})")
    if not bfmi >= gate.bfmi:
        failures.append(f"E-BFMI {bfmi:.2f} is under {gate.bfmi:g}")
    return Diagnostics(
        passed=not failures, failures=tuple(failures),
        rhat_max=float(plain["rhat"].max()), rhat_max_states=float(states["rhat"].max()),
        ess_bulk_min=float(table["ess_bulk"].min()), ess_tail_min=float(table["ess_tail"].min()),
        divergences=divergences, bfmi_min=bfmi, seconds=seconds,
        draws=int(posterior.sizes["draw"]), chains=int(posterior.sizes["chain"]), table=table)


def _quantities(posterior: xr.Dataset) -> pd.DataFrame:
    """Return R-hat and effective draws of every scalar, states marked."""
    rhat = az.rhat(posterior)
    bulk = az.ess(posterior, method="bulk")
    tail = az.ess(posterior, method="tail")
    parts = []
    for name in posterior.data_vars:
        frame = pd.DataFrame({
            "quantity": quantity_labels(rhat[name]),
            "rhat": rhat[name].to_numpy().ravel(),
            "ess_bulk": bulk[name].to_numpy().ravel(),
            "ess_tail": tail[name].to_numpy().ravel(),
        })
        frame["state"] = name in c.MONTHLY_STATES
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def quantity_labels(array: xr.DataArray) -> list[str]:
    """Return one readable label an element, e.g. ``loading[gprnk_threat_rok]``."""
    if not array.dims:
        return [str(array.name)]
    index = pd.MultiIndex.from_product([array[dim].to_numpy() for dim in array.dims])
    return [f"{array.name}[{', '.join(str(part) for part in key)}]" for key in index]


def _smallest_bfmi(sample_stats: xr.Dataset) -> float:
    energy = sample_stats["energy"].to_numpy()
    step = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return float((step / energy.var(axis=1)).min())
