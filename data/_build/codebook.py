"""The codebook: what every indicator asks, of whom, and how it is measured.

The constants of the transformations are round numbers of the unit, never moments of the sample.
"""

COLUMNS = ["indicator", "latent", "member", "family", "link", "unit", "transform",
           "transform_shift", "transform_scale", "orientation", "frequency", "own_error", "season",
           "covariates", "shared_item", "mode", "mode_changes", "masks", "kind", "default",
           "wording", "licence", "source", "note"]
PANDEMIC = "2020-02..2023-09=pandemic limits on entry and an uneven recovery"
MAIL = "2020-01-01=mail"
OLD_FORMAT = "2004-01..2008-06=the item had another format before 2008"
BOTH = ("rok", "japan")


def _poll(stem: str, latent: str, members: tuple[str, ...], source: str, wording: str,
          **other: object) -> list[dict]:
    """Return a poll item, once for each public asked; ``rows`` adds the pollster's mode."""
    rows = []
    for public in members:
        rows.append({
            "indicator": f"{stem}_{public}", "latent": latent,
            "member": "rok_japan" if latent == "cohesion" else public,
            "family": "beta_binomial", "link": "logit", "unit": "percent",
            "transform": "percent", "transform_shift": 0, "transform_scale": 100,
            "orientation": 1, "frequency": "irregular", "own_error": "none", "season": "no",
            "covariates": "", "shared_item": stem if len(members) == 2 else "",
            "mode": "", "mode_changes": "", "masks": "", "kind": "opinion",
            "default": "yes", "wording": wording, "licence": "press", "source": source,
            "note": f"public asked: {public}", **other})
    return rows


def _series(indicator: str, latent: str, member: str, source: str, wording: str,
            **other: object) -> dict:
    """Return a measured series."""
    return {
        "indicator": indicator, "latent": latent, "member": member, "family": "normal",
        "link": "identity", "unit": "index", "transform": "log", "transform_shift": 0,
        "transform_scale": 1, "orientation": 1, "frequency": "monthly", "own_error": "ar1",
        "season": "no", "covariates": "", "shared_item": "", "mode": "records",
        "mode_changes": "", "masks": "", "kind": "behaviour", "default": "yes",
        "wording": wording, "licence": "open", "source": source, "note": "", **other}


def rows(modes: dict[str, str]) -> list[dict]:
    """Return every row of indicators.csv.

    Parameters
    ----------
    modes : dict of str to str
        Survey mode by pollster: one survey has one mode, whatever it asks.
    """
    found = [*_threat(), *_credibility(), *_cohesion()]
    return [{**row, "mode": row["mode"] or modes[row["source"]]} for row in found]


def _threat() -> list[dict]:
    found = [_series("gprnk_threat_rok", "threat", "rok", "gprnk",
                     "Share of articles on threats by North Korea in South Korean outlets",
                     transform_shift=4.6, kind="press",
                     note="4.6 is the logarithm of 100, the index's own base; the set of outlets "
                          "grows in 2008 and in 2018, which no mode change corrects: leave it "
                          "out to see what hangs on it")]
    found += _poll("ipus_armed_provocation", "threat", ("rok",), "ipus",
                   "An armed provocation by North Korea is possible")
    found += _poll("ipus_nuclear_threat", "threat", ("rok",), "ipus",
                   "Feels threatened by North Korea's nuclear weapons")
    found += _poll("kinu_hostile_intent", "threat", ("rok",), "kinu",
                   "North Korea stands ready to attack when it can")
    found += _poll("hankook_yomiuri_military_threat", "threat", BOTH, "hankook_yomiuri",
                   "Names North Korea as a military threat (several answers)",
                   masks="2005-01..2005-12=asked for the biggest threat only in 2005")
    found += _poll("hankook_yomiuri_nuclear_threat", "threat", BOTH, "hankook_yomiuri",
                   "Feels threatened by North Korea's nuclear weapons and missiles")
    found += _poll("eai_genron_military_threat", "threat", BOTH, "eai_genron",
                   "Names North Korea as a military threat (several answers)")
    found += _poll("pew_nuclear_threat", "threat", BOTH, "pew",
                   "North Korea's nuclear programme is a major threat")
    for topic in ("missile", "nuclear"):
        found += _poll(f"cabinet_office_{topic}_concern", "threat", ("japan",), "cabinet_office",
                       f"Concerned about North Korea's {topic} programme (several answers)",
                       mode_changes=MAIL, masks=OLD_FORMAT)
    found += _poll("yomiuri_gallup_military_threat", "threat", ("japan",), "yomiuri_gallup",
                   "North Korea may become a military threat (several answers)")
    found += _poll("yomiuri_gallup_nuclear_threat", "threat", ("japan",), "yomiuri_gallup",
                   "Feels threatened by North Korea's nuclear tests and launches")
    return found


