"""What schemathesis cannot know of our documents: a body that names what the catalog has, and who is calling.

Loaded by its command line, in a process of its own.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

KNOWN = json.loads(
    Path(os.environ["FUZZ_KNOWN"]).read_text(encoding="utf-8")
)  # `bodies`: what an operation takes; `reference`: a case; `own`: the caller's ids
ANOTHER = "01890a5d-ac96-774b-bcce-b302099a8057"
SUICIDES = {"accounts.deactivate", "api_keys.revoke"}  # whoever ends their own account is 401 from then on


@schemathesis.hook.apply_to(operation_id="enquiries.create")
def map_body(context: Any, body: Any) -> Any:
    """What was made up stands beside what is taken, member by member, so that some enquiries come into being."""
    if not isinstance(body, dict):
        return body
    dice = zlib.crc32(repr(sorted(body, key=str)).encode() + repr(body).encode())
    (taken,) = KNOWN["bodies"]["enquiries.create"]
    if dice % 2:
        return taken
    spoilt = list(taken)[dice % 17 : dice % 17 + 1]  # one of its nine members, or none
    return body | {name: value for name, value in taken.items() if name not in spoilt}


@schemathesis.hook("map_body").apply_to(operation_id="appointments.hold")
def hold_what_is_free(context: Any, body: Any) -> Any:
    """Half of those who hold a slot name one that there is."""
    dice, slots = zlib.crc32(repr(body).encode()), KNOWN["bodies"]["appointments.hold"]
    return slots[dice % len(slots)] if dice % 2 else body


@schemathesis.hook("map_path_parameters").apply_to(operation_id=["enquiries.show", "appointments.of_enquiry", "appointments.hold"])
def name_a_case(context: Any, path_parameters: Any) -> Any:
    """A reference that was made up is replaced by one that there is, half the time."""
    if not path_parameters or zlib.crc32(repr(path_parameters).encode()) % 2:
        return path_parameters
    return path_parameters | {"reference": KNOWN["reference"]}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Nobody ends their own account: ids of the token are found and used, which is one attack, but the last."""
    if case.operation.definition.raw.get("operationId") in SUICIDES:
        for name, value in case.path_parameters.items():
            if str(value).lower() in KNOWN["own"]:
                case.path_parameters[name] = ANOTHER


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """A request line beyond 4094 bytes is refused by the HTTP server, in its own words, before a service is asked."""
    return not (response is not None and response.status_code == 414)
