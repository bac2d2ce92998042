"""How specialties, cities and inclusions are written."""

from services.catalog.importer import kinds
from services.catalog.importer.records import vocabularies

from .making import RecordSchema


class SpecialtySchema(RecordSchema):
    makes = vocabularies.Specialty
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.texts, required=True)
    practitioner = kinds.of(kinds.texts, required=True)
    operates = kinds.of(kinds.flag, required=True)


class CitySchema(RecordSchema):
    makes = vocabularies.City
    slug = kinds.of(kinds.slug, required=True)
    country = kinds.of(kinds.country, required=True)
    name = kinds.of(kinds.texts, required=True)
    other_names = kinds.listed(kinds.of(kinds.line))
    province = kinds.of(kinds.line)
    districts = kinds.listed(kinds.of(kinds.line))


class InclusionSchema(RecordSchema):
    makes = vocabularies.Inclusion
    slug = kinds.of(kinds.slug, required=True)
    name = kinds.of(kinds.texts, required=True)
