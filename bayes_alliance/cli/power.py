"""``model power``: how often each verdict comes out on simulated panels of known truth.

Invariant: as in :mod:`bayes_alliance.cli.fits`; panels that the folder has are not run again.
"""

from typing import Annotated

import typer

from bayes_alliance.cli.console import errors_to_status, print_table, steps
from bayes_alliance.cli.fits import Cluster, Model, Out, Restart, Seed, Work, Workers, _within

__all__ = ["power_command"]

Panels = Annotated[int, typer.Option(
    min=1, max=100, help="Panels of each truth; of designs other than the observed one at most "
                         "20. Each is fitted twice, and once without each episode.")]


def power_command(model: Model, out: Out, panels: Panels = 100, seed: Seed = 1, work: Work = None,
                  workers: Workers = None, cluster: Cluster = None, restart: Restart = False,
                  ) -> None:
    """Say what the design can see: verdicts on simulated panels; writes power.csv.

    Takes hours; a later run with more panels goes on with those that power.csv has, unless it is
    to begin anew.
    """
    with errors_to_status():
        from bayes_alliance.inference import load_model
        from bayes_alliance.power import OBSERVED, power
        from bayes_alliance.report import read_power, write_power

        spec, panel = load_model(model)
        with steps() as shown:
            result = power(model, panels=panels, seed=seed,
                           there=None if restart else read_power(out, spec, panel),
                           folder=_within(work, "power", spec), workers=workers, cluster=cluster,
                           report=shown.tally("panels"), restart=restart)
        write_power(result, spec, panel, out)
        shares = result.shares
        print_table(shares.loc[shares["design"] == OBSERVED, [
            "path", "size", "episode", "hypothesis", "holds", "found", "false", "withheld"]],
            "panels where a hypothesis holds, and shares called supported where it does and not")
        typer.echo(result.sentence)
