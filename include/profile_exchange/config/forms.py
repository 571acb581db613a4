"""The forms of ids, names host names and addresses, and what to write instead of a wrong one."""

from __future__ import annotations

import re

from profile_exchange.domain.transforms import DATE_FORM

SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
OBJECT_ID = r"^[A-Za-z0-9_.:-]{1,63}$"
SECRET_NAME = r"^[a-z0-9][a-z0-9-]{0,99}$"  # noqa: S105 -- the form of a name, no secret
CREDENTIALS = r"^[A-Za-z0-9_.-]{1,200}$"
HOST_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"
HTTP_ADDRESS = r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$"
#: As browsers check an address, with a host name behind it.
MAIL_ADDRESS = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
)
IMPORT_PATH = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$"
ONE_LINE = r"^[^\t\n\r\x85\u2028\u2029]*$"

#: What to write where a pattern does not match. The input is never repeated: people paste
#: addresses with passwords, and secrets, where a name belongs.
ADVICE = {
    SLUG: "write lower-case letters, digits and hyphens, at most 63, such as taylor-times.",
    OBJECT_ID: "write an id, not a name: letters, digits and _ . : - without blanks, at most 63.",
    SECRET_NAME: (
        "write the name of a secret: lower-case letters, digits and hyphens. The secret itself "
        "does not belong here."
    ),
    CREDENTIALS: (
        "write the id of an Airflow connection: letters, digits and _ . -. Key and secret "
        "themselves do not belong here."
    ),
    HOST_NAME: "write the host name alone, such as tenant.example.com: no https://, port or path.",
    HTTP_ADDRESS: "write an address such as http://127.0.0.1:8080, without user and password.",
    DATE_FORM: (
        "write a form of YYYY, YY, MM, DD, HH, mm and ss with signs between them, such as "
        "DD-MM-YYYY."
    ),
    MAIL_ADDRESS: "write one mail address, such as data@example.com, without a name.",
    IMPORT_PATH: (
        "write the import path of a notifier, such as "
        "airflow.providers.slack.notifications.slack.SlackNotifier."
    ),
    ONE_LINE: "write it on one line, without tabs.",
}


def is_object_id(value: object) -> bool:
    """Whether a value could be the id of a property, a segment or an objective."""
    return isinstance(value, str) and re.fullmatch(OBJECT_ID, value) is not None
