"""The faults that a soak must not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

GOOD_CONNECTIONS, BAD_CONNECTIONS = 16, 2
# Largest growth of a process, from the median of the second quarter of its life to that of the last, and largest slope
# of the last quarter.  Loading another network leaves some MB in fragments; a leak of 1 kB per request would be 1 GB.
MOST_GROWTH_MB, MOST_SLOPE_MB_PER_MINUTE = 30.0, 2.0
# Largest memory above that median: one body may take 150 MB, and two may come at once.
MOST_PEAK_MB = 300.0
# Processes that lived for a shorter time are not judged for growth, or for its slope.
LONG_ENOUGH_S, LONG_ENOUGH_FOR_SLOPE_S = 20, 300
MOST_DESCRIPTORS_LEFT = 4


def violations(result: dict[str, Any]) -> list[str]:
    """All faults of a soak."""
    return [*_failed(result), *_not_refused(result), *_kept(result)]


def _failed(result: dict[str, Any]) -> Iterator[str]:
    """Good requests that failed.  Requests on the connections of a killed process may fail."""
    careful, good, kills = result["careful"], result["good"], result["killed"]
    if good["refused"] or good["broken"] > kills * GOOD_CONNECTIONS:
        yield f"{good['refused']} good requests were refused, {good['broken']} broke off"
    if set(careful["statuses"]) != {"200"} or careful["wrong"]:
        yield f"the careful client got {careful['statuses']}, {careful['wrong']} of them wrong"
    if careful["resent"] > kills:
        yield f"the careful client had to send {careful['resent']} requests twice"
    if not {"0", "1"} <= set(careful["versions"]):
        yield f"not both versions answered: {careful['versions']}"
    for path in ("/api/models/1/promote", "/api/models/rollback"):
        if result["events"][path]["status"] != 200:
            yield f"{path} failed: {result['events'][path]}"


def _not_refused(result: dict[str, Any]) -> Iterator[str]:
    """Invalid requests with a status other than 400 to 499."""
    bad, kills = result["bad"], result["killed"]
    if bad["broken"] > kills * BAD_CONNECTIONS or not all(400 <= status < 500 for status in bad["statuses"]):
        yield f"rubbish was answered with {bad['statuses']}; {bad['broken']} connections broke"
    broken = 0
    for name, outcomes in result["hostile"].items():
        answered = {outcome: times for outcome, times in outcomes.items() if outcome.isdigit()}
        broken += sum(outcomes.values()) - sum(answered.values())
        if not all(outcome.startswith("4") for outcome in answered):
            yield f"{name}: {outcomes}"
    if broken > kills:
        yield f"{broken} hostile requests broke off: {result['hostile']}"
    for name, outcomes in result["endless"].items():
        # Readers that never read may occupy all live streams: 503.
        if any(outcome.startswith("5") for outcome in outcomes if outcome != "503"):
            yield f"an endless {name}: {outcomes}"


def _kept(result: dict[str, Any]) -> Iterator[str]:
    """Faults of memory, descriptors and processes."""
    for pid, figures in result["processes"].items():
        if figures["seconds"] >= LONG_ENOUGH_S and figures["growth_mb"] > MOST_GROWTH_MB:
            yield f"process {pid} grew by {figures['growth_mb']} MB"
        if figures["seconds"] >= LONG_ENOUGH_FOR_SLOPE_S and figures["slope_mb_per_minute"] > MOST_SLOPE_MB_PER_MINUTE:
            yield f"process {pid} grows by {figures['slope_mb_per_minute']} MB a minute"
        if figures["peak_mb"] - figures["warm_mb"] > MOST_PEAK_MB:
            yield f"process {pid} once took {figures['peak_mb']} MB"
    counts = result["descriptors"]
    if counts["after"] > counts["before"] + MOST_DESCRIPTORS_LEFT:
        yield f"{counts['after'] - counts['before']} descriptors were left open"
    if result["replaced"] != result["killed"]:
        yield f"{result['replaced']} server processes were replaced, {result['killed']} were killed by this script"
    if result["tracebacks"]:
        yield f"the server logged {len(result['tracebacks'])} tracebacks; the first: {result['tracebacks'][0][-300:]}"
