"""A fit: draws, diagnostics and where they come from.

Invariant: a fit is frozen and knows the specification, the panel and the hypothesis it belongs
to; everything reported about it is computed from these.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_alliance import constants as c
from bayes_alliance.exceptions import NotFittedError
from bayes_alliance.inference.gate import Diagnostics, quantity_labels
from bayes_alliance.spec import ModelSpec
from bayes_alliance.tables import Panel

__all__ = ["Fit", "require_finished"]

_LARGEST = 1e6
_POSITIVE = frozenset({
    c.VAR_HALF_LIFE, c.VAR_SCALE_SECOND, c.VAR_CREDIBILITY_SD, c.VAR_LOADING, c.VAR_NOISE,
    c.VAR_OWN_HALF_LIFE, c.VAR_WAVE_SD, c.VAR_GOVERNMENT_SD, c.VAR_ADMINISTRATION_DEVIATION_SD})


@dataclass(frozen=True)
class Fit:
    """Draws of one model under one hypothesis.

    Attributes
    ----------
    spec : ModelSpec
        The model file.
    panel : Panel
        Its data.
    hypothesis : str
        Which parts of the model acted.
    left_out : str
        Name of the episode whose cohesion rows were held out; empty for a full fit.
    posterior : xarray.Dataset
        Draws with dims ``chain`` and ``draw``.
    sample_stats : xarray.Dataset
        Sampler statistics.
    diagnostics : Diagnostics
        What the gate saw.
    provenance : dict
        ``seed``, ``spec_hash``, ``data_hash``, ``versions``, ``created``, ``interrupted``.
    """

    spec: ModelSpec
    panel: Panel
    hypothesis: str
    left_out: str
    posterior: xr.Dataset
    sample_stats: xr.Dataset
    diagnostics: Diagnostics
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """Summary of the parameters: mean, sd, 5, 50 and 95% points, R-hat, effective draws."""
        rows = []
        for name in self.posterior.data_vars:
            if name in c.MONTHLY_STATES:
                continue
            rows.append(_summary(self.posterior[name]))
        summary = pd.concat(rows, ignore_index=True)
        return summary.merge(self.diagnostics.table.drop(columns="state"), on="quantity",
                             how="left")

    @property
    def data(self) -> xr.Dataset:
        """The posterior draws."""
        return self.posterior

    @property
    def states(self) -> pd.DataFrame:
        """Monthly states: ``latent``, ``member``, ``time``, mean, sd and 5, 50, 95% points."""
        frames = []
        for latent in c.LATENTS:
            array = self.posterior[latent]
            if latent == c.COHESION:
                array = array.expand_dims({c.DIM_MEMBER: [self.panel.dyad]})
            for member in array[c.DIM_MEMBER].to_numpy():
                draws = array.sel({c.DIM_MEMBER: member}).stack(sample=("chain", "draw"))
                values = draws.transpose("sample", c.DIM_TIME).to_numpy()
                low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
                frames.append(pd.DataFrame({
                    "latent": latent, "member": str(member),
                    "time": [str(month) for month in self.panel.time],
                    "mean": values.mean(axis=0), "sd": values.std(axis=0, ddof=1),
                    "q05": low, "q50": middle, "q95": high}))
        return pd.concat(frames, ignore_index=True)

    @property
    def sentence(self) -> str:
        """One sentence on what was fitted and whether it may be reported."""
        found = self.diagnostics
        verdict = "passes" if found.passed else "fails"
        out = f" without the cohesion rows of {self.left_out}" if self.left_out else ""
        return (f"{self.spec.model.title}: {self.hypothesis}{out}, {found.chains} chains of "
                f"{found.draws} draws in {found.seconds:.0f} s; the fit {verdict} the gate (R-hat "
                f"at most {found.rhat_max:.3f}, at least {found.ess_bulk_min:.0f} effective "
                f"draws, {found.divergences} divergences).")

    # What follows is computed by modules to the right of this one; they are found by name when
    # asked for, so that drawing and fitting do not depend on them.

    def plot(self) -> Any:
        """Draw cohesion month by month; a matplotlib figure."""
        plotting = import_module("bayes_alliance.plotting")
        return plotting.plot_states(self.states, self.panel, self.spec)

    def episodes(self, reference: "Fit | None" = None) -> Any:
        """Compare every episode with its baselines.

        Parameters
        ----------
        reference : Fit, optional
            A fit under HX, which gives the directions of the drivers; fitted with this fit's
            seed where it is not given.

        Returns
        -------
        bayes_alliance.hypotheses.Episodes
        """
        if reference is None:
            fitting = import_module("bayes_alliance.inference.fitting")
            reference = fitting.require_passed(require_finished(fitting.fit_panel(
                self.spec, self.panel, hypothesis="HX", seed=int(self.provenance["seed"]))))
        return import_module("bayes_alliance.hypotheses").compare_episodes(reference, self)

    def sensitivity(self) -> Any:
        """Scale every group of priors and every indicator a little up and down.

        Returns
        -------
        bayes_alliance.checks.Sensitivity
        """
        return import_module("bayes_alliance.checks").power_scaling(self)

    def forecast(self, horizon: int | None = None, *, scenario: Any = "as_now") -> Any:
        """Forecast cohesion and every indicator.

        Parameters
        ----------
        horizon : int, optional
            Months ahead; the model file's by default.
        scenario : str, pathlib.Path or ScenarioSpec
            See :func:`bayes_alliance.forecast.forecast`.

        Returns
        -------
        bayes_alliance.forecast.Forecast

        Raises
        ------
        NotFittedError
            If draws are missing, infinite or of a size or sign that no fit gives.
        """
        _require_usable(self.posterior)
        project = import_module("bayes_alliance.forecast").forecast
        return project(self, horizon, scenario=scenario, seed=int(self.provenance["seed"]))

    def save(self, path: Any, *, overwrite: bool = False) -> None:
        """Save the fit; see :func:`bayes_alliance.inference.save_fit`."""
        import_module("bayes_alliance.inference.store").save_fit(self, path, overwrite=overwrite)


def require_finished(fit: Fit) -> Fit:
    """Return a fit that came to its end.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C stopped it: the sampler answers that with the draws so far, which must not pass
        for a result on which others rest.
    """
    if fit.provenance.get("interrupted"):
        raise KeyboardInterrupt
    return fit


def _require_usable(posterior: xr.Dataset) -> None:
    """Refuse draws that cannot be computed with, such as those of a file that was changed."""
    wrong = []
    for name, array in posterior.data_vars.items():
        values = array.to_numpy()
        sound = np.abs(values) <= _LARGEST
        if name in _POSITIVE:
            sound &= values > 0
        elif name == c.VAR_CORRELATION:
            sound &= np.abs(values) <= 1
        if not sound.all():
            wrong.append(str(name))
    if wrong:
        raise NotFittedError(f"there is no forecast from draws of {', '.join(wrong)} that are "
                             "missing, infinite or of a size or sign that no fit gives")


def _summary(array: xr.DataArray) -> pd.DataFrame:
    draws = array.stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy()
    flat = draws.reshape(draws.shape[0], -1)
    low, middle, high = np.quantile(flat, [0.05, 0.5, 0.95], axis=0)
    plain = array.isel(chain=0, draw=0, drop=True)
    return pd.DataFrame({
        "quantity": quantity_labels(plain), "mean": flat.mean(axis=0),
        "sd": flat.std(axis=0, ddof=1), "q05": low, "q50": middle, "q95": high})
