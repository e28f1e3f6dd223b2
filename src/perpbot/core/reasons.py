"""Every reason code with its message in English and Chinese.

The codes are public: verdicts, ``why``, exports and the console use them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """``code`` is stable; the messages are for people."""

    code: str
    english: str
    chinese: str


_TABLE = (
    ("approved", "approved", "通过"),
    # before pricing
    ("book_not_ready", "order book not ready", "订单簿未就绪"),
    ("basis_warming", "basis still warming up", "基差预热中"),
    ("symbol_busy", "symbol already has a pair", "该品种已有配对"),
    ("too_many_pairs", "as many pairs in flight as allowed", "同时配对数已满"),
    ("miss_backoff", "backing off after a miss", "未成交退避中"),
    ("edge_below_minimum", "edge below minimum", "净利润不足"),
    ("residual_too_large", "the two step grids cannot meet", "两腿数量差过大"),
    ("below_minimum_size", "below minimum order size", "低于最小下单量"),
    # capital
    ("insufficient_capital", "insufficient capital", "资金不足"),
    ("safe_mode", "safe mode forbids arbitrage", "安全模式禁止套利"),
    # account
    ("trade_risk", "single trade too large", "单笔风险超限"),
    ("drawdown", "drawdown limit reached", "回撤超限"),
    ("daily_loss", "daily loss limit reached", "每日亏损超限"),
    ("consecutive_failures", "too many failures in a row", "连续失败过多"),
    ("symbol_exposure", "exposure limit reached", "敞口超限"),
    ("opposite_position", "opposite position in the symbol", "存在反向持仓"),
    ("fast_market", "fast market freeze", "快市冻结"),
    # position
    ("position_size", "position too large", "仓位过大"),
    ("cooldown", "cooling down after a failure", "冷却中"),
    ("concentration", "concentration too high", "集中度过高"),
    # execution
    ("slippage", "slippage too high", "滑点过大"),
    ("price_sanity", "price out of line", "价格异常"),
    ("book_age", "order book too old", "订单簿过旧"),
    ("book_skew", "order books too far apart in time", "两所行情时差过大"),
    ("worst_case_loss", "worst-case loss above budget", "最坏亏损超限"),
    ("market_closed", "an exit is not possible: market not open", "市场未开放，无法平仓"),
    ("custom", "refused by a custom rule", "自定义规则拒绝"),
    # the send gate
    ("not_active", "trading state forbids openings", "当前状态禁止开仓"),
    ("latched", "halt latch is set", "紧急停止已锁定"),
    ("frozen", "symbol is frozen", "品种已冻结"),
    ("not_connected", "exchange not connected", "交易所未连接"),
    ("unknown_order", "an order's outcome on the exchange is unknown", "存在结果未知的订单"),
    ("reads_failing", "exchange state cannot be read", "交易所状态读取失败"),
    ("quarantined", "a pair is quarantined", "存在隔离的配对"),
    ("foreign_position", "a position on the exchange that no order of ours explains", "存在来源不明的持仓"),
    ("order_invalid", "order breaks the instrument's rules", "订单不符合合约规则"),
    ("limit_breached", "a limit would be breached with orders in flight", "含在途订单后超限"),
    ("self_trade", "would match our own resting order", "会与自己的挂单成交"),
    ("duplicate_order", "the same order was sent a moment ago", "重复订单"),
    ("not_supported", "the exchange does not support this order", "交易所不支持该订单"),
    ("journal_failed", "the journal cannot be written", "日志无法写入"),
    ("unknown_pair", "no such pair", "没有该配对"),
    # how a pair ended
    ("missed", "both legs unfilled", "双腿均未成交"),
    ("hedged", "both legs filled", "双腿成交"),
    ("repaired", "hedged after repair", "补单后对冲"),
    ("unwound", "one side filled and was unwound", "单边成交已平回"),
    ("rejected", "an order was rejected", "订单被拒绝"),
    ("deadline", "an order did not finish in time", "订单超时"),
    ("outcome_unknown", "an order's outcome stayed unknown", "订单结果未知"),
    ("naked_leg", "one leg stood alone too long", "单腿暴露超时"),
    ("position_mismatch", "the exchange holds another position than our books", "交易所持仓与账本不符"),
    ("execution_error", "an error broke off the pair's execution", "执行过程出错中断"),
    ("never_accepted", "the exchange never accepted the order", "交易所从未接受该订单"),
    ("resolved", "the operator ended its quarantine", "已由操作员解除隔离"),
    ("closed", "pair closed", "配对已平仓"),
)

REASONS: dict[str, Reason] = {code: Reason(code, english, chinese) for code, english, chinese in _TABLE}
"""All reason codes."""


def message(code: str, language: str = "en") -> str:
    """The message of ``code`` in ``language`` (``en`` or ``zh``); an unknown code is its own message."""
    reason = REASONS.get(code)
    if reason is None:
        return code
    return reason.chinese if language == "zh" else reason.english
