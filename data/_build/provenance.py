"""sources.csv: who made a series, under which terms, and from which file it was built.

``retrieved`` is empty throughout: the source tables do not record the day of retrieval.
"""

from common import Sources

POLLS = "threat/survey_threat_points.csv"
QUOTED = "us/quoted_survey_values.csv"
FIGURES = "published figures"
READ = "figures were read in press or institute texts; each row says where"

# Key, citation, address, licence, redistribution, files, note.
SOURCES: tuple[tuple[str, str, str, str, str, tuple[str, ...], str], ...] = (
    ("gprnk", "Lee, Lee and Jung 2026, Geopolitical Risk North Korea index, Applied Economics "
     "Letters", "https://doi.org/10.1080/13504851.2026.2731151", "CC BY 4.0", "open",
     ("threat/gprnk_monthly.csv",), "the set of outlets grows in 2008 and in 2018"),
    ("ipus", "Seoul National University IPUS, Unification Perception Survey",
     "https://ipus.snu.ac.kr", FIGURES, "press", (POLLS, QUOTED), READ),
    ("kinu", "Korea Institute for National Unification, Unification Survey",
     "https://www.kinu.or.kr", FIGURES, "press", (POLLS,), READ),
    ("hankook_yomiuri", "Hankook Ilbo and Yomiuri Shimbun, joint survey",
     "https://www.hankookilbo.com", FIGURES, "press",
     (POLLS, "cohesion/yomiuri_hankook_relations_trust.csv"), READ),
    ("eai_genron", "East Asia Institute and Genron NPO, joint survey",
     "https://www.genron-npo.net", FIGURES, "press",
     (POLLS, "cohesion/genron_eai_mutual_impressions.csv"), READ),
    ("pew", "Pew Research Center, Global Attitudes Survey (aggregates)",
     "https://www.pewresearch.org", FIGURES, "press",
     ("us/pew_gas_opinion_country_year_2002_2023.csv", QUOTED, POLLS), READ),
    ("cabinet_office", "Cabinet Office of Japan, Public Opinion Survey on Diplomacy",
     "https://survey.gov-online.go.jp", FIGURES, "press",
     (POLLS, "cohesion/cabinet_office_japan_view_of_rok.csv", QUOTED), READ),
    ("yomiuri_gallup", "Yomiuri Shimbun and Gallup, joint survey", "https://www.yomiuri.co.jp",
     FIGURES, "press", (POLLS, QUOTED), READ),
    ("asan", "Asan Institute for Policy Studies", "https://www.asaninst.org", FIGURES, "press",
     (QUOTED,), READ),
    ("chey", "Chey Institute for Advanced Studies with Gallup Korea", "", FIGURES, "press",
     (POLLS,), f"{READ}; no address of the institute recorded"),
    ("chicago_council", "Chicago Council on Global Affairs with the Asan Institute",
     "https://www.thechicagocouncil.org", FIGURES, "press", (QUOTED,), READ),
    ("dmdc", "US Defense Manpower Data Center, active duty by country", "",
     "US government work", "open", ("us/us_troops_jpn_kor_from_reports.csv",),
     "no address of the reports recorded"),
    ("state_travel", "US Department of State, Office of the Historian, travels",
     "https://history.state.gov/departmenthistory/travels", "CC0", "open",
     ("us/us_president_secstate_travel_korea_japan.csv",), ""),
    ("jnto", "Japan National Tourism Organization, visitor arrivals",
     "https://www.jnto.go.jp", "attribution", "open",
     ("cohesion/jnto_arrivals_japan_by_market_monthly.csv",), ""),
    ("kto", "Korea Tourism Organization, visitor arrivals", "", "citation", "cite",
     ("cohesion/kto_arrivals_korea_selected_monthly_201001_202012.csv",),
     "no address of the tables recorded"),
    ("moj", "Ministry of Justice of Korea, foreign entrants", "", "citation", "cite",
     ("cohesion/moj_foreign_entrants_korea_selected_monthly_2022_2024.csv",
      "cohesion/moj_raw_2018.csv"), "no address of the tables recorded"),
    ("icews", "Boschee et al., ICEWS Coded Event Data, yearly directed dyads",
     "https://doi.org/10.7910/DVN/28075", "citation", "cite",
     ("cohesion/icews_directed_dyad_year_2002_2014_JPN_KOR_PRK_USA_CHN.csv",),
     "the address is that of the events; the yearly counts come from a copy of them"),
    ("fx", "Monthly exchange rates against the US dollar (Frictionless Data)",
     "https://github.com/datasets/exchange-rates", "PDDL", "open",
     ("cohesion/fx_monthly_vs_usd.csv",), "address by licence and columns of the table"),
    ("mext", "Ministry of Education of Japan, results of textbook screening and guidelines",
     "https://www.mext.go.jp", "published decisions", "press", (),
     "named where only a secondary copy of a report was read"),
    ("cns_missiles", "CNS/NTI North Korea Missile Test Database", "https://www.nti.org",
     "citation", "cite", ("threat/nk_missile_tests_events.csv",), ""),
    ("csis_provocations", "CSIS Beyond Parallel, North Korean provocations",
     "https://beyondparallel.csis.org", "citation", "cite", ("threat/csis_provocations.csv",),
     ""),
)


def rows(sources: Sources) -> list[dict]:
    """Return the rows of sources.csv; every file named must have been read."""
    return [{"source": key, "citation": citation, "address": address, "licence": licence,
             "redistribution": redistribution, "retrieved": "",
             "sha256": ";".join(sources.read[file] for file in files), "note": note}
            for key, citation, address, licence, redistribution, files, note in SOURCES]
