"""Normals around a pooled centre: the law is the normal's, however they are sampled."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import integrate, stats

from bayes_alliance.model.pooled import bent_between, between

CENTRE = np.array([-1.3, 0.0, 0.4, 2.0])
SPREAD = np.array([0.15, 0.6, 1.0, 2.5])
KINDS = {"straight": between, "bent": bent_between}
# One of all members, and one of each.
CENTRING = [0.0, 0.35, 0.8, 1.0, np.array([1.0, 0.1, 0.6, 0.0])]
parametrised = pytest.mark.parametrize(
    ("kind", "share"), [(kind, share) for kind in KINDS for share in CENTRING],
    ids=lambda value: "mixed" if isinstance(value, np.ndarray) else str(value))


def model_of(kind, share):
    share = pt.as_tensor_variable(np.broadcast_to(share, CENTRE.shape).astype(float))
    with pm.Model(coords={"member": range(CENTRE.size)}) as model:
        found = KINDS[kind]("u", pt.as_tensor_variable(CENTRE), pt.as_tensor_variable(SPREAD),
                            share, "member")
        pm.Deterministic("value", found, dims="member")
    return model


def functions(model):
    """Return value, and the density of each member, as functions of what is sampled."""
    (sampled,) = model.value_vars
    (value,) = model.replace_rvs_by_values([model["value"]])
    (density,) = model.logp(sum=False)
    return (pytensor.function([sampled], value, mode="FAST_COMPILE"),
            pytensor.function([sampled], density, mode="FAST_COMPILE"))


def middle(kind, share):
    """Return where the members' centres are sampled, and the scale on which they are."""
    return share * CENTRE, SPREAD**share


@parametrised
def test_the_density_of_what_is_sampled_is_the_normals_times_the_slope(kind, share):
    value, density = functions(model_of(kind, share))
    centre, scale = middle(kind, share)
    for apart in (-8.0, -2.5, -0.3, 0.0, 0.7, 3.0, 9.0):
        here, step = centre + apart * scale, 1e-4 * scale
        slopes = [(value(here + h) - value(here - h)) / (2 * h) for h in (step, 2 * step)]
        slope = (4 * slopes[0] - slopes[1]) / 3
        expected = stats.norm(CENTRE, SPREAD).logpdf(value(here)) + np.log(slope)
        assert density(here) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@parametrised
def test_the_density_has_the_normals_mass_below_any_point(kind, share):
    value, density = functions(model_of(kind, share))
    centre, scale = middle(kind, share)

    def mass(member, stop):
        # The bent tail is long: steps grow with the distance.
        def at(t):
            return (np.exp(density(centre + np.sinh(t) * scale)[member])
                    * scale[member] * np.cosh(t))

        return integrate.quad(at, -12.0, np.arcsinh(stop), points=(-1.0, 0.0), epsabs=1e-10,
                              limit=400)[0]

    for member, stop in enumerate((5e4, 0.8, -1.1, 2.0)):
        below = stats.norm(CENTRE, SPREAD).cdf(value(centre + stop * scale))[member]
        assert mass(member, stop) == pytest.approx(below, abs=1e-8)
    assert mass(3, 5e4) == pytest.approx(1.0, abs=1e-8)


def test_one_is_straight_and_the_other_bends():
    at = np.array([-30.0, -1.0, 0.1, 40.0])
    for share in (0.0, 0.7):
        apart = SPREAD ** (1 - share) * (at - share * CENTRE)
        straight, _ = functions(model_of("straight", share))
        assert straight(at) == pytest.approx(CENTRE + apart, rel=1e-12)
        bent, _ = functions(model_of("bent", share))
        # The root of the exponential: z with z - 1 / z the deviation.
        root = (apart + np.sqrt(apart**2 + 4)) / 2
        assert bent(at) == pytest.approx(CENTRE + 2 * np.log(root), rel=1e-9)


@pytest.mark.parametrize("share", CENTRING, ids=lambda share: str(np.mean(share)))
def test_there_and_back_is_where_it_began(share):
    model = model_of("bent", share)
    variable, (sampled,) = model["u"], model.value_vars
    transform, inputs = model.rvs_to_transforms[variable], variable.owner.inputs
    value = pt.vector("value")
    there_and_back = pytensor.function(
        [sampled], transform.forward(transform.backward(sampled, *inputs), *inputs),
        mode="FAST_COMPILE")
    back_and_there = pytensor.function(
        [value], transform.backward(transform.forward(value, *inputs), *inputs),
        mode="FAST_COMPILE")
    centre, scale = middle("bent", share)
    for apart in (-40.0, -3.0, 0.0, 0.01, 5.0, 60.0):
        at = centre + apart * scale
        assert there_and_back(at) == pytest.approx(at, rel=1e-9, abs=1e-9)
    for apart in (-9.0, -1.0, 0.0, 0.2, 9.0):
        at = CENTRE + apart * SPREAD
        assert back_and_there(at) == pytest.approx(at, rel=1e-9, abs=1e-9)


@parametrised
def test_draws_from_the_prior_have_its_mean_and_sd(kind, share):
    # Mean and sd of four members in each of ten cases, two-sided: 80 tests at 1e-6 each, so that a
    # correct computation fails in 8 of 100,000 runs with other seeds.
    rate, count = 1e-6, 20_000
    draws = pm.draw(model_of(kind, share)["value"], draws=count, random_seed=7)
    z = (draws - CENTRE) / SPREAD
    assert np.abs(z.mean(axis=0)).max() < stats.norm.isf(rate / 2) / np.sqrt(count)
    squares = ((z - z.mean(axis=0)) ** 2).sum(axis=0)
    assert (squares > stats.chi2(count - 1).ppf(rate / 2)).all()
    assert (squares < stats.chi2(count - 1).isf(rate / 2)).all()
    # Members are drawn apart: six pairs in ten cases, at the same rate another 6 of 100,000.
    limit = stats.norm.isf(rate / 2) / np.sqrt(count)
    assert np.abs(np.corrcoef(z.T)[np.triu_indices(4, 1)]).max() < limit
