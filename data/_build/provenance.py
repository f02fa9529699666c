"""sources.csv: who made a series, under which terms, and from which file it was built."""

from common import Sources

SOURCES = (
    ("gprnk", "Lee, Lee and Jung 2026, Geopolitical Risk North Korea index, Applied Economics "
     "Letters", "https://doi.org/10.1080/13504851.2026.2731151", "CC BY 4.0", "open",
     ("threat/gprnk_monthly.csv",)),
    ("ipus", "Seoul National University IPUS, Unification Perception Survey", "", "published "
     "figures", "press", ("threat/survey_threat_points.csv", "us/quoted_survey_values.csv")),
    ("kinu", "Korea Institute for National Unification, Unification Survey", "",
     "published figures", "press", ("threat/survey_threat_points.csv",)),
    ("hankook_yomiuri", "Hankook Ilbo and Yomiuri Shimbun, joint survey", "", "published figures",
     "press", ("threat/survey_threat_points.csv", "cohesion/yomiuri_hankook_relations_trust.csv")),
    ("eai_genron", "East Asia Institute and Genron NPO, joint survey", "", "published figures",
     "press", ("threat/survey_threat_points.csv", "cohesion/genron_eai_mutual_impressions.csv")),
    ("pew", "Pew Research Center, Global Attitudes Survey (aggregates)",
     "https://www.pewresearch.org", "published figures", "press",
     ("us/pew_gas_opinion_country_year_2002_2023.csv", "us/quoted_survey_values.csv",
      "threat/survey_threat_points.csv")),
    ("cabinet_office", "Cabinet Office of Japan, Public Opinion Survey on Diplomacy",
     "https://survey.gov-online.go.jp", "published figures", "press",
     ("threat/survey_threat_points.csv", "cohesion/cabinet_office_japan_view_of_rok.csv",
      "us/quoted_survey_values.csv")),
    ("yomiuri_gallup", "Yomiuri Shimbun and Gallup, joint survey", "", "published figures",
     "press", ("threat/survey_threat_points.csv", "us/quoted_survey_values.csv")),
    ("asan", "Asan Institute for Policy Studies", "", "published figures", "press",
     ("us/quoted_survey_values.csv",)),
    ("chey", "Chey Institute for Advanced Studies with Gallup Korea", "", "published figures",
     "press", ("threat/survey_threat_points.csv",)),
    ("chicago_council", "Chicago Council on Global Affairs with the Asan Institute", "",
     "published figures", "press", ("us/quoted_survey_values.csv",)),
    ("dmdc", "US Defense Manpower Data Center, active duty by country", "", "US government work",
     "open", ("us/us_troops_jpn_kor_from_reports.csv",)),
    ("state_travel", "US Department of State, Office of the Historian, travels",
     "https://history.state.gov", "CC0", "open",
     ("us/us_president_secstate_travel_korea_japan.csv",)),
    ("jnto", "Japan National Tourism Organization, visitor arrivals",
     "https://www.jnto.go.jp", "attribution", "open",
     ("cohesion/jnto_arrivals_japan_by_market_monthly.csv",)),
    ("kto", "Korea Tourism Organization, visitor arrivals", "", "citation", "cite",
     ("cohesion/kto_arrivals_korea_selected_monthly_201001_202012.csv",)),
    ("moj", "Ministry of Justice of Korea, foreign entrants", "", "citation", "cite",
     ("cohesion/moj_foreign_entrants_korea_selected_monthly_2022_2024.csv",
      "cohesion/moj_raw_2018.csv")),
    ("icews", "Boschee et al., ICEWS Coded Event Data, yearly directed dyads", "", "citation",
     "cite", ("cohesion/icews_directed_dyad_year_2002_2014_JPN_KOR_PRK_USA_CHN.csv",)),
    ("fx", "Monthly exchange rates against the US dollar", "", "PDDL", "open",
     ("cohesion/fx_monthly_vs_usd.csv",)),
    ("mext", "Ministry of Education of Japan, results of textbook screening and guidelines",
     "https://www.mext.go.jp", "published decisions", "press", ()),
    ("cns_missiles", "CNS/NTI North Korea Missile Test Database", "https://www.nti.org",
     "citation", "cite", ("threat/nk_missile_tests_events.csv",)),
    ("csis_provocations", "CSIS Beyond Parallel, North Korean provocations",
     "https://beyondparallel.csis.org", "citation", "cite", ("threat/csis_provocations.csv",)),
)


def rows(sources: Sources) -> list[dict]:
    """Return the rows of sources.csv; every file named must have been read."""
    return [{"source": key, "citation": citation, "address": address, "licence": licence,
             "redistribution": redistribution, "retrieved": "",
             "sha256": ";".join(sources.read[file] for file in files), "note": ""}
            for key, citation, address, licence, redistribution, files in SOURCES]
