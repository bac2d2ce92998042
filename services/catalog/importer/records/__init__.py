"""What an import holds once it has been read: frozen records, keyed by slugs, free of any database.

A record never repairs itself: what is wrong is refused by reading, what is doubtful is told by plausibility.
"""

from dataclasses import dataclass

from . import hospitals, origin, prices, procedures, statements, vocabularies


@dataclass(frozen=True, kw_only=True)
class Import:
    """Everything that the files of one import say, in the order of files and lists."""

    specialties: tuple[vocabularies.Specialty, ...] = ()
    cities: tuple[vocabularies.City, ...] = ()
    inclusions: tuple[vocabularies.Inclusion, ...] = ()
    procedures: tuple[procedures.Procedure, ...] = ()
    destination_facts: tuple[procedures.DestinationFacts, ...] = ()
    prices: tuple[prices.Price, ...] = ()
    hospitals: tuple[hospitals.Hospital, ...] = ()
    offerings: tuple[hospitals.Offering, ...] = ()
    doctors: tuple[hospitals.Doctor, ...] = ()
    stories: tuple[statements.Story, ...] = ()
    consent_texts: tuple[statements.ConsentText, ...] = ()
    ranking_rules: tuple[statements.RankingRule, ...] = ()
    printed: tuple[origin.Printed, ...] = ()
