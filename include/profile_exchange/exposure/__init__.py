"""The exposure API: the only door to a hosted tenant's profiles, and it opens to a partner.

``app`` puts the routes together; ``oauth`` gives tokens; ``authentication`` turns a token into
a `Grant`; ``listings`` and ``profiles`` answer with what the grant allows, and nothing else.
"""
