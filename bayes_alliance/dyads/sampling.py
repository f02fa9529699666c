"""Draw from a stage in the coordinates of its model.

Invariant: every parameter has about unit prior scale in these coordinates and the series are
whitened, so that the sampler's own scales suffice. The Laplace map of the monthly model is no
help here: at a deviation of 0 for every unit its mode lies dozens of prior sds away.
"""

import contextlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bayes_alliance.inference.compiled import Compiled
from bayes_alliance.inference.laplace import Coordinates
from bayes_alliance.inference.sampling import Progress, RawDraws, _Sampled

__all__ = ["draw_stage"]


def draw_stage(compiled: Compiled, *, draws: int, tune: int, chains: int, seed: int,
               target_accept: float, max_depth: int, cores: int | None = None,
               report: Callable[[Progress], None] | None = None) -> RawDraws:
    """Run the No-U-Turn sampler; parameters as in :func:`bayes_alliance.inference.sampling.draw`.

    Raises
    ------
    KeyboardInterrupt
        If the run is stopped.
    """
    import nutpie

    def callback(chains_progress: Any) -> None:
        if report is not None:
            report(Progress(sum(one.finished_draws for one in chains_progress),
                            sum(one.total_draws for one in chains_progress),
                            sum(one.divergences for one in chains_progress)))

    # A map that leaves every coordinate where it is.
    unmoved = Coordinates.of_matrix(np.array([0]), np.array([0.0]), np.eye(1))
    started = time.perf_counter()
    sampler = nutpie.sample(
        _Sampled(compiled, unmoved), draws=draws, tune=tune, chains=chains, seed=seed, cores=cores,
        target_accept=target_accept, maxdepth=max_depth, save_warmup=False, progress_bar=False,
        blocking=False, progress_callback=callback, progress_rate=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = sampler.wait()
        except BaseException:
            # The other chains still run: what they call must not go before they end.
            with contextlib.suppress(Exception):
                sampler.abort()
            raise
    return RawDraws(tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset(),
                    time.perf_counter() - started, False)
