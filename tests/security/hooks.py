"""What schemathesis cannot know of our documents: a body that names what the catalog has, and who is calling.

Loaded by its command line, in a process of its own.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

KNOWN = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text(encoding="utf-8"))  # `enquiry`: a body that is taken; `own`: the caller's ids
ANOTHER = "01890a5d-ac96-774b-bcce-b302099a8057"
SUICIDES = {"accounts.deactivate", "api_keys.revoke"}  # whoever ends their own account is 401 from then on


@schemathesis.hook.apply_to(operation_id="enquiries.create")
def map_body(context: Any, body: Any) -> Any:
    """What was made up stands beside what is taken, member by member, so that some enquiries come into being."""
    if not isinstance(body, dict):
        return body
    dice = zlib.crc32(repr(sorted(body, key=str)).encode() + repr(body).encode())
    if dice % 2:
        return KNOWN["enquiry"]
    spoilt = list(KNOWN["enquiry"])[dice % 17 : dice % 17 + 1]  # one of its nine members, or none
    return body | {name: value for name, value in KNOWN["enquiry"].items() if name not in spoilt}


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
