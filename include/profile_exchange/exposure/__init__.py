"""The exposure API: the only door to a hosted tenant's profiles, and it opens to a partner.

``app`` puts the routes together; ``oauth`` gives tokens; ``authentication`` turns a token into
what its bearer may read (`Grant`) and write (`Acceptance`); ``listings`` and ``profiles`` answer
with what the grant allows, ``writes`` takes what the connection accepts, and nothing else.
"""
