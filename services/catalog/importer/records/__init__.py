"""What an import holds once it has been read: frozen records, keyed by slugs, free of any database.

A record never repairs itself: what is wrong is refused by reading, what is doubtful is told by plausibility.
"""

from dataclasses import dataclass

from .hospitals import Doctor, Hospital, Offering
from .origin import Printed
from .prices import Price
from .procedures import DestinationFacts, Procedure
from .statements import ConsentText, RankingRule, Story
from .vocabularies import City, Inclusion, Specialty


@dataclass(frozen=True, kw_only=True)
class Import:
    """Everything that the files of one import say, in the order of files and lists."""

    specialties: tuple[Specialty, ...] = ()
    cities: tuple[City, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    destination_facts: tuple[DestinationFacts, ...] = ()
    prices: tuple[Price, ...] = ()
    hospitals: tuple[Hospital, ...] = ()
    offerings: tuple[Offering, ...] = ()
    doctors: tuple[Doctor, ...] = ()
    stories: tuple[Story, ...] = ()
    consent_texts: tuple[ConsentText, ...] = ()
    ranking_rules: tuple[RankingRule, ...] = ()
    printed: tuple[Printed, ...] = ()