def _credibility() -> list[dict]:
    found = _poll("pew_confidence_president", "credibility", BOTH, "pew",
                  "Confident that the US president does the right thing in world affairs")
    found += _poll("pew_favourable_us", "credibility", BOTH, "pew",
                   "Favourable view of the United States")
    found += _poll("pew_reliable_partner", "credibility", ("rok",), "pew",
                   "The United States is a reliable partner")
    found += _poll("yomiuri_trust_us", "credibility", ("japan",), "yomiuri_gallup",
                   "Trusts the United States")
    found += _poll("cabinet_office_affinity_us", "credibility", ("japan",), "cabinet_office",
                   "Feels close to the United States", mode_changes=MAIL)
    found += _poll("chey_nuclear_deterrence", "credibility", ("rok",), "chey",
                   "The United States would use its nuclear deterrent")
    found += _poll("ipus_us_would_help", "credibility", ("rok",), "ipus",
                   "The United States would help if war broke out")
    found += _poll("asan_us_would_intervene", "credibility", ("rok",), "asan",
                   "The United States would intervene in a conflict")
    found += _poll("chicago_council_us_defend", "credibility", ("rok",), "chicago_council",
                   "Confident that the United States would defend South Korea")
    for member, persons in (("rok", 25000), ("japan", 15000)):
        shift = {25000: 10.1, 15000: 9.6}[persons]
        found.append(_series(
            f"us_troops_{member}", "credibility", member, "dmdc",
            "US army and air force on active duty in the country", unit="persons",
            transform_shift=shift, transform_scale=0.2, frequency="quarterly",
            note=f"the shift is the logarithm of {persons}; navy and marines are left out "
                 "because their counts in Japan shift with reporting"))
    for member in BOTH:
        found.append(_series(
            f"us_visits_{member}", "credibility", member, "state_travel",
            "Days with the US president or secretary of state in the country", unit="days",
            family="negative_binomial", link="log", transform="identity", frequency="yearly",
            own_error="none", default="no", note="off by default: visits follow the calendar"))
    return found


def _cohesion() -> list[dict]:
    travel = {"family": "student_t", "season": "yes", "covariates": "log_won_per_100_yen",
              "masks": PANDEMIC}
    found = [
        _series("jnto_travel_rok", "cohesion", "rok_japan", "jnto",
                "Korean visitors to Japan for each visitor from Taiwan and Hong Kong",
                unit="ratio", transform_scale=0.5, **travel),
        _series("kto_travel_japan", "cohesion", "rok_japan", "kto",
                "Japanese visitors to South Korea", unit="persons", transform_shift=12.2,
                transform_scale=0.5, licence="cite", **travel,
                **{"note": "12.2 is the logarithm of 200,000; no series of other destinations "
                           "is at hand to divide by"})]
    cabinet = {"mode_changes": MAIL}
    found += _poll("cabinet_office_affinity", "cohesion", ("japan",), "cabinet_office",
                   "Feels close to South Korea", **cabinet)
    found += _poll("cabinet_office_relations_good", "cohesion", ("japan",), "cabinet_office",
                   "Relations with South Korea are good", **cabinet)
    for stem, source, good, bad in (
            ("hankook_yomiuri", "hankook_yomiuri", ("relations_good", "Relations are good"),
             ("relations_bad", "Relations are bad")),
            ("hankook_yomiuri", "hankook_yomiuri", ("trust", "Trusts the other country"),
             ("distrust", "Does not trust the other country")),
            ("genron_eai", "eai_genron", ("impression_good", "Good impression of the other"),
             ("impression_bad", "Bad impression of the other"))):
        for (topic, wording), sign in ((good, 1), (bad, -1)):
            only = "" if sign == 1 else "; used only where the favourable share is not known"
            # South Korean answers on impressions always give the favourable share.
            publics = ("japan",) if topic == "impression_bad" else BOTH
            for row in _poll(f"{stem}_{topic}", "cohesion", publics, source, wording,
                             orientation=sign):
                found.append({**row, "note": row["note"] + only})
    for direction, wording in (("rok_to_japan", "acts of South Korea towards Japan"),
                               ("japan_to_rok", "acts of Japan towards South Korea")):
        found.append(_series(
            f"icews_conflict_share_{direction}", "cohesion", "rok_japan", "icews",
            f"Share of conflict among coded {wording}", family="binomial", link="logit",
            unit="percent", transform="percent", transform_scale=100, orientation=-1,
            frequency="yearly", own_error="none", licence="cite"))
    return found
