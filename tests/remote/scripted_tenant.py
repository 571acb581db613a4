"""A tenant of ours that is written to over real sockets, and answers as a test tells it to."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.tenants.scripted_partner import Answer, Request, ScriptedPartner

PREFIX = "/rest/v2"
#: What is answered instead of what the tenant has to say; it says None where nothing was done.
Fault = Callable[[Any], Answer]


@dataclass(frozen=True)
class Played:
    """A fault of a write to come: before the tenant has processed it, or after.

    One that is ``late`` is carried out when its answer has been given up.
    """

    fault: Fault
    processed: bool = True
    late: bool = False


@dataclass
class Held:
    """A profile of the tenant's."""

    id: str
    properties: dict[str, list[str]] = field(default_factory=dict)


class ScriptedTenant(ScriptedPartner):
    """It looks for mail addresses, sets, and adds whatever comes, as often as it comes.

    ``values`` and ``sums`` are faults of its next writes of either, ``types`` what it says of its
    properties. ``names`` are the states in which it says which profile it found, and what asks for
    nothing it may skip. ``listed`` are its segments and objectives; None are not ours to see.
    ``under_way`` are requests that it has yet to carry out, ``unique`` its unique identifiers.
    """

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.held: dict[str, Held] = {}
        self.types = {"email": "EMAIL", "section": "SELECT", "articles": "RANGE"}
        self.unique = {"email"}
        self.values: list[Played] = []
        self.sums: list[Played] = []
        self.names = {"CREATED", "MODIFIED", "UNCHANGED"}
        self.skips_nothing_to_do = False
        self.listed: dict[str, list[str] | None] = {"segments": ["visitors"], "objectives": []}
        self.under_way: list[Request] = []
        self.added = 0

    def catch_up(self, *_: Any) -> None:
        """Carry out what is still under way: nobody waits for the answers any more."""
        while self.under_way:
            self._results(self.under_way.pop(0))

    def add(self, mail: str) -> Held:
        made = Held(str(uuid.uuid4()), {"email": [mail]})
        self.held[made.id] = made
        return made

    @property
    def writes(self) -> list[Request]:
        return [each for each in self.asked("/profiles") if each.method == "PUT"]

    def _respond(self, request: Request) -> Answer:
        kind, _, name = request.path.removeprefix(f"{PREFIX}/").partition("/")
        if kind == "profileProperties":
            return self._property(request, name)
        if kind in self.listed:
            found = self.listed[kind]
            ids = [{"id": each} for each in found or ()]
            return Answer({kind: ids}, status=403 if found is None else 200)
        if request.method == "PUT":
            return self._written(request)
        return self._profile(name) if name else self._search(request)

    def _search(self, request: Request) -> Answer:
        wanted = {
            kind: [text for key, text in request.query if key == kind]
            for kind in ("property", "value")
        }
        if len(wanted["property"]) != 1 or wanted["property"][0] not in self.unique:
            return Answer({}, status=501)
        name = wanted["property"][0]
        found = [
            each for each in self.held.values() if each.properties.get(name) == wanted["value"]
        ]
        return Answer({"profiles": [{"id": each.id} for each in found]})

    def _property(self, request: Request, name: str) -> Answer:
        if not name:
            return Answer({"profileProperties": [self._described(each) for each in self.types]})
        if request.method == "PUT":
            self.types[name] = json.loads(request.body)["filterType"]
        return Answer(self._described(name)) if name in self.types else Answer({}, status=404)

    def _described(self, name: str) -> dict[str, Any]:
        count = sum(name in each.properties for each in self.held.values())
        told = {
            "filterType": self.types[name],
            "indexed": name in self.unique,
            "profileCount": count,
        }
        return {"id": name, **told}

    def _profile(self, name: str) -> Answer:
        if name not in self.held:
            return Answer({}, status=404)
        values = [{"id": key, "values": had} for key, had in self.held[name].properties.items()]
        return Answer({"id": name, "properties": values})

    def _written(self, request: Request) -> Answer:
        waiting = self.sums if b'"INCREMENT"' in request.body else self.values
        played = waiting.pop(0) if waiting else None
        if played and not played.processed:
            self.under_way += [request] * played.late
            return played.fault(None)
        results = self._results(request)
        return played.fault(results) if played else Answer(results)

    def _results(self, request: Request) -> list[dict[str, Any]]:
        return [self._entry(entry) for entry in json.loads(request.body)]

    def _entry(self, entry: dict[str, Any]) -> dict[str, Any]:
        found = self._found(entry)
        if found is None and entry["strategy"] == "UPSERT":
            return self._created(entry)
        if found is None:
            return {"identifier": entry["identifier"], "state": "NOTFOUND"}
        if self.skips_nothing_to_do and not entry["properties"]:
            return {"identifier": entry["identifier"], "state": "SKIPPED"}
        before = json.dumps(found.properties)
        for rule in entry["properties"]:
            if rule["restriction"] != "NEW_PROFILES_ONLY":
                self._rule(found, rule)
        state = "UNCHANGED" if json.dumps(found.properties) == before else "MODIFIED"
        named = {"profileId": found.id} if state in self.names else {}
        return {"identifier": entry["identifier"], "state": state, **named}

    def _created(self, entry: dict[str, Any]) -> dict[str, Any]:
        made = Held(str(uuid.uuid4()))
        for rule in entry["properties"]:
            self._rule(made, rule)
        self.held[made.id] = made
        return {"identifier": entry["identifier"], "state": "CREATED", "profileId": made.id}

    def _found(self, entry: dict[str, Any]) -> Held | None:
        if "profileId" in entry:
            return self.held.get(entry["profileId"])
        wanted = [one["value"] for every in entry["matching"] for one in every]
        return next((p for p in self.held.values() if p.properties["email"][0] in wanted), None)

    def _rule(self, found: Held, rule: dict[str, Any]) -> None:
        if rule["strategy"] == "INCREMENT":
            self.added += 1
            had = int(found.properties.get(rule["id"], ["0"])[0])
            found.properties[rule["id"]] = [str(had + int(rule["values"][0]))]
        elif rule["values"]:
            found.properties[rule["id"]] = rule["values"]
        else:
            found.properties.pop(rule["id"], None)
