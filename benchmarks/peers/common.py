"""What a peer of the benchmark offers, whatever tool it is written in.

Invariant: every peer samples the posterior of one specification and one panel, reports the
quantities under the names and dims of a ``bayes_alliance`` fit, and measures its sampling without
its compilation. Its settings are the tool's own defaults unless a reason is written down.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import xarray as xr

__all__ = ["Peer", "PeerRun"]


@dataclass(frozen=True)
class PeerRun:
    """One run of a peer.

    Attributes
    ----------
    posterior : xarray.Dataset
        Dims ``chain``, ``draw``, then those of the quantity. Every reported quantity that the
        peer's model has, under the name and dims that a ``bayes_alliance`` fit has.
    sample_stats : xarray.Dataset
        ``n_steps``, ``diverging`` and, if the tool has one, ``energy``; dims ``chain``, ``draw``.
    seconds : float
        Wall time of sampling including warmup, without compilation.
    """

    posterior: xr.Dataset
    sample_stats: xr.Dataset
    seconds: float


class Peer(Protocol):
    """A tool with its program for the benchmark's posterior.

    Attributes
    ----------
    name : str
    settings : dict of str to object
        ``chains``, ``tune``, ``draws``, ``target_accept`` and so on.
    """

    name: str
    settings: dict[str, object]

    def build(self, spec: Any, panel: Any) -> float:
        """Compile for ``bayes_alliance.model.build_design(spec, panel)``; return the seconds."""
        ...

    def gradient_seconds(self) -> float:
        """Return the median seconds of one log density with its gradient."""
        ...

    def sample(self, seed: int) -> PeerRun:
        """Sample with the peer's settings."""
        ...
