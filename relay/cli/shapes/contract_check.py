"""Findings of `shapes check` for each event type, as lines and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from relay.analysis.contract import Contract
from relay.analysis.shape_summary import DifferenceStats
from relay.cli.shapes.sources import Source
from relay.errors import UsageError
from relay.models import Shape
from relay.text.safe import visible


@dataclass(slots=True)
class Checked:
    """The findings for one event type."""

    compared: int = 0
    drifted: int = 0
    unknown: int = 0
    """Events that the contract does not cover."""
    differences: dict[tuple[str, str], DifferenceStats] = field(default_factory=dict)


def checked_against(contract: Contract, events: Iterator[Source], name: str) -> dict[str, Checked]:
    found: dict[str, Checked] = {}
    for source in events:
        try:
            judgement = contract.judge(source.body)
        except ValueError as error:
            raise UsageError(f"{name} is not a valid contract: {error}") from error
        checked = found.setdefault(judgement.type or "no type", Checked())
        if judgement.shape in (Shape.UNKNOWN, Shape.NOT_JSON):
            checked.unknown += 1
            continue
        checked.compared += 1
        checked.drifted += judgement.shape is Shape.DRIFT
        for key, each in {(each.path, str(each.kind)): each for each in judgement.differences}.items():
            checked.differences.setdefault(key, DifferenceStats(each, source.name)).count += 1
    return found


def report(checked: Mapping[str, Checked]) -> Iterator[dict[str, Any]]:
    for type_, each in sorted(checked.items()):
        counts = f"{each.compared} checked, {each.drifted} drifted"
        if not each.compared:
            counts = f"{each.unknown} skipped: the contract does not cover this type"
        yield {
            "kind": "checked",
            "type": type_,
            "compared": each.compared,
            "drifted": each.drifted,
            "passed_over": each.unknown,
            "text": f"{type_}: {counts}",
        }
        for one in sorted(each.differences.values(), key=lambda one: not one.first.warning):
            text = (
                f"  {one.first.level}  {_agreed(one)} ({one.count} of {each.compared}, first in {one.source})"
            )
            yield {
                "kind": "shape_difference",
                "type": type_,
                "difference": one.first.as_json(),
                "count": one.count,
                "first_in": one.source,
                "text": text,
            }


def _agreed(seen: DifferenceStats) -> str:
    return str(seen.first).replace(" is documented; ", " is in the contract; ")


def junit_xml(checked: Mapping[str, Checked]) -> str:
    """One test case per type; its failure lists the warnings."""
    failures = sum(each.drifted > 0 for each in checked.values())
    suite = ElementTree.Element(
        "testsuite", name="lean-relay shapes", tests=str(len(checked)), failures=str(failures)
    )
    for type_, each in sorted(checked.items()):
        case = ElementTree.SubElement(suite, "testcase", classname="shapes", name=visible(type_))
        warnings = [visible(_agreed(one)) for one in each.differences.values() if one.first.warning]
        if warnings:
            message = f"{each.drifted} of {each.compared} drifted"
            ElementTree.SubElement(case, "failure", message=message).text = "\n".join(warnings)
        elif not each.compared:
            ElementTree.SubElement(case, "skipped", message="the contract does not cover it")
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
