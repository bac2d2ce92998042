"""What operations are shown, and what they send. Never a contact, never the contents of a letter."""

from marshmallow import fields, validate

from services.notification import holds
from services.notification.deliveries import State
from services.notification.endpoints.routes import NewEndpointSchema
from shared.web import Schema, pages

# -- schema -------------------------------------------------------------------


class BecauseSchema(Schema):
    because = fields.String(required=True, validate=validate.Length(3, 500), metadata={"description": "for the audit; nothing personal"})


class TaskQuery(pages.PageQuery):
    done = fields.Boolean(load_default=False)


class TaskSchema(Schema):
    id = fields.UUID()
    kind = fields.String(metadata={"examples": ["invitation_overdue"]})
    case_id = fields.UUID(allow_none=True)
    hospital_id = fields.UUID(allow_none=True)
    details = fields.Dict()
    created_at = fields.AwareDateTime()
    done_at = fields.AwareDateTime(allow_none=True)
    done_by = fields.String(allow_none=True)
    done_because = fields.String(allow_none=True)


class TasksSchema(pages.PageSchema):
    items = fields.List(fields.Nested(TaskSchema()))


class ParkedKeySchema(Schema):
    topic = fields.String()
    key = fields.String()
    reason = fields.String()
    parked_at = fields.AwareDateTime()
    waiting = fields.Integer(metadata={"description": "letters that wait behind it"})
    letter = fields.Integer(metadata={"description": "the first of them"})


class ParkedKeysSchema(pages.PageSchema):
    items = fields.List(fields.Nested(ParkedKeySchema()))


class ReplaySchema(BecauseSchema):
    topic = fields.String(required=True, validate=validate.Length(1, 200))
    key = fields.String(required=True, validate=validate.Length(1, 2000))


class LetterSchema(Schema):
    id = fields.Integer()
    topic = fields.String()
    partition = fields.Integer()
    offset = fields.Integer()
    key = fields.String()
    type = fields.String()
    state = fields.String()
    reason = fields.String()
    bytes = fields.Integer()
    received_at = fields.AwareDateTime()


class LettersSchema(pages.PageSchema):
    items = fields.List(fields.Nested(LetterSchema()))


class OpsLogQuery(pages.PageQuery):
    state = fields.List(fields.String(validate=validate.OneOf([str(one) for one in State])), load_default=list)


class BacklogSchema(Schema):
    channel = fields.String()
    state = fields.String()
    count = fields.Integer()
    oldest = fields.AwareDateTime(allow_none=True)


class OpsEndpointSchema(NewEndpointSchema, BecauseSchema):
    """As a hospital registers it, for a reason."""

    trusted = fields.Boolean(
        load_default=False,
        metadata={"description": "a mail address is used without proof: operations know whose it is, and `because` says how"},
    )


class NewHoldSchema(BecauseSchema):
    kind = fields.String(required=True, validate=validate.OneOf(holds.KINDS))
    value = fields.String(required=True, validate=validate.Length(1, 100), metadata={"examples": ["webhook"]})


class HoldSchema(Schema):
    id = fields.UUID()
    kind = fields.String()
    value = fields.String()
    because = fields.String()
    held_by = fields.String()
    held_at = fields.AwareDateTime()
    released_at = fields.AwareDateTime(allow_none=True)


class HoldsSchema(pages.PageSchema):
    items = fields.List(fields.Nested(HoldSchema()))


class WithheldSchema(Schema):
    event_id = fields.UUID()
    type = fields.String()
    case_id = fields.UUID()
    occurred_at = fields.AwareDateTime()
    withheld_at = fields.AwareDateTime()


class WithheldsSchema(pages.PageSchema):
    items = fields.List(fields.Nested(WithheldSchema()))


class CountSchema(Schema):
    count = fields.Integer()
