"""The table of permissions as a document: ``python -m shared.contracts.permissions > docs/permissions.md``.

Says nothing of its own: it writes down what ``roles`` holds, and a test sees that the document is of today.
"""

from __future__ import annotations

import sys

from shared.contracts.roles import OWN, PERMISSIONS, PUBLIC, Role

_INTRODUCTION = """\
# Who may do what

Written by `python -m shared.contracts.permissions > docs/permissions.md` out of `shared/contracts/roles.py`, which is what the
services go by; `make check` fails where the two differ.

A role is held at a site, and counts there; held at the operator it counts at every site. *Own* is the person concerned: the worker of
the visit, or whoever the contact points, the tokens, the password and the sessions belong to. What no role and no *own* is marked for
is nobody's. A policy may demand more (who approves a visit), and three rules stand above the table:

- A call for help is never refused to anybody who is known: where it may not be about another person, it is the caller's own.
- Tokens, passwords and sessions of whoever holds a role at the operator are a matter of the operator's administrators only.
- A role that was withdrawn, a token that was revoked and a session that was ended count nowhere 10 seconds later.

Every change of a role is an event (`grant.given.v1`, `grant.withdrawn.v1`) in the stream of its site, with who made it and when.

"""


def document() -> str:
    """Return the document, as it has to stand in ``docs/permissions.md``."""
    columns = [OWN, *(role.value for role in Role)]
    heads = [f"| operation | {' | '.join(name.replace('_', ' ') for name in columns)} |"]
    heads.append(f"|---|{':-:|' * len(columns)}")
    rows = [
        f"| `{operation}` | {' | '.join('x' if name in allowed else ' ' for name in columns)} |"
        for operation, allowed in PERMISSIONS.items()
    ]
    public = ", ".join(f"`{operation}`" for operation in sorted(PUBLIC))
    ending = (
        "\n## Without a token or a session\n\n"
        "Health, metrics and descriptions name nobody; a link's code, a reply's signature and a password are the identity of theirs.\n\n"
        f"{public}\n"
    )
    return _INTRODUCTION + "\n".join([*heads, *rows]) + "\n" + ending


if __name__ == "__main__":
    sys.stdout.write(document())
