"""The analysis once more, slowly and plainly: one object after the other, in lists."""

from __future__ import annotations

import math

import numpy as np

EDGE = 1


def overlap(a, b, is_shared) -> float:
    """IoU of two corner boxes with inclusive corners; the share of `a` if `is_shared`."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + EDGE
    height = min(a[3], b[3]) - max(a[1], b[1]) + EDGE
    if width <= 0 or height <= 0:
        return 0.0
    area_a = (a[2] - a[0] + EDGE) * (a[3] - a[1] + EDGE)
    area_b = (b[2] - b[0] + EDGE) * (b[3] - b[1] + EDGE)
    shared = width * height
    return shared / (area_a if is_shared else area_a + area_b - shared)


def found_rows(found):
    """Detections as (image, label, score, box), in their order."""
    columns = (found.image_index, found.labels, found.scores, found.boxes_px)
    return list(zip(*(column.astype(float).tolist() for column in columns), strict=True))


def truth_rows(truth):
    """Objects as (image, label, box, is ignored)."""
    ignored = (truth.difficult | truth.crowd).tolist()
    columns = (truth.image_index, truth.labels, truth.boxes_px)
    return list(zip(*(c.astype(float).tolist() for c in columns), ignored, strict=True))


def match(found, truth, least=0.5):
    """outcome, owner and found_by as lists."""
    ours, theirs = found_rows(found), truth_rows(truth)
    outcome, owner = [0] * len(ours), [-1] * len(ours)
    found_by = [-1] * len(theirs)
    for row in sorted(range(len(ours)), key=lambda r: -ours[r][2]):
        image, label, _, box = ours[row]
        best, best_overlap = -1, least
        for wants_ignored in (False, True):
            if best >= 0:
                break
            for place, (its_image, its_label, its_box, is_ignored) in enumerate(theirs):
                if (its_image, its_label, is_ignored) != (image, label, wants_ignored):
                    continue
                if found_by[place] >= 0:
                    continue
                if overlap(box, its_box, is_ignored) >= best_overlap:
                    best, best_overlap = place, overlap(box, its_box, is_ignored)
        if best >= 0:
            owner[row] = best
            outcome[row] = -1 if theirs[best][3] else 1
            if not theirs[best][3]:
                found_by[best] = row
    return outcome, owner, found_by


def average_precision(scored, num_objects):
    """`scored`: (score, outcome) of one class, in order."""
    if not num_objects:
        return math.nan
    hits = alarms = 0
    points = []
    for _, outcome in sorted(scored, key=lambda pair: -pair[0]):
        if outcome == -1:
            continue
        hits, alarms = hits + (outcome == 1), alarms + (outcome == 0)
        points.append((hits / num_objects, hits / (hits + alarms)))
    total = 0.0
    for wanted in np.linspace(0, 1, 101).tolist():  # its roundings are part of the metric
        total += max((p for r, p in points if r >= wanted), default=0.0)
    return total / 101


def kinds(found, truth, matching):
    """(kind, partner) of each detection, and the missed objects, by the definitions of TIDE."""
    outcome, _, found_by = matching
    ours, theirs = found_rows(found), truth_rows(truth)
    named = []
    for row, (image, label, _, box) in enumerate(ours):
        if outcome[row] != 0:
            named.append((None, -1))
            continue
        near = [
            (overlap(box, t[2], False), place)
            for place, t in enumerate(theirs)
            if t[0] == image and not t[3]
        ]
        same = max((n for n in near if theirs[n[1]][1] == label), default=(0, -1), key=_first)
        other = max((n for n in near if theirs[n[1]][1] != label), default=(0, -1), key=_first)
        if 0.1 <= same[0] < 0.5:
            named.append(("place", same[1]))
        elif other[0] >= 0.5:
            named.append(("class", other[1]))
        elif same[0] >= 0.5 and found_by[same[1]] >= 0:
            named.append(("double", same[1]))
        elif max(same[0], other[0]) < 0.1:
            named.append(("background", -1))
        else:
            named.append(("both", other[1]))
    explained = {place for kind, place in named if kind in ("class", "place")}
    missed = [
        place
        for place, t in enumerate(theirs)
        if found_by[place] < 0 and not t[3] and place not in explained
    ]
    return named, missed


def _first(pair):
    return pair[0], -pair[1]


def costs(found, truth, num_classes):
    """mAP that repairing each kind adds, by changing lists of detections."""
    ours, theirs = found_rows(found), truth_rows(truth)
    outcome, owner, found_by = matching = match(found, truth)
    named, missed = kinds(found, truth, matching)
    asked = [t[1] for t in theirs if not t[3]]

    def mean(rows, labels_asked):
        values = []
        for label in range(num_classes):
            if label not in asked:
                continue
            count = labels_asked.count(label)
            scored = [(score, result) for its, score, result in rows if its == label]
            values.append(average_precision(scored, count) if count else 1.0)
        return sum(values) / len(values)

    plain = [(label, score, result) for (_, label, score, _), result in zip(ours, outcome)]  # noqa: B905
    base = mean(plain, asked)
    gained = {
        "missed": mean(plain, [t[1] for i, t in enumerate(theirs) if not t[3] and i not in missed])
    }
    for kind in ("class", "place", "both", "double", "background"):
        taken, rows = set(), []
        for row in sorted(range(len(ours)), key=lambda r: -ours[r][2]):
            label, score, result = plain[row]
            if named[row][0] == kind:
                place = named[row][1]
                repairs = kind in ("class", "place") and found_by[place] < 0 and place not in taken
                if not repairs:
                    continue
                taken.add(place)
                label, result = theirs[place][1], 1
            rows.append((row, label, score, result))
        gained[kind] = mean([row[1:] for row in sorted(rows)], asked)
    return {kind: value - base for kind, value in gained.items()}
