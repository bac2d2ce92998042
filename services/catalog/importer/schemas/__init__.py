"""How each list of a file is written: one schema per kind of record. Unknown fields are refused."""

from marshmallow import Schema

from .hospitals import DoctorSchema, HospitalSchema, OfferingSchema
from .prices import PriceSchema
from .procedures import DestinationFactsSchema, ProcedureSchema
from .statements import ConsentTextSchema, RankingRuleSchema, StorySchema
from .vocabularies import CitySchema, InclusionSchema, SpecialtySchema

OF_LISTS: dict[str, Schema] = {
    "specialties": SpecialtySchema(),
    "cities": CitySchema(),
    "inclusions": InclusionSchema(),
    "procedures": ProcedureSchema(),
    "destination_facts": DestinationFactsSchema(),
    "prices": PriceSchema(),
    "hospitals": HospitalSchema(),
    "offerings": OfferingSchema(),
    "doctors": DoctorSchema(),
    "stories": StorySchema(),
    "consent_texts": ConsentTextSchema(),
    "ranking_rules": RankingRuleSchema(),
}
