"""Why it did not trade: every reason that ended a candidate, in the order in which they are asked, and one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from perpbot.core.names import Symbol
from perpbot.core.reasons import REASONS, message
from perpbot.records.queries import VerdictCount
from perpbot.risk.verdicts import RecordedVerdict, VerdictLog

APPROVED = "approved"
_RECENT = 200
_TOLD = 3
"""So many reasons fit into a sentence."""
_SHORT = Context(prec=4)
_ORDER = {code: number for number, code in enumerate(code for code in REASONS if code != APPROVED)}


@dataclass(frozen=True, slots=True)
class Step:
    """One reason: how often it ended a candidate, as a share of all, and its nearest miss (of ``symbol``)."""

    reason: str
    count: int
    share: float
    english: str
    chinese: str
    symbol: Symbol
    level: str
    rule: str
    measured: Decimal | None
    limit: Decimal | None
    distance: Decimal | None
    detail: str

    def message(self, language: str) -> str:
        return self.chinese if language == "zh" else self.english


def funnel(counts: Iterable[VerdictCount]) -> list[Step]:
    """One step a reason, over all symbols in ``counts``, in the order of the funnel; what was approved is last."""
    by_reason: dict[str, list[VerdictCount]] = {}
    for count in counts:
        by_reason.setdefault(count.reason, []).append(count)
    total = sum(count.count for found in by_reason.values() for count in found)
    ordered = sorted(by_reason, key=lambda code: (code == APPROVED, _ORDER.get(code, len(_ORDER)), code))
    return [_step(code, by_reason[code], total) for code in ordered]


def _step(reason: str, found: list[VerdictCount], total: int) -> Step:
    count = sum(each.count for each in found)
    nearest = min(found, key=lambda each: (each.distance is None, each.distance or 0, each.symbol))
    return Step(
        reason=reason,
        count=count,
        share=round(count / total, 6),
        english=message(reason),
        chinese=message(reason, "zh"),
        symbol=nearest.symbol,
        level=nearest.level,
        rule=nearest.rule,
        measured=nearest.measured,
        limit=nearest.limit,
        distance=nearest.distance,
        detail=nearest.detail,
    )


def sentence(symbol: Symbol, steps: list[Step], pairs: Mapping[str, int], language: str = "en") -> str:
    """In one sentence what became of a symbol's candidates; ``pairs`` are its counts as a result has them."""
    words = _CHINESE if language == "zh" else _ENGLISH
    total = sum(step.count for step in steps)
    if not total:
        return f"{symbol}{words['colon']}{words['none']}"
    opened = _pairs(pairs, words)
    refused = sorted((step for step in steps if step.reason != APPROVED), key=lambda step: -step.count)
    told = [f"{_phrase(step, words, language)} ({step.count:,})" for step in refused[:_TOLD]]
    if len(refused) > _TOLD:
        told.append(words["more"].format(len(refused) - _TOLD))
    start = f"{symbol}{words['colon']}{words['candidates'].format(total)}{words['comma']}{opened}"
    return start + (words["colon"] + words["semicolon"].join(told) if told else "")


_ENGLISH = {
    "colon": ": ",
    "comma": ", ",
    "semicolon": "; ",
    "candidates": "{:,} candidates",
    "none": "no candidates: no gap stood far enough above its usual level (arbitrage.candidate_gap_bps)",
    "no_pair": "no pair",
    "pairs": "{:,} tried as a pair, {:,} opened",
    "more": "and {} more",
    "edge_below_minimum": "the best edge was {} after costs, {} is needed",
    "basis_warming": "the basis was still warming up, {} of {} s",
    "figures": "{}, {} against a limit of {}",
}
_CHINESE = {
    "colon": "：",
    "comma": "，",
    "semicolon": "；",
    "candidates": "{:,} 个候选",
    "none": "无候选：没有价差足够高于其常态 (arbitrage.candidate_gap_bps)",
    "no_pair": "未开仓",
    "pairs": "尝试 {:,} 对，成交 {:,} 对",
    "more": "另有 {} 个原因",
    "edge_below_minimum": "扣除成本后最好净利 {}，需要 {}",
    "basis_warming": "基差仍在预热，{} / {} 秒",
    "figures": "{}，{}，限额 {}",
}


def _pairs(pairs: Mapping[str, int], words: Mapping[str, str]) -> str:
    attempted = pairs.get("attempted", 0)
    return words["pairs"].format(attempted, pairs.get("opened", 0)) if attempted else words["no_pair"]


def _phrase(step: Step, words: Mapping[str, str], language: str) -> str:
    if step.measured is None or step.limit is None:
        return step.message(language)
    figures = brief(step.measured), brief(step.limit)
    if step.reason in words:
        return words[step.reason].format(*figures)
    return words["figures"].format(step.message(language), *figures)


def brief(value: Decimal) -> str:
    """A figure in four digits, without exponent."""
    rounded = value if value == value.to_integral_value() else _SHORT.plus(value)
    return format(rounded.normalize(), "f")


def recent_verdicts(log: VerdictLog) -> list[dict[str, Any]]:
    """The newest verdicts, newest first; equal ones in a row are one with their number."""
    return [_recorded(found) for _, found in zip(range(_RECENT), log.recent(), strict=False)]


def _recorded(found: RecordedVerdict) -> dict[str, Any]:
    verdict = found.verdict
    return {
        "time_ns": found.at_ns,
        "symbol": found.symbol,
        "buy_exchange": found.buy_exchange,
        "sell_exchange": found.sell_exchange,
        "count": found.count,
        "reason": verdict.reason,
        "rule": verdict.rule,
        "measured": _finite(verdict.measured),
        "limit": _finite(verdict.limit),
        "detail": verdict.detail,
    }


def _finite(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() else None
